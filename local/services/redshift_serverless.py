"""Redshift Serverless: namespaces on PostgreSQL servers, workgroups with a real endpoint, usage limits."""

from __future__ import annotations

import json
import secrets
import string
import threading
import uuid
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from local.engines import postgres, redshift
from local.layout import HOST
from local.services.clients import client
from local.services.service import Request, Service

service = Service("redshift-serverless")
namespaces: dict[str, dict[str, Any]] = service.state("namespaces")
workgroups: dict[str, dict[str, Any]] = service.state("workgroups")
servers: dict[str, dict[str, Any]] = service.state("servers")
usage_limits: dict[str, dict[str, Any]] = service.state("usage_limits")
tags: dict[str, dict[str, str]] = service.state("tags")
_lock = threading.RLock()

DEFAULT_RPU = 128
SMALLEST_RPU = 4
DEFAULT_PORT = 5439
LONGEST_CREDENTIALS_SECONDS = 3600
DEFAULT_CREDENTIALS_SECONDS = 900
PAGE = 100
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


def server_of(namespace: str) -> postgres.Server:
    """The server behind a namespace; KeyError when there is none."""
    return postgres.Server(**servers[namespace])


def endpoint_port(workgroup: str) -> int:
    """The port of a workgroup's endpoint; ResourceNotFoundException when there is none."""
    return int(_workgroup(workgroup)["endpoint"]["port"])


# --- namespaces --------------------


@service.operation("CreateNamespace")
def create_namespace(request: Request) -> dict[str, Any]:
    """Create a namespace and its databases; ConflictException when the name is taken."""
    given = request.params
    name = given["namespaceName"]
    managed = given.get("manageAdminPassword", False)
    if managed and "adminUserPassword" in given:
        raise service.error(
            "ValidationException", "adminUserPassword and manageAdminPassword exclude each other."
        )
    with _lock:
        if name in namespaces:
            raise service.error("ConflictException", f"Namespace {name} already exists.")
        identifier = str(uuid.uuid4())
        admin = given.get("adminUsername", "admin")
        password = given.get("adminUserPassword") or _password()
        database = given.get("dbName", "dev")
        roles = _roles(given)
        servers[name] = asdict(redshift.create(name, database, admin, password))
        record = {
            "namespaceArn": _arn(request, "namespace", identifier),
            "namespaceId": identifier,
            "namespaceName": name,
            "adminUsername": admin,
            "dbName": database,
            "kmsKeyId": given.get("kmsKeyId", "AWS_OWNED_KMS_KEY"),
            "defaultIamRoleArn": given.get("defaultIamRoleArn"),
            "iamRoles": roles,
            "logExports": given.get("logExports", []),
            "status": "AVAILABLE",
            "creationDate": datetime.now(UTC),
        }
        if managed:
            _manage(record, password, given.get("adminPasswordSecretKmsKeyId"))
        namespaces[name] = record
        tags[record["namespaceArn"]] = _tag_map(given)
    return {"namespace": _shown(record)}


@service.operation("GetNamespace")
def get_namespace(request: Request) -> dict[str, Any]:
    """One namespace."""
    return {"namespace": _shown(_namespace(request.params["namespaceName"]))}


@service.operation("ListNamespaces")
def list_namespaces(request: Request) -> dict[str, Any]:
    """All namespaces, by name."""
    return _page("namespaces", [_shown(namespaces[name]) for name in sorted(namespaces)], request)


@service.operation("UpdateNamespace")
def update_namespace(request: Request) -> dict[str, Any]:
    """Change a namespace's administrator, roles, keys or log exports."""
    given = request.params
    with _lock:
        record = _namespace(given["namespaceName"])
        server = server_of(record["namespaceName"])
        if given.get("manageAdminPassword") and "adminUserPassword" in given:
            raise service.error(
                "ValidationException", "adminUserPassword and manageAdminPassword exclude each other."
            )
        for field in ("kmsKeyId", "defaultIamRoleArn", "logExports", "adminUsername"):
            if field in given:
                record[field] = given[field]
        if "iamRoles" in given or "defaultIamRoleArn" in given:
            record["iamRoles"] = _roles({"iamRoles": record["iamRoles"], **given})
        if given.get("manageAdminPassword") and "adminPasswordSecretArn" not in record:
            password = _password()
            redshift.set_admin(server, record["adminUsername"], password)
            _manage(record, password, given.get("adminPasswordSecretKmsKeyId"))
        elif "adminUserPassword" in given or "adminUsername" in given:
            redshift.set_admin(server, record["adminUsername"], given.get("adminUserPassword") or _password())
        elif "adminPasswordSecretKmsKeyId" in given and "adminPasswordSecretArn" in record:
            client("secretsmanager").update_secret(
                SecretId=record["adminPasswordSecretArn"], KmsKeyId=given["adminPasswordSecretKmsKeyId"]
            )
            record["adminPasswordSecretKmsKeyId"] = given["adminPasswordSecretKmsKeyId"]
        if given.get("manageAdminPassword") is False and "adminPasswordSecretArn" in record:
            _forget_secret(record)
    return {"namespace": _shown(record)}


