"""Snapshots of Redshift Serverless namespaces: named records. Nothing can be restored from one."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

from local.services import state
from local.services.service import ServiceError

snapshots: dict[str, dict[str, Any]] = state.register("redshift-serverless", "snapshots")
"""Snapshots by name."""
FOR_EVER = -1


def take(namespace: dict[str, Any], name: str, days: int = FOR_EVER) -> dict[str, Any]:
    """Record a snapshot of a namespace, for so many days; ConflictException if the name is taken.

    https://docs.aws.amazon.com/redshift-serverless/latest/APIReference/API_DeleteNamespace.html
    """
    if name in snapshots:
        raise ServiceError("ConflictException", f"Snapshot {name} already exists.")
    now = datetime.now(UTC)
    place, _, _ = namespace["namespaceArn"].rpartition(":")
    made: dict[str, Any] = {
        "snapshotName": name,
        "snapshotArn": f"{place}:snapshot/{uuid.uuid4()}",
        "namespaceName": namespace["namespaceName"],
        "namespaceArn": namespace["namespaceArn"],
        "adminUsername": namespace["adminUsername"],
        "kmsKeyId": namespace["kmsKeyId"],
        "snapshotCreateTime": now,
        "snapshotRetentionPeriod": days,
        "snapshotRetentionStartTime": now,
        "snapshotRemainingDays": days,
        "status": "AVAILABLE",
        "totalBackupSizeInMegaBytes": 0.0,
        "actualIncrementalBackupSizeInMegaBytes": 0.0,
        "elapsedTimeInSeconds": 0,
        "estimatedSecondsToCompletion": 0,
        "currentBackupRateInMegaBytesPerSecond": 0.0,
        "backupProgressInMegaBytes": 0.0,
        "accountsWithRestoreAccess": [],
        "accountsWithProvisionedRestoreAccess": [],
    }
    snapshots[name] = made
    return made


def known(name: str) -> dict[str, Any]:
    """A snapshot; ResourceNotFoundException if there is none."""
    if name not in snapshots:
        raise ServiceError("ResourceNotFoundException", f"Snapshot {name} not found.", resourceName=name)
    return snapshots[name]
