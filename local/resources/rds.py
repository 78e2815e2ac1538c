"""AWS::RDS::DBInstance, through the RDS API; its subnet and parameter groups are ministack's."""

from __future__ import annotations

from typing import Any

from local.resources.provisioner import (
    Context,
    Created,
    Properties,
    ResourceType,
    call,
    resource_type,
    tags,
)
from local.services.clients import client

NOT_FOR_CREATE = frozenset({"AllowMajorVersionUpgrade", "DeleteAutomatedBackups", "ApplyImmediately"})
RENAMED = {"VPCSecurityGroups": "VpcSecurityGroupIds"}


@resource_type("AWS::RDS::DBInstance")
class DBInstance(ResourceType):
    """A DB instance; Ref is its identifier."""

    create_only = frozenset(
        [
            "AvailabilityZone",
            "BackupTarget",
            "CharacterSetName",
            "DBClusterIdentifier",
            "DBInstanceIdentifier",
            "DBName",
            "DBSnapshotIdentifier",
            "Engine",
            "KmsKeyId",
            "MasterUsername",
            "StorageEncrypted",
            "Timezone",
        ]
    )

    def __init__(self) -> None:
        self._to_keep: set[str] = set()
        """Instances of which the deletion that begins leaves a final snapshot."""

    def create(self, props: Properties, context: Context) -> Created:
        wanted = _parameters(props)
        wanted.setdefault("DBInstanceIdentifier", context.name(63).lower())
        made = call("rds", "create_db_instance", wanted)["DBInstance"]
        return Created(made["DBInstanceIdentifier"], _attributes(made))

    def update(self, physical_id: str, old: Properties, new: Properties, context: Context) -> Created:
        if any(old.get(name) != new.get(name) for name in self.create_only):
            return self.create(new, context)
        known = self.describe(physical_id)
        _retag(known["DBInstanceArn"], old, new)
        before, after = _parameters(old), _parameters(new)
        changes = {name: value for name, value in after.items() if before.get(name) != value}
        for name in ("Tags", "DBInstanceIdentifier"):
            changes.pop(name, None)
        if "EngineVersion" in changes and "AllowMajorVersionUpgrade" in new:
            changes["AllowMajorVersionUpgrade"] = new["AllowMajorVersionUpgrade"]
        if "Port" in changes:
            changes["DBPortNumber"] = changes.pop("Port")
        logs = set(changes.pop("EnableCloudwatchLogsExports", after.get("EnableCloudwatchLogsExports", [])))
        exported = set(known.get("EnabledCloudwatchLogsExports", []))
        if logs != exported:
            changes["CloudwatchLogsExportConfiguration"] = {
                "EnableLogTypes": sorted(logs - exported),
                "DisableLogTypes": sorted(exported - logs),
            }
        if changes:
            call(
                "rds",
                "modify_db_instance",
                {**changes, "DBInstanceIdentifier": physical_id, "ApplyImmediately": True},
            )
        return Created(physical_id, _attributes(self.describe(physical_id)))

    def snapshot(self, physical_id: str, props: Properties) -> None:
        """Ask for a final snapshot: it is taken by the deletion, and only if that is allowed."""
        self._to_keep.add(physical_id)

    def delete(self, physical_id: str, props: Properties, context: Context) -> None:
        final: dict[str, Any] = {"SkipFinalSnapshot": True}
        if physical_id in self._to_keep:
            self._to_keep.remove(physical_id)
            made_up = Context(f"snapshot-{context.logical_id}", context.stack_name or physical_id)
            final = {"FinalDBSnapshotIdentifier": made_up.name(255).lower()}
        client("rds").delete_db_instance(DBInstanceIdentifier=physical_id, **final)

    def describe(self, physical_id: str) -> dict[str, Any]:
        """The instance in DescribeDBInstances' answer."""
        [found] = client("rds").describe_db_instances(DBInstanceIdentifier=physical_id)["DBInstances"]
        instance: dict[str, Any] = found
        return instance


def _parameters(props: Properties) -> Properties:
    """Properties as parameters of CreateDBInstance."""
    wanted = {RENAMED.get(name, name): value for name, value in props.items() if name not in NOT_FOR_CREATE}
    secret = wanted.pop("MasterUserSecret", {})
    if "KmsKeyId" in secret:
        wanted["MasterUserSecretKmsKeyId"] = secret["KmsKeyId"]
    return wanted


def _attributes(instance: dict[str, Any]) -> dict[str, Any]:
    found = {
        "DBInstanceArn": instance["DBInstanceArn"],
        "DbiResourceId": instance["DbiResourceId"],
        "DBInstanceStatus": instance["DBInstanceStatus"],
        "Endpoint.Address": instance["Endpoint"]["Address"],
        "Endpoint.Port": str(instance["Endpoint"]["Port"]),
        "Endpoint.HostedZoneId": instance["Endpoint"]["HostedZoneId"],
    }
    if "MasterUserSecret" in instance:
        found["MasterUserSecret.SecretArn"] = instance["MasterUserSecret"]["SecretArn"]
    return found


def _retag(arn: str, old: Properties, new: Properties) -> None:
    before = {tag["Key"]: tag["Value"] for tag in tags(old.get("Tags"))}
    after = {tag["Key"]: tag["Value"] for tag in tags(new.get("Tags"))}
    api = client("rds")
    if gone := sorted(set(before) - set(after)):
        api.remove_tags_from_resource(ResourceName=arn, TagKeys=gone)
    if changed := {key: value for key, value in after.items() if before.get(key) != value}:
        api.add_tags_to_resource(
            ResourceName=arn, Tags=[{"Key": key, "Value": value} for key, value in changed.items()]
        )
