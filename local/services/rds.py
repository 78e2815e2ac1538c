"""RDS for PostgreSQL: DB instances are real servers on the loopback address; the rest is ministack's."""

from __future__ import annotations

import json
import threading
import uuid
from datetime import UTC, datetime
from typing import Any

import botocore.exceptions

from local.engines import postgres
from local.layout import HOST
from local.services import rds_offer, rds_servers, rds_snapshots, rds_versions
from local.services.clients import client
from local.services.rds_master_user import new_password
from local.services.service import Request, Service

service = Service("rds", fallback=True, validation_error="InvalidParameterValue")
instances: dict[str, dict[str, Any]] = service.state("instances")
_lock = threading.RLock()

DEFAULT_PORT = 5432
PAGE = 100
SETTABLE = [
    "DBInstanceClass",
    "AllocatedStorage",
    "MaxAllocatedStorage",
    "StorageType",
    "Iops",
    "StorageThroughput",
    "MultiAZ",
    "EngineVersion",
    "AutoMinorVersionUpgrade",
    "BackupRetentionPeriod",
    "PreferredBackupWindow",
    "PreferredMaintenanceWindow",
    "LicenseModel",
    "PubliclyAccessible",
    "StorageEncrypted",
    "KmsKeyId",
    "CopyTagsToSnapshot",
    "MonitoringInterval",
    "MonitoringRoleArn",
    "PromotionTier",
    "DatabaseInsightsMode",
    "PerformanceInsightsKMSKeyId",
    "PerformanceInsightsRetentionPeriod",
    "DeletionProtection",
    "NetworkType",
    "BackupTarget",
    "CACertificateIdentifier",
    "DedicatedLogVolume",
    "EngineLifecycleSupport",
    "ProcessorFeatures",
    "AvailabilityZone",
]
RENAMED = {
    "EnableIAMDatabaseAuthentication": "IAMDatabaseAuthenticationEnabled",
    "EnablePerformanceInsights": "PerformanceInsightsEnabled",
    "EnableCloudwatchLogsExports": "EnabledCloudwatchLogsExports",
}
DEFAULTS: dict[str, Any] = {
    "MultiAZ": False,
    "AutoMinorVersionUpgrade": True,
    "BackupRetentionPeriod": 1,
    "PreferredBackupWindow": "03:00-03:30",
    "PreferredMaintenanceWindow": "sun:05:00-sun:05:30",
    "LicenseModel": "postgresql-license",
    "PubliclyAccessible": False,
    "StorageEncrypted": False,
    "StorageType": "gp2",
    "CopyTagsToSnapshot": False,
    "MonitoringInterval": 0,
    "DeletionProtection": False,
    "NetworkType": "IPV4",
    "BackupTarget": "region",
    "CACertificateIdentifier": "rds-ca-rsa2048-g1",
    "IAMDatabaseAuthenticationEnabled": False,
    "PerformanceInsightsEnabled": False,
    "EngineLifecycleSupport": "open-source-rds-extended-support",
}