@service.operation("DeleteNamespace")
def delete_namespace(request: Request) -> dict[str, Any]:
    """Delete a namespace with its data; ConflictException while a workgroup uses it.

    A final snapshot is refused, because none could be restored.
    """
    given = request.params
    with _lock:
        record = _namespace(given["namespaceName"])
        if given.get("finalSnapshotName"):
            raise service.error(
                "ValidationException", "Snapshots are not emulated: delete without finalSnapshotName."
            )
        users = [
            item["workgroupName"]
            for item in workgroups.values()
            if item["namespaceName"] == record["namespaceName"]
        ]
        if users:
            raise service.error(
                "ConflictException", f"Workgroup {users[0]} is still associated with the namespace."
            )
        redshift.delete(record["namespaceName"])
        shown = {**_shown(record), "status": "DELETING"}
        if "adminPasswordSecretArn" in record:
            _forget_secret(record)
        servers.pop(record["namespaceName"], None)
        tags.pop(record["namespaceArn"], None)
        del namespaces[record["namespaceName"]]
    return {"namespace": shown}


# --- workgroups --------------------


@service.operation("CreateWorkgroup")
def create_workgroup(request: Request) -> dict[str, Any]:
    """Create a workgroup and open its endpoint on the loopback address."""
    given = request.params
    name = given["workgroupName"]
    with _lock:
        namespace = _namespace(given["namespaceName"])
        if name in workgroups:
            raise service.error("ConflictException", f"Workgroup {name} already exists.")
        if any(item["namespaceName"] == namespace["namespaceName"] for item in workgroups.values()):
            raise service.error(
                "ConflictException", f"Namespace {namespace['namespaceName']} already has a workgroup."
            )
        _check_capacity(given.get("baseCapacity", DEFAULT_RPU), given.get("maxCapacity"))
        identifier = str(uuid.uuid4())
        record: dict[str, Any] = {
            "workgroupArn": _arn(request, "workgroup", identifier),
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
        _open(record)
        workgroups[name] = record
        tags[record["workgroupArn"]] = _tag_map(given)
    return {"workgroup": record}


@service.operation("GetWorkgroup")
def get_workgroup(request: Request) -> dict[str, Any]:
    """One workgroup."""
    return {"workgroup": _workgroup(request.params["workgroupName"])}


@service.operation("ListWorkgroups")
def list_workgroups(request: Request) -> dict[str, Any]:
    """All workgroups, by name."""
    return _page("workgroups", [workgroups[name] for name in sorted(workgroups)], request)


@service.operation("UpdateWorkgroup")
def update_workgroup(request: Request) -> dict[str, Any]:
    """Change a workgroup; a new port moves its endpoint."""
    given = request.params
    with _lock:
        record = _workgroup(given["workgroupName"])
        _check_capacity(
            given.get("baseCapacity", record["baseCapacity"]),
            given.get("maxCapacity", record.get("maxCapacity")),
        )
        moved = given.get("port", record["port"]) != record["port"]
        _apply(record, given)
        if moved:
            redshift.close_endpoint(record["workgroupName"])
            _open(record)
    return {"workgroup": record}


@service.operation("DeleteWorkgroup")
def delete_workgroup(request: Request) -> dict[str, Any]:
    """Delete a workgroup and close its endpoint."""
    with _lock:
        record = _workgroup(request.params["workgroupName"])
        redshift.close_endpoint(record["workgroupName"])
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
    record = _workgroup(request.params.get("workgroupName", ""))
    user = redshift.iam_user(request.caller)
    seconds = request.params.get("durationSeconds", DEFAULT_CREDENTIALS_SECONDS)
    if not DEFAULT_CREDENTIALS_SECONDS <= seconds <= LONGEST_CREDENTIALS_SECONDS:
        raise service.error("ValidationException", "durationSeconds must be between 900 and 3600.")
    now = datetime.now(UTC)
    return {
        "dbUser": user,
        "dbPassword": redshift.temporary_password(server_of(record["namespaceName"]), user),
        "expiration": now + timedelta(seconds=seconds),
        "nextRefreshTime": now + timedelta(seconds=seconds),
    }


# --- usage limits and tags --------------------


@service.operation("CreateUsageLimit")
def create_usage_limit(request: Request) -> dict[str, Any]:
    """Remember a usage limit. Nothing is billed here, so that none is ever reached."""
    given = request.params
    with _lock:
        if given["resourceArn"] not in {item["workgroupArn"] for item in workgroups.values()}:
            raise service.error("ResourceNotFoundException", f"Resource {given['resourceArn']} not found.")
        period = given.get("period", "monthly")
        same = ("resourceArn", "usageType")
        if any(
            all(item[key] == given[key] for key in same) and item["period"] == period
            for item in usage_limits.values()
        ):
            raise service.error("ConflictException", "A usage limit of this type and period exists.")
        identifier = str(uuid.uuid4())
        limit: dict[str, Any] = {
            "usageLimitId": identifier,
            "usageLimitArn": _arn(request, "usagelimit", identifier),
            "breachAction": "log",
            "period": period,
            **{key: given[key] for key in _LIMIT_FIELDS if key in given},
        }
        usage_limits[identifier] = limit
    return {"usageLimit": limit}


@service.operation("GetUsageLimit")
def get_usage_limit(request: Request) -> dict[str, Any]:
    """One usage limit."""
    return {"usageLimit": _usage_limit(request)}


@service.operation("ListUsageLimits")
def list_usage_limits(request: Request) -> dict[str, Any]:
    """Usage limits, of one workgroup or of one type when asked."""
    given = request.params
    found = [
        limit
        for limit in usage_limits.values()
        if all(given.get(key, limit[key]) == limit[key] for key in ("resourceArn", "usageType"))
    ]
    return _page("usageLimits", found, request)


@service.operation("UpdateUsageLimit")
def update_usage_limit(request: Request) -> dict[str, Any]:
    """Change a usage limit's amount or action."""
    limit = _usage_limit(request)
    limit.update({key: request.params[key] for key in ("amount", "breachAction") if key in request.params})
    return {"usageLimit": limit}


@service.operation("DeleteUsageLimit")
def delete_usage_limit(request: Request) -> dict[str, Any]:
    """Forget a usage limit."""
    limit = _usage_limit(request)
    del usage_limits[limit["usageLimitId"]]
    return {"usageLimit": limit}


@service.operation("TagResource")
def tag_resource(request: Request) -> None:
    """Add tags to a namespace or a workgroup."""
    _tags_of(request).update(_tag_map(request.params))


@service.operation("UntagResource")
def untag_resource(request: Request) -> None:
    """Take tags from a namespace or a workgroup."""
    found = _tags_of(request)
    for key in request.params["tagKeys"]:
        found.pop(key, None)


@service.operation("ListTagsForResource")
def list_tags(request: Request) -> dict[str, Any]:
    """Tags of a namespace or a workgroup."""
    return {"tags": [{"key": key, "value": value} for key, value in _tags_of(request).items()]}


@service.on_restore
def restore() -> None:
    """Start the servers and the endpoints of an earlier gateway again."""
    for name, record in servers.items():
        servers[name] = asdict(postgres.start(postgres.Server(**record)))
    for record in workgroups.values():
        redshift.close_endpoint(record["workgroupName"])
        _open(record)


@service.resource("GetNamespace", "UpdateNamespace", "DeleteNamespace")
def namespace_arn(request: Request) -> str:
    """The namespace that policies are held against."""
    record = namespaces.get(request.params["namespaceName"])
    return record["namespaceArn"] if record else _arn(request, "namespace", "*")


@service.resource("GetWorkgroup", "UpdateWorkgroup", "DeleteWorkgroup", "GetCredentials")
def workgroup_arn(request: Request) -> str:
    """The workgroup that policies are held against."""
    record = workgroups.get(request.params.get("workgroupName", ""))
    return record["workgroupArn"] if record else _arn(request, "workgroup", "*")


_LIMIT_FIELDS = ("amount", "breachAction", "resourceArn", "usageType")


def _namespace(name: str) -> dict[str, Any]:
    if name not in namespaces:
        raise service.error("ResourceNotFoundException", f"Namespace {name} not found.", resourceName=name)
    return namespaces[name]


def _workgroup(name: str) -> dict[str, Any]:
    if name not in workgroups:
        raise service.error("ResourceNotFoundException", f"Workgroup {name} not found.", resourceName=name)
    return workgroups[name]


def _usage_limit(request: Request) -> dict[str, Any]:
    identifier = request.params["usageLimitId"]
    if identifier not in usage_limits:
        raise service.error(
            "ResourceNotFoundException", f"Usage limit {identifier} not found.", resourceName=identifier
        )
    return usage_limits[identifier]


def _tags_of(request: Request) -> dict[str, str]:
    arn = request.params["resourceArn"]
    if arn not in tags:
        raise service.error("ResourceNotFoundException", f"Resource {arn} not found.", resourceName=arn)
    return tags[arn]


def _tag_map(given: dict[str, Any]) -> dict[str, str]:
    return {tag["key"]: tag["value"] for tag in given.get("tags", [])}


def _arn(request: Request, kind: str, identifier: str) -> str:
    return f"arn:aws:redshift-serverless:{request.region}:{request.account}:{kind}/{identifier}"


def _roles(given: dict[str, Any]) -> list[str]:
    """ARNs of the associated roles; the default one must be among them."""
    roles: list[str] = list(given.get("iamRoles", []))
    default = given.get("defaultIamRoleArn")
    if default and default not in roles:
        raise service.error(
            "ValidationException", "The default IAM role must be one of the namespace's iamRoles."
        )
    return roles


def _shown(record: dict[str, Any]) -> dict[str, Any]:
    """A namespace as the API answers it: its roles with their state."""
    shown = {key: value for key, value in record.items() if value is not None}
    return {
        **shown,
        "iamRoles": [f"IamRole(applyStatus=in-sync, iamRoleArn={arn})" for arn in record["iamRoles"]],
    }


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


def _open(record: dict[str, Any]) -> None:
    known = record.get("endpoint", {}).get("port", record["port"])
    namespace = record["namespaceName"]
    port = redshift.open_endpoint(server_of(namespace), namespace, record["workgroupName"], known)
    record["endpoint"] = {"address": HOST, "port": port, "vpcEndpoints": []}


def _check_capacity(base: int, largest: int | None) -> None:
    if base < SMALLEST_RPU or (base > SMALLEST_RPU and base % 8):
        raise service.error("ValidationException", f"Base capacity {base} must be 4 or a multiple of 8 RPU.")
    if largest is not None and largest < base:
        raise service.error("ValidationException", "maxCapacity must not be smaller than baseCapacity.")


def _manage(record: dict[str, Any], password: str, key: str | None) -> None:
    """Keep the administrator's password in a secret, as `manageAdminPassword` asks."""
    options = {"KmsKeyId": key} if key else {}
    secret = client("secretsmanager").create_secret(
        Name=f"redshift!{record['namespaceName']}-{record['adminUsername']}",
        Description=f"Secret of the administrator of Redshift namespace {record['namespaceName']}",
        SecretString=json.dumps({"username": record["adminUsername"], "password": password}),
        **options,
    )
    record["adminPasswordSecretArn"] = secret["ARN"]
    record["adminPasswordSecretKmsKeyId"] = key or "aws/secretsmanager"


def _forget_secret(record: dict[str, Any]) -> None:
    client("secretsmanager").delete_secret(
        SecretId=record.pop("adminPasswordSecretArn"), ForceDeleteWithoutRecovery=True
    )
    record.pop("adminPasswordSecretKmsKeyId", None)


def _password() -> str:
    letters = string.ascii_letters + string.digits
    return "Aa1" + "".join(secrets.choice(letters) for _ in range(29))


def _page(key: str, items: list[dict[str, Any]], request: Request) -> dict[str, Any]:
    start, size = int(request.params.get("nextToken") or 0), int(request.params.get("maxResults") or PAGE)
    answer: dict[str, Any] = {key: items[start : start + size]}
    if len(items) > start + size:
        answer["nextToken"] = str(start + size)
    return answer
