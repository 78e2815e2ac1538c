"""Redshift Serverless: the API of a namespace's snapshots."""

from __future__ import annotations

from typing import Any

from local.services.redshift_serverless import arn_of, known_namespace, page, service, workgroups
from local.services.redshift_serverless_snapshots import FOR_EVER, known, snapshots, take
from local.services.service import Request


@service.operation("CreateSnapshot")
def create_snapshot(request: Request) -> dict[str, Any]:
    """Record a snapshot of a namespace, which must have a workgroup; it is available when this returns."""
    given = request.params
    namespace = known_namespace(given["namespaceName"])
    if not any(one["namespaceName"] == namespace["namespaceName"] for one in workgroups.values()):
        raise service.error(
            "ConflictException",
            "You can't create a snapshot because there isn't a workgroup created for the namespace.",
        )
    return {"snapshot": take(namespace, given["snapshotName"], given.get("retentionPeriod", FOR_EVER))}


@service.operation("GetSnapshot")
def get_snapshot(request: Request) -> dict[str, Any]:
    """One snapshot, by its name."""
    return {"snapshot": known(request.params["snapshotName"])}


@service.operation("ListSnapshots")
def list_snapshots(request: Request) -> dict[str, Any]:
    """All snapshots, or those of one namespace, by name."""
    namespace = request.params.get("namespaceName")
    found = [
        snapshots[name] for name in sorted(snapshots) if namespace in (None, snapshots[name]["namespaceName"])
    ]
    return page("snapshots", found, request)


@service.operation("DeleteSnapshot")
def delete_snapshot(request: Request) -> dict[str, Any]:
    """Delete a snapshot."""
    found = known(request.params["snapshotName"])
    del snapshots[found["snapshotName"]]
    return {"snapshot": {**found, "status": "DELETED"}}


@service.resource("GetSnapshot", "DeleteSnapshot")
def snapshot_arn(request: Request) -> str:
    """The snapshot that policies are held against."""
    found = snapshots.get(request.params.get("snapshotName", ""))
    return str(found["snapshotArn"]) if found else arn_of(request, "snapshot", "*")