@service.operation("CreateDBInstance")
def create_db_instance(request: Request) -> dict[str, Any]:
    """Create an instance with its database and its master user; it is available when this returns."""
    given = request.params
    name = given["DBInstanceIdentifier"].lower()
    if given["Engine"] != "postgres":
        raise service.error(
            "InvalidParameterValue", f"Engine {given['Engine']} is not emulated: only postgres is."
        )
    if "DBClusterIdentifier" in given:
        raise service.error("InvalidParameterValue", "Aurora clusters are not emulated.")
    rds_offer.check(given.get("EngineVersion", rds_offer.CURRENT))
    managed = given.get("ManageMasterUserPassword", False)
    if managed == ("MasterUserPassword" in given):
        raise service.error(
            "InvalidParameterCombination", "Give either MasterUserPassword or ManageMasterUserPassword."
        )
    with _lock:
        if name in instances:
            raise service.error("DBInstanceAlreadyExistsFault", "DB instance already exists")
        arn = f"arn:aws:rds:{request.region}:{request.account}:db:{name}"
        admin = given.get("MasterUsername", "postgres")
        record: dict[str, Any] = {
            "DBInstanceIdentifier": name,
            "DBInstanceArn": arn,
            "DbiResourceId": "db-" + uuid.uuid4().hex[:26].upper(),
            "Engine": "postgres",
            "EngineVersion": rds_offer.CURRENT,
            "DBInstanceStatus": "available",
            "MasterUsername": admin,
            "InstanceCreateTime": datetime.now(UTC),
            "AvailabilityZone": f"{request.region}a",
            "DBSecurityGroups": [],
            "PendingModifiedValues": {},
            "ReadReplicaDBInstanceIdentifiers": [],
            "OptionGroupMemberships": [],
            "AssociatedRoles": [],
            **DEFAULTS,
        }
        if "DBName" in given:
            record["DBName"] = given["DBName"]
        _apply(record, given)
        password = given.get("MasterUserPassword") or new_password()
        port = rds_servers.create(
            name,
            given.get("Port", DEFAULT_PORT),
            admin=admin,
            password=password,
            database=given.get("DBName"),
        )
        record["Endpoint"] = {"Address": HOST, "Port": port, "HostedZoneId": "Z2R2ITUGPM61AM"}
        if managed:
            _manage(record, password, given.get("MasterUserSecretKmsKeyId"))
        instances[name] = record
        if given.get("Tags"):
            client("rds").add_tags_to_resource(ResourceName=arn, Tags=given["Tags"])
    return {"DBInstance": _shown(record)}


@service.operation("DescribeDBInstances")
def describe_db_instances(request: Request) -> dict[str, Any]:
    """One instance, or all; DBInstanceNotFoundFault when the one asked for is not there."""
    given = request.params
    if "DBInstanceIdentifier" in given:
        return {"DBInstances": [_shown(known_instance(given["DBInstanceIdentifier"]))]}
    found = [_shown(instances[name]) for name in sorted(instances)]
    for condition in given.get("Filters", []):
        field = {"db-instance-id": "DBInstanceIdentifier", "engine": "Engine"}.get(condition["Name"])
        if field is None:
            raise service.error("InvalidParameterValue", f"Unrecognized filter name: {condition['Name']}")
        found = [item for item in found if item[field] in condition["Values"]]
    start, size = int(given.get("Marker") or 0), int(given.get("MaxRecords") or PAGE)
    answer: dict[str, Any] = {"DBInstances": found[start : start + size]}
    if len(found) > start + size:
        answer["Marker"] = str(start + size)
    return answer


@service.operation("ModifyDBInstance")
def modify_db_instance(request: Request) -> dict[str, Any]:
    """Change an instance at once, whatever ApplyImmediately says."""
    given = request.params
    if "NewDBInstanceIdentifier" in given:
        raise service.error("InvalidParameterValue", "Renaming an instance is not emulated.")
    with _lock:
        record = known_instance(given["DBInstanceIdentifier"])
        name = record["DBInstanceIdentifier"]
        rds_versions.check(record, given)
        _apply(record, given)
        logs = given.get("CloudwatchLogsExportConfiguration", {})
        if logs:
            kept = set(record.get("EnabledCloudwatchLogsExports", [])) - set(logs.get("DisableLogTypes", []))
            record["EnabledCloudwatchLogsExports"] = sorted(kept | set(logs.get("EnableLogTypes", [])))
        if given.get("MasterUserPassword"):
            _set_password(record, given["MasterUserPassword"])
        if given.get("ManageMasterUserPassword") and "MasterUserSecret" not in record:
            password = new_password()
            _set_password(record, password)
            _manage(record, password, given.get("MasterUserSecretKmsKeyId"))
        elif given.get("ManageMasterUserPassword") is False and "MasterUserSecret" in record:
            _forget_secret(record)
        if given.get("RotateMasterUserPassword"):
            _rotate(record)
        if given.get("DBPortNumber", record["Endpoint"]["Port"]) != record["Endpoint"]["Port"]:
            record["Endpoint"]["Port"] = rds_servers.start(name, given["DBPortNumber"])
    return {"DBInstance": _shown(record)}


