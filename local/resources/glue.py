"""Glue: security configurations."""

from __future__ import annotations

from typing import Any

from local.resources.provisioner import (
    Context,
    Created,
    Properties,
    ResourceType,
    call,
    resource_type,
)
from local.services.clients import client


@resource_type("AWS::Glue::SecurityConfiguration")
class SecurityConfiguration(ResourceType):
    """How Glue encrypts; jobs name it, and every change replaces it."""

    record_only = True

    def create(self, props: Properties, context: Context) -> Created:
        encryption = dict(props["EncryptionConfiguration"])
        if "S3Encryptions" in encryption:
            encryption["S3Encryption"] = encryption.pop("S3Encryptions")
        wanted = {"Name": props["Name"], "EncryptionConfiguration": encryption}
        call("glue", "create_security_configuration", wanted)
        return Created(props["Name"])

    def delete(self, physical_id: str, props: Properties, context: Context) -> None:
        client("glue").delete_security_configuration(Name=physical_id)

    def describe(self, physical_id: str) -> dict[str, Any]:
        found = client("glue").get_security_configuration(Name=physical_id)["SecurityConfiguration"]
        encryption = found["EncryptionConfiguration"]
        return {
            **found,
            "EncryptionConfiguration": {**encryption, "S3Encryptions": encryption.get("S3Encryption")},
        }
