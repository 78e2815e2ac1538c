"""Snapshots of RDS instances: named records that outlive their instance. Nothing can be restored from one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from local.services import state
from local.services.service import ServiceError

snapshots: dict[str, dict[str, Any]] = state.register("rds", "snapshots")
"""Snapshots by identifier."""

COPIED = (
    *("AllocatedStorage", "AvailabilityZone", "DBInstanceIdentifier", "DbiResourceId", "Engine"),
    *("EngineVersion", "InstanceCreateTime", "Iops", "KmsKeyId", "LicenseModel", "MasterUsername"),
    *("StorageThroughput", "StorageType", "IAMDatabaseAuthenticationEnabled"),
)


def take(instance: dict[str, Any], name: str, tags: list[dict[str, str]]) -> dict[str, Any]:
    """Record a manual snapshot of an instance; DBSnapshotAlreadyExists if the name is taken.

    https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DeleteDBInstance.html
    """
    refuse_taken(name)
    now = datetime.now(UTC)
    made = {
        **{member: instance[member] for member in COPIED if member in instance},
        "DBSnapshotIdentifier": name.lower(),
        "DBSnapshotArn": instance["DBInstanceArn"].replace(":db:", ":snapshot:").rpartition(":")[0]
        + f":{name.lower()}",
        "Encrypted": instance.get("StorageEncrypted", False),
        "PercentProgress": 100,
        "Port": instance["Endpoint"]["Port"],
        "SnapshotCreateTime": now,
        "OriginalSnapshotCreateTime": now,
        "SnapshotTarget": "region",
        "SnapshotType": "manual",
        "Status": "available",
        "TagList": tags,
    }
    snapshots[name.lower()] = made
    return made


def refuse_taken(name: str) -> None:
    """Raise DBSnapshotAlreadyExists if there is a snapshot of this name."""
    if name.lower() in snapshots:
        raise ServiceError(
            "DBSnapshotAlreadyExistsFault",
            f"Cannot create the snapshot because a snapshot with the identifier {name} already exists.",
        )


def known(name: str) -> dict[str, Any]:
    """A snapshot by its identifier or ARN; DBSnapshotNotFound if there is none."""
    identifier = name.rpartition(":")[2].lower()
    if identifier not in snapshots:
        raise ServiceError("DBSnapshotNotFoundFault", f"DBSnapshot not found: {identifier}")
    return snapshots[identifier]
