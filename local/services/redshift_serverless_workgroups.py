"""Redshift Serverless: workgroups, each a real endpoint, and the credentials of their users."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from local.engines import redshift
from local.services import redshift_serverless_engines as engines
from local.services.redshift_serverless import (
    arn_of,
    known_namespace,
    known_workgroup,
    lock,
    open_endpoint,
    page,
    service,
    tag_map,
    tags,
    usage_limits,
    workgroups,
)
from local.services.service import Request

DEFAULT_RPU = 128


SMALLEST_RPU = 4


DEFAULT_PORT = 5439


LONGEST_CREDENTIALS_SECONDS = 3600


DEFAULT_CREDENTIALS_SECONDS = 900


PARAMETERS = {
    "auto_mv": "true",
    "datestyle": "ISO, MDY",
    "enable_case_sensitive_identifier": "false",
    "enable_user_activity_logging": "true",
    "query_group": "default",
    "require_ssl": "true",
    "search_path": "$user, public",
    "use_fips_ssl": "false",
}
"""What ListWorkgroups shows of a workgroup's configuration, unless it was set otherwise."""


@service.operation("CreateWorkgroup")
def create_workgroup(request: Request) -> dict[str, Any]:
    """Create a workgroup and open its endpoint on the loopback address."""
    given = request.params
    name = given["workgroupName"]
    with lock:
        namespace = known_namespace(given["namespaceName"])
        if name in workgroups:
            raise service.error("ConflictException", f"Workgroup {name} already exists.")
        if any(item["namespaceName"] == namespace["namespaceName"] for item in workgroups.values()):
            raise service.error(
                "ConflictException", f"Namespace {namespace['namespaceName']} already has a workgroup."
            )
        _check_capacity(given.get("baseCapacity", DEFAULT_RPU), given.get("maxCapacity"))
        identifier = str(uuid.uuid4())
        record: dict[str, Any] = {
            "workgroupArn": arn_of(request, "workgroup", identifier),
            "workgroupId": identifier,
            "workgroupName": name,
            "namespaceName": namespace["namespaceName"],
            "status": "AVAILABLE",
            "creationDate": datetime.now(UTC),
            "baseCapacity": DEFAULT_RPU,
            "enhancedVpcRouting": False,
            "publiclyAccessible": False,
            "securityGroupIds": [],
            "subnetIds": [],
            "port": DEFAULT_PORT,
            "workgroupVersion": "1.0",
            "patchVersion": "1.0.117891",
            "trackName": "current",
            "ipAddressType": "ipv4",
            "crossAccountVpcs": [],
        }
        _apply(record, given)
        open_endpoint(record)
        workgroups[name] = record
        tags[record["workgroupArn"]] = tag_map(given)
    return {"workgroup": record}


@service.operation("GetWorkgroup")
def get_workgroup(request: Request) -> dict[str, Any]:
    """One workgroup."""
    return {"workgroup": known_workgroup(request.params["workgroupName"])}


@service.operation("ListWorkgroups")
def list_workgroups(request: Request) -> dict[str, Any]:
    """All workgroups, by name."""
    return page("workgroups", [workgroups[name] for name in sorted(workgroups)], request)


@service.operation("UpdateWorkgroup")
def update_workgroup(request: Request) -> dict[str, Any]:
    """Change a workgroup; a new port moves its endpoint."""
    given = request.params
    with lock:
        record = known_workgroup(given["workgroupName"])
        _check_capacity(
            given.get("baseCapacity", record["baseCapacity"]),
            given.get("maxCapacity", record.get("maxCapacity")),
        )
        moved = given.get("port", record["port"]) != record["port"]
        _apply(record, given)
        if moved:
            engines.close_endpoint(record["workgroupName"])
            open_endpoint(record)
    return {"workgroup": record}


@service.operation("DeleteWorkgroup")
def delete_workgroup(request: Request) -> dict[str, Any]:
    """Delete a workgroup and close its endpoint."""
    with lock:
        record = known_workgroup(request.params["workgroupName"])
        engines.close_endpoint(record["workgroupName"])
        tags.pop(record["workgroupArn"], None)
        for key in [
            key for key, item in usage_limits.items() if item["resourceArn"] == record["workgroupArn"]
        ]:
            del usage_limits[key]
        del workgroups[record["workgroupName"]]
    return {"workgroup": {**record, "status": "DELETING"}}


@service.operation("GetCredentials")
def get_credentials(request: Request) -> dict[str, Any]:
    """Name and temporary password of the caller's database user, who has no right unless one was granted."""
    record = known_workgroup(request.params.get("workgroupName", ""))
    user = redshift.iam_user(request.caller)
    seconds = request.params.get("durationSeconds", DEFAULT_CREDENTIALS_SECONDS)
    if not DEFAULT_CREDENTIALS_SECONDS <= seconds <= LONGEST_CREDENTIALS_SECONDS:
        raise service.error("ValidationException", "durationSeconds must be between 900 and 3600.")
    now = datetime.now(UTC)
    return {
        "dbUser": user,
        "dbPassword": redshift.temporary_password(engines.server_of(record["namespaceName"]), user, seconds),
        "expiration": now + timedelta(seconds=seconds),
        "nextRefreshTime": now + timedelta(seconds=seconds),
    }


@service.resource("GetWorkgroup", "UpdateWorkgroup", "DeleteWorkgroup", "GetCredentials")
def workgroup_arn(request: Request) -> str:
    """The workgroup that policies are held against."""
    record = workgroups.get(request.params.get("workgroupName", ""))
    return record["workgroupArn"] if record else arn_of(request, "workgroup", "*")


def _apply(record: dict[str, Any], given: dict[str, Any]) -> None:
    fields = "baseCapacity maxCapacity enhancedVpcRouting publiclyAccessible securityGroupIds subnetIds port"
    for field in (*fields.split(), "pricePerformanceTarget", "trackName", "ipAddressType"):
        if field in given:
            record[field] = given[field]
    chosen = {item["parameterKey"]: item["parameterValue"] for item in record.get("configParameters", [])}
    chosen = {**PARAMETERS, **chosen}
    chosen |= {item["parameterKey"]: item["parameterValue"] for item in given.get("configParameters", [])}
    record["configParameters"] = [
        {"parameterKey": key, "parameterValue": value} for key, value in sorted(chosen.items())
    ]


def _check_capacity(base: int, largest: int | None) -> None:
    if base < SMALLEST_RPU or (base > SMALLEST_RPU and base % 8):
        raise service.error("ValidationException", f"Base capacity {base} must be 4 or a multiple of 8 RPU.")
    if largest is not None and largest < base:
        raise service.error("ValidationException", "maxCapacity must not be smaller than baseCapacity.")
