"""The AWS Glue Schema Registry: which UUID stands for which version of the event's schema."""

from __future__ import annotations

import json
from typing import Any

AVAILABLE = "AVAILABLE"


class SchemaError(Exception):
    """A schema's version is not registered, or not usable."""


def versions(glue: Any, registry: str, schema: str) -> dict[str, str]:
    """Definition of each usable version by its UUID; `glue` is a boto3 client."""
    identity = {"RegistryName": registry, "SchemaName": schema}
    pages = glue.get_paginator("list_schema_versions").paginate(SchemaId=identity)
    return {
        each["SchemaVersionId"]: glue.get_schema_version(
            SchemaId=identity, SchemaVersionNumber={"VersionNumber": each["VersionNumber"]}
        )["SchemaDefinition"]
        for page in pages
        for each in page["Schemas"]
        if each["Status"] == AVAILABLE
    }


def version_id(glue: Any, registry: str, schema: str, definition: dict[str, Any]) -> str:
    """UUID of the version with this definition. SchemaError if it is not registered."""
    try:
        found = glue.get_schema_by_definition(
            SchemaId={"RegistryName": registry, "SchemaName": schema}, SchemaDefinition=json.dumps(definition)
        )
    except glue.exceptions.EntityNotFoundException as problem:
        raise SchemaError(f"{schema} in {registry} has no version with this definition") from problem
    if found["Status"] != AVAILABLE:
        raise SchemaError(f"version {found['SchemaVersionId']} of {schema} is {found['Status']}")
    return str(found["SchemaVersionId"])
