"""Glue's schema registry: registries, schemas, versions."""

from __future__ import annotations

from typing import Any

from local.resources.glue_jobs import retag
from local.resources.provisioner import Context, Created, Properties, ResourceType, call, resource_type
from local.services.clients import client


@resource_type("AWS::Glue::Registry")
class Registry(ResourceType):
    """A registry; its name is for good."""

    create_only = frozenset({"Name"})

    def create(self, props: Properties, context: Context) -> Created:
        wanted = {"RegistryName": props["Name"], "Description": props.get("Description", "")}
        arn = call("glue", "create_registry", wanted)["RegistryArn"]
        retag(arn.rpartition(":")[2], props)
        return Created(arn, {"Arn": arn})

    def update(self, physical_id: str, old: Properties, new: Properties, context: Context) -> Created:
        if any(old.get(name) != new.get(name) for name in self.create_only):
            return self.create(new, context)
        client("glue").update_registry(
            RegistryId={"RegistryArn": physical_id}, Description=new.get("Description", "")
        )
        retag(physical_id.rpartition(":")[2], new)
        return Created(physical_id, {"Arn": physical_id})

    def delete(self, physical_id: str, props: Properties, context: Context) -> None:
        client("glue").delete_registry(RegistryId={"RegistryArn": physical_id})

    def describe(self, physical_id: str) -> dict[str, Any]:
        found = client("glue").get_registry(RegistryId={"RegistryArn": physical_id})
        return {**found, "Name": found["RegistryName"], "Tags": _tags_of(physical_id)}


@resource_type("AWS::Glue::Schema")
class Schema(ResourceType):
    """A schema with its first version."""

    create_only = frozenset({"Name", "DataFormat", "Registry", "SchemaDefinition"})

    def create(self, props: Properties, context: Context) -> Created:
        made = call(
            "glue",
            "create_schema",
            {
                "SchemaName": props["Name"],
                "RegistryId": {"RegistryArn": props["Registry"]["Arn"]},
                "DataFormat": props["DataFormat"],
                "Compatibility": props["Compatibility"],
                "Description": props.get("Description", ""),
                "SchemaDefinition": props["SchemaDefinition"],
            },
        )
        arn = made["SchemaArn"]
        retag(arn.rpartition(":")[2], props)
        return Created(arn, {"Arn": arn, "InitialSchemaVersionId": made["SchemaVersionId"]})

    def update(self, physical_id: str, old: Properties, new: Properties, context: Context) -> Created:
        if any(old.get(name) != new.get(name) for name in self.create_only):
            return self.create(new, context)
        identity = {"SchemaArn": physical_id}
        change = {key: new[key] for key in ("Compatibility", "Description") if key in new}
        client("glue").update_schema(SchemaId=identity, SchemaVersionNumber={"LatestVersion": True}, **change)
        retag(physical_id.rpartition(":")[2], new)
        first = client("glue").get_schema_version(SchemaId=identity, SchemaVersionNumber={"VersionNumber": 1})
        return Created(physical_id, {"Arn": physical_id, "InitialSchemaVersionId": first["SchemaVersionId"]})

    def delete(self, physical_id: str, props: Properties, context: Context) -> None:
        client("glue").delete_schema(SchemaId={"SchemaArn": physical_id})

    def describe(self, physical_id: str) -> dict[str, Any]:
        identity = {"SchemaArn": physical_id}
        found = client("glue").get_schema(SchemaId=identity)
        first = client("glue").get_schema_version(SchemaId=identity, SchemaVersionNumber={"VersionNumber": 1})
        return {
            **found,
            "Name": found["SchemaName"],
            "Registry": {"Arn": found["RegistryArn"]},
            "SchemaDefinition": first["SchemaDefinition"],
            "Tags": _tags_of(physical_id),
        }


@resource_type("AWS::Glue::SchemaVersion")
class SchemaVersion(ResourceType):
    """A further version of a schema; one that is not compatible fails."""

    def create(self, props: Properties, context: Context) -> Created:
        identity = {"SchemaArn": props["Schema"]["SchemaArn"]}
        made = client("glue").register_schema_version(
            SchemaId=identity, SchemaDefinition=props["SchemaDefinition"]
        )
        if made["Status"] != "AVAILABLE":
            raise ValueError(f"The schema's version {made['VersionNumber']} is not compatible")
        return Created(made["SchemaVersionId"], {"VersionId": made["SchemaVersionId"]})

    def delete(self, physical_id: str, props: Properties, context: Context) -> None:
        """Versions go with their schema."""

    def describe(self, physical_id: str) -> dict[str, Any]:
        found = client("glue").get_schema_version(SchemaVersionId=physical_id)
        return {**found, "Schema": {"SchemaArn": found["SchemaArn"]}}


def _tags_of(arn: str) -> dict[str, str]:
    return dict(client("glue").get_tags(ResourceArn=arn)["Tags"])