@service.operation("DeleteDBInstance")
def delete_db_instance(request: Request) -> dict[str, Any]:
    """Delete an instance with its data, and leave the final snapshot behind unless it is to be skipped."""
    given = request.params
    with _lock:
        record = known_instance(given["DBInstanceIdentifier"])
        name = record["DBInstanceIdentifier"]
        if record["DeletionProtection"]:
            raise service.error(
                "InvalidParameterCombination",
                "Cannot delete protected DB Instance, please disable deletion protection and try again.",
            )
        final = given.get("FinalDBSnapshotIdentifier")
        if bool(given.get("SkipFinalSnapshot")) == (final is not None):
            raise service.error(
                "InvalidParameterCombination",
                "FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified."
                if final is None
                else "FinalDBSnapshotIdentifier can not be specified when deleting with SkipFinalSnapshot.",
            )
        if final is not None:
            rds_snapshots.refuse_taken(final)
        rds_servers.drop(name)
        shown = {**_shown(record), "DBInstanceStatus": "deleting"}
        if final is not None:
            rds_snapshots.take(record, final, shown["TagList"] if record["CopyTagsToSnapshot"] else [])
        if "MasterUserSecret" in record:
            _forget_secret(record)
        tags = [tag["Key"] for tag in shown["TagList"]]
        if tags:
            client("rds").remove_tags_from_resource(ResourceName=record["DBInstanceArn"], TagKeys=tags)
        del instances[name]
    return {"DBInstance": shown}


@service.operation("StopDBInstance")
def stop_db_instance(request: Request) -> dict[str, Any]:
    """Stop an instance's server and keep its data."""
    with _lock:
        record = _in_state(request, "available")
        rds_servers.stop(record["DBInstanceIdentifier"])
        record["DBInstanceStatus"] = "stopped"
    return {"DBInstance": _shown(record)}


@service.operation("StartDBInstance")
def start_db_instance(request: Request) -> dict[str, Any]:
    """Start a stopped instance."""
    with _lock:
        record = _in_state(request, "stopped")
        record["Endpoint"]["Port"] = rds_servers.start(record["DBInstanceIdentifier"])
        record["DBInstanceStatus"] = "available"
    return {"DBInstance": _shown(record)}


@service.operation("RebootDBInstance")
def reboot_db_instance(request: Request) -> dict[str, Any]:
    """Stop and start an instance."""
    with _lock:
        record = _in_state(request, "available")
        record["Endpoint"]["Port"] = rds_servers.start(record["DBInstanceIdentifier"])
    return {"DBInstance": _shown(record)}


@service.on_restore
def restore() -> None:
    """Start the servers of an earlier gateway again."""
    for name, record in instances.items():
        if record["DBInstanceStatus"] == "available":
            record["Endpoint"]["Port"] = rds_servers.restore(name, record["Endpoint"]["Port"])


@service.resource(
    "DescribeDBInstances",
    "ModifyDBInstance",
    "DeleteDBInstance",
    "StopDBInstance",
    "StartDBInstance",
    "RebootDBInstance",
    "CreateDBInstance",
)
def instance_arn(request: Request) -> str:
    """The instance that policies are held against."""
    name = request.params.get("DBInstanceIdentifier", "*")
    return f"arn:aws:rds:{request.region}:{request.account}:db:{name}"


