"""RDS: the API of an instance's snapshots."""

from __future__ import annotations

from typing import Any

from local.services.rds import known_instance, service
from local.services.rds_snapshots import known, snapshots, take
from local.services.service import Request


@service.operation("CreateDBSnapshot")
def create_db_snapshot(request: Request) -> dict[str, Any]:
    """Record a snapshot of an instance; it is available when this returns."""
    given = request.params
    instance = known_instance(given["DBInstanceIdentifier"])
    return {"DBSnapshot": take(instance, given["DBSnapshotIdentifier"], given.get("Tags", []))}


@service.operation("DescribeDBSnapshots")
def describe_db_snapshots(request: Request) -> dict[str, Any]:
    """One snapshot, or all of an instance, of a type, or of the account, by name."""
    given = request.params
    if "DBSnapshotIdentifier" in given:
        return {"DBSnapshots": [known(given["DBSnapshotIdentifier"])]}
    found = [snapshots[name] for name in sorted(snapshots)]
    wanted = {
        "DBInstanceIdentifier": given.get("DBInstanceIdentifier"),
        "SnapshotType": given.get("SnapshotType"),
    }
    for member, value in wanted.items():
        if value is not None:
            found = [one for one in found if one.get(member) == value]
    return {"DBSnapshots": found}


@service.operation("DeleteDBSnapshot")
def delete_db_snapshot(request: Request) -> dict[str, Any]:
    """Delete a snapshot."""
    found = known(request.params["DBSnapshotIdentifier"])
    return {"DBSnapshot": {**snapshots.pop(found["DBSnapshotIdentifier"]), "Status": "deleted"}}


@service.resource("CreateDBSnapshot", "DescribeDBSnapshots", "DeleteDBSnapshot")
def snapshot_arn(request: Request) -> str:
    """The snapshot that policies are held against."""
    name = request.params.get("DBSnapshotIdentifier", "*")
    return f"arn:aws:rds:{request.region}:{request.account}:snapshot:{name}"
