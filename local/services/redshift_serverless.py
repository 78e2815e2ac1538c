"""Redshift Serverless: namespaces on PostgreSQL servers, and the state of the whole service."""

from __future__ import annotations

import json
import secrets
import string
import threading
import uuid
from datetime import UTC, datetime
from typing import Any

from local.engines import redshift
from local.layout import HOST
from local.services import redshift_serverless_engines as engines
from local.services import redshift_serverless_snapshots
from local.services.clients import client
from local.services.service import Request, Service

service = Service("redshift-serverless")
namespaces: dict[str, dict[str, Any]] = service.state("namespaces")
workgroups: dict[str, dict[str, Any]] = service.state("workgroups")
usage_limits: dict[str, dict[str, Any]] = service.state("usage_limits")
tags: dict[str, dict[str, str]] = service.state("tags")
lock = threading.RLock()

PAGE = 100


def endpoint_port(workgroup: str) -> int:
    """The port of a workgroup's endpoint; ResourceNotFoundException when there is none."""
    return int(known_workgroup(workgroup)["endpoint"]["port"])


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
    with lock:
        if name in namespaces:
            raise service.error("ConflictException", f"Namespace {name} already exists.")
        identifier = str(uuid.uuid4())
        admin = given.get("adminUsername", "admin")
        password = given.get("adminUserPassword") or _password()
        database = given.get("dbName", "dev")
        roles = _roles(given)
        engines.create(name, database=database, admin=admin, password=password)
        record = {
            "namespaceArn": arn_of(request, "namespace", identifier),
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
        tags[record["namespaceArn"]] = tag_map(given)
    return {"namespace": _shown(record)}


@service.operation("GetNamespace")
def get_namespace(request: Request) -> dict[str, Any]:
    """One namespace."""
    return {"namespace": _shown(known_namespace(request.params["namespaceName"]))}


@service.operation("ListNamespaces")
def list_namespaces(request: Request) -> dict[str, Any]:
    """All namespaces, by name."""
    return page("namespaces", [_shown(namespaces[name]) for name in sorted(namespaces)], request)


@service.operation("UpdateNamespace")
def update_namespace(request: Request) -> dict[str, Any]:
    """Change a namespace's administrator, roles, keys or log exports."""
    given = request.params
    with lock:
        record = known_namespace(given["namespaceName"])
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
            redshift.set_admin(engines.server_of(record["namespaceName"]), record["adminUsername"], password)
            _manage(record, password, given.get("adminPasswordSecretKmsKeyId"))
        elif "adminUserPassword" in given or "adminUsername" in given:
            redshift.set_admin(
                engines.server_of(record["namespaceName"]),
                record["adminUsername"],
                given.get("adminUserPassword") or _password(),
            )
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

    A final snapshot is recorded; ConflictException when its name is taken.
    """
    given = request.params
    with lock:
        record = known_namespace(given["namespaceName"])
        users = [
            item["workgroupName"]
            for item in workgroups.values()
            if item["namespaceName"] == record["namespaceName"]
        ]
        if users:
            raise service.error(
                "ConflictException", f"Workgroup {users[0]} is still associated with the namespace."
            )
        if "finalSnapshotName" in given:
            final = (given["finalSnapshotName"], given.get("finalSnapshotRetentionPeriod", -1))
            redshift_serverless_snapshots.take(record, *final)
        engines.drop(record["namespaceName"])
        shown = {**_shown(record), "status": "DELETING"}
        if "adminPasswordSecretArn" in record:
            _forget_secret(record)
        tags.pop(record["namespaceArn"], None)
        del namespaces[record["namespaceName"]]
    return {"namespace": shown}


@service.on_restore
def restore() -> None:
    """Start the servers and the endpoints of an earlier gateway again."""
    engines.restart_all()
    for record in workgroups.values():
        engines.close_endpoint(record["workgroupName"])
        open_endpoint(record)


@service.resource("GetNamespace", "UpdateNamespace", "DeleteNamespace")
def namespace_arn(request: Request) -> str:
    """The namespace that policies are held against."""
    record = namespaces.get(request.params["namespaceName"])
    return record["namespaceArn"] if record else arn_of(request, "namespace", "*")


def known_namespace(name: str) -> dict[str, Any]:
    """The record of a namespace; ResourceNotFoundException when there is none."""
    if name not in namespaces:
        raise service.error("ResourceNotFoundException", f"Namespace {name} not found.", resourceName=name)
    return namespaces[name]


def known_workgroup(name: str) -> dict[str, Any]:
    """The record of a workgroup; ResourceNotFoundException when there is none."""
    if name not in workgroups:
        raise service.error("ResourceNotFoundException", f"Workgroup {name} not found.", resourceName=name)
    return workgroups[name]


def tag_map(given: dict[str, Any]) -> dict[str, str]:
    """A request's tags by key."""
    return {tag["key"]: tag["value"] for tag in given.get("tags", [])}


def arn_of(request: Request, kind: str, identifier: str) -> str:
    """ARN of a namespace, a workgroup or a usage limit."""
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


def open_endpoint(record: dict[str, Any]) -> None:
    """Start a workgroup's endpoint, where it was before if that port is free, and record where."""
    known = record.get("endpoint", {}).get("port", record["port"])
    namespace = record["namespaceName"]
    port = engines.open_endpoint(namespace, record["workgroupName"], known)
    record["endpoint"] = {"address": HOST, "port": port, "vpcEndpoints": []}


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


def page(key: str, items: list[dict[str, Any]], request: Request) -> dict[str, Any]:
    """A page of a listing, with the token of the next."""
    start, size = int(request.params.get("nextToken") or 0), int(request.params.get("maxResults") or PAGE)
    answer: dict[str, Any] = {key: items[start : start + size]}
    if len(items) > start + size:
        answer["nextToken"] = str(start + size)
    return answer