def _apply(record: dict[str, Any], given: dict[str, Any]) -> None:
    record.update({name: given[name] for name in SETTABLE if name in given})
    record.update({shown: given[name] for name, shown in RENAMED.items() if name in given})
    if "VpcSecurityGroupIds" in given:
        record["VpcSecurityGroups"] = [
            {"VpcSecurityGroupId": group, "Status": "active"} for group in given["VpcSecurityGroupIds"]
        ]
    family = record["EngineVersion"].partition(".")[0]
    in_use = [one["DBParameterGroupName"] for one in record.get("DBParameterGroups", [])]
    if "DBParameterGroupName" in given or not in_use or in_use[0].startswith("default."):
        group = given.get("DBParameterGroupName", f"default.postgres{family}")
        record["DBParameterGroups"] = [{"DBParameterGroupName": group, "ParameterApplyStatus": "in-sync"}]
    if "DBSubnetGroupName" in given:
        record["DBSubnetGroup"] = _subnet_group(given["DBSubnetGroupName"])


def _subnet_group(name: str) -> dict[str, Any]:
    try:
        [group] = client("rds").describe_db_subnet_groups(DBSubnetGroupName=name)["DBSubnetGroups"]
    except botocore.exceptions.ClientError as error:
        raise service.error(
            "DBSubnetGroupNotFoundFault", f"DB subnet group {name} does not exist."
        ) from error
    found: dict[str, Any] = group
    return found


def known_instance(name: str) -> dict[str, Any]:
    """The record of an instance by its identifier or ARN; DBInstanceNotFound if there is none."""
    known = name.rpartition(":")[2].lower()
    if known not in instances:
        raise service.error("DBInstanceNotFoundFault", f"DBInstance {name} not found.")
    return instances[known]


def _in_state(request: Request, state: str) -> dict[str, Any]:
    record = known_instance(request.params["DBInstanceIdentifier"])
    if record["DBInstanceStatus"] != state:
        raise service.error(
            "InvalidDBInstanceStateFault",
            f"Instance {record['DBInstanceIdentifier']} is not in {state} state.",
        )
    return record


def _shown(record: dict[str, Any]) -> dict[str, Any]:
    tags = client("rds").list_tags_for_resource(ResourceName=record["DBInstanceArn"])["TagList"]
    return {**record, "TagList": tags, "DbInstancePort": 0, "LatestRestorableTime": datetime.now(UTC)}


def _set_password(record: dict[str, Any], password: str) -> None:
    with rds_servers.server_of(record["DBInstanceIdentifier"]).connect() as connection:
        postgres.create_user(connection, record["MasterUsername"], password)


def _manage(record: dict[str, Any], password: str, key: str | None) -> None:
    """Keep the master password in a secret of RDS' own, as ManageMasterUserPassword asks."""
    options = {"KmsKeyId": key} if key else {}
    secret = client("secretsmanager").create_secret(
        Name=f"rds!{record['DbiResourceId'].lower()}",
        Description=f"Secret associated with primary RDS DB instance: {record['DBInstanceArn']}",
        SecretString=json.dumps({"username": record["MasterUsername"], "password": password}),
        **options,
    )
    record["MasterUserSecret"] = {
        "SecretArn": secret["ARN"],
        "SecretStatus": "active",
        **({"KmsKeyId": key} if key else {}),
    }


def _rotate(record: dict[str, Any]) -> None:
    if "MasterUserSecret" not in record:
        raise service.error("InvalidParameterCombination", "The master password is not managed by RDS.")
    password = new_password()
    _set_password(record, password)
    client("secretsmanager").put_secret_value(
        SecretId=record["MasterUserSecret"]["SecretArn"],
        SecretString=json.dumps({"username": record["MasterUsername"], "password": password}),
    )


def _forget_secret(record: dict[str, Any]) -> None:
    arn = record.pop("MasterUserSecret")["SecretArn"]
    client("secretsmanager").delete_secret(SecretId=arn, ForceDeleteWithoutRecovery=True)
