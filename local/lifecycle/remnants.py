"""What may be left of an environment that has no stacks any more: how each kind is found and deleted.

Prices are list prices of us-east-1, as in the README's chapter on costs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from local.lifecycle import buckets
from local.lifecycle.account import PROJECT, Account
from local.lifecycle.running import ALIVE

Delete = Callable[[], object]
Found = Iterator[tuple[str, Delete | None]]
"""Name or ARN of each, and what deletes it: None where AWS does that by itself."""


@dataclass(frozen=True)
class Kind:
    """One kind of resource, found by the environment's name in its own or in its network's."""

    name: str
    bills: str
    """What one costs, or why it costs nothing."""
    data: bool
    """Whether it holds data: that is deleted only where the environment says `remove_data_on_destroy`."""
    find: Callable[[Account, str], Found]
    """Takes the account and the first part of the environment's names, such as `refstack-dev-`."""


def _log_groups(account: Account, prefix: str) -> Found:
    delete = account.client("logs").delete_log_group
    environment = prefix.removeprefix(f"{PROJECT}-").rstrip("-")
    services = ("lambda", "rds/instance", "redshift", "codebuild", "vendedlogs/msk")
    starts = (prefix, f"airflow-{prefix}", f"/{PROJECT}/{environment}/")
    for start in (*starts, *(f"/aws/{service}/{prefix}" for service in services)):
        for each in account.pages("logs", "describe_log_groups", "logGroups", logGroupNamePrefix=start):
            yield each["logGroupName"], partial(delete, logGroupName=each["logGroupName"])


def _buckets(account: Account, prefix: str) -> Found:
    s3 = account.client("s3")

    def delete(name: str) -> None:
        buckets.empty(account, name)
        s3.delete_bucket(Bucket=name)

    for each in s3.list_buckets()["Buckets"]:
        if each["Name"].startswith(prefix):
            yield each["Name"], partial(delete, each["Name"])


def _repositories(account: Account, prefix: str) -> Found:
    delete = account.client("ecr").delete_repository
    for each in account.pages("ecr", "describe_repositories", "repositories"):
        name = each["repositoryName"]
        if name.startswith(prefix):
            yield name, partial(delete, repositoryName=name, force=True)


def _tables(account: Account, prefix: str) -> Found:
    delete = account.client("dynamodb").delete_table
    for name in account.pages("dynamodb", "list_tables", "TableNames"):
        if name.startswith(prefix):
            yield name, partial(delete, TableName=name)


def _secrets(account: Account, prefix: str) -> Found:
    delete = account.client("secretsmanager").delete_secret
    for each in account.pages("secretsmanager", "list_secrets", "SecretList"):
        if _ours(each.get("Tags", []), prefix):
            yield each["Name"], partial(delete, SecretId=each["ARN"], RecoveryWindowInDays=7)


def _keys(account: Account, prefix: str, *, pending: bool) -> Found:
    kms = account.client("kms")
    for key in account.pages("kms", "list_keys", "Keys"):
        described = kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]
        if described.get("KeyManager", "CUSTOMER") != "CUSTOMER":
            continue
        if (described["KeyState"] == "PendingDeletion") is not pending:
            continue
        tags = kms.list_resource_tags(KeyId=key["KeyId"]).get("Tags", [])
        if not _ours([{"Key": tag["TagKey"], "Value": tag["TagValue"]} for tag in tags], prefix):
            continue
        if pending:
            yield f"{key['KeyId']} until {described.get('DeletionDate', 'its date')}", None
        else:
            yield (
                key["KeyId"],
                partial(kms.schedule_key_deletion, KeyId=key["KeyId"], PendingWindowInDays=7),
            )


def _instances(account: Account, prefix: str) -> Found:
    for each in account.pages("rds", "describe_db_instances", "DBInstances"):
        if each["DBInstanceIdentifier"].startswith(prefix):
            yield each["DBInstanceIdentifier"], None


def _database_snapshots(account: Account, prefix: str) -> Found:
    delete = account.client("rds").delete_db_snapshot
    for each in account.pages("rds", "describe_db_snapshots", "DBSnapshots", SnapshotType="manual"):
        name = each["DBSnapshotIdentifier"]
        if each["DBInstanceIdentifier"].startswith(prefix):
            yield name, partial(delete, DBSnapshotIdentifier=name)


def _warehouse_snapshots(account: Account, prefix: str) -> Found:
    delete = account.client("redshift-serverless").delete_snapshot
    for each in account.pages("redshift-serverless", "list_snapshots", "snapshots"):
        if each["namespaceName"].startswith(prefix):
            yield each["snapshotName"], partial(delete, snapshotName=each["snapshotName"])


def _emr_clusters(account: Account, prefix: str) -> Found:
    terminate = account.client("emr").terminate_job_flows
    for each in account.pages("emr", "list_clusters", "Clusters", ClusterStates=ALIVE):
        if each["Name"].startswith(prefix):
            yield f"{each['Id']} {each['Name']}", partial(terminate, JobFlowIds=[each["Id"]])


def _kafka_clusters(account: Account, prefix: str) -> Found:
    delete = account.client("kafka").delete_cluster
    for each in account.pages("kafka", "list_clusters_v2", "ClusterInfoList", ClusterNameFilter=prefix):
        yield each["ClusterArn"], partial(delete, ClusterArn=each["ClusterArn"])


def _tagged(prefix: str) -> list[dict[str, Any]]:
    environment = prefix.removeprefix(f"{PROJECT}-").rstrip("-")
    return [
        {"Name": "tag:project", "Values": [PROJECT]},
        {"Name": "tag:environment", "Values": [environment]},
    ]


def _ours(tags: list[dict[str, str]], prefix: str) -> bool:
    wanted = {each["Name"].removeprefix("tag:"): each["Values"] for each in _tagged(prefix)}
    have = {tag["Key"]: tag["Value"] for tag in tags}
    return all(have.get(name) in values for name, values in wanted.items())


def _interfaces(account: Account, prefix: str) -> Found:
    """Interfaces in the environment's VPC that nothing is attached to; AWS takes the others back itself."""
    ec2 = account.client("ec2")
    for vpc in account.pages("ec2", "describe_vpcs", "Vpcs", Filters=_tagged(prefix)):
        inside = [{"Name": "vpc-id", "Values": [vpc["VpcId"]]}]
        for each in account.pages("ec2", "describe_network_interfaces", "NetworkInterfaces", Filters=inside):
            name = each["NetworkInterfaceId"]
            free = each["Status"] == "available"
            yield name, partial(ec2.delete_network_interface, NetworkInterfaceId=name) if free else None


def _gateways(account: Account, prefix: str) -> Found:
    ec2 = account.client("ec2")
    states = {"Name": "state", "Values": ["pending", "available"]}
    for each in account.pages(
        "ec2", "describe_nat_gateways", "NatGateways", Filters=[*_tagged(prefix), states]
    ):
        yield each["NatGatewayId"], partial(ec2.delete_nat_gateway, NatGatewayId=each["NatGatewayId"])


def _addresses(account: Account, prefix: str) -> Found:
    ec2 = account.client("ec2")
    for each in ec2.describe_addresses(Filters=_tagged(prefix))["Addresses"]:
        yield each["AllocationId"], partial(ec2.release_address, AllocationId=each["AllocationId"])


def _machines(account: Account, prefix: str) -> Found:
    ec2 = account.client("ec2")
    states = {"Name": "instance-state-name", "Values": ["pending", "running", "stopping", "stopped"]}
    for each in account.pages(
        "ec2", "describe_instances", "Reservations", Filters=[*_tagged(prefix), states]
    ):
        for machine in each["Instances"]:
            name = machine["InstanceId"]
            yield name, partial(ec2.terminate_instances, InstanceIds=[name])


KINDS = (
    Kind("EMR cluster", "by the hour and instance", False, _emr_clusters),
    Kind("EC2 instance", "by the hour", False, _machines),
    Kind("NAT gateway", "33 dollars a month", False, _gateways),
    Kind("elastic IP address", "3.65 dollars a month", False, _addresses),
    Kind("network interface", "free, holds its subnet", False, _interfaces),
    Kind("MSK cluster", "by the hour and broker", True, _kafka_clusters),
    Kind("database", "by the hour, and its storage", True, _instances),
    Kind("database snapshot", "0.095 dollars per GB and month", True, _database_snapshots),
    Kind("warehouse snapshot", "0.024 dollars per GB and month", True, _warehouse_snapshots),
    Kind("bucket", "0.023 dollars per GB and month", True, _buckets),
    Kind("table", "0.25 dollars per GB and month", True, _tables),
    Kind("image repository", "0.10 dollars per GB and month", True, _repositories),
    Kind("log group", "0.03 dollars per GB and month", True, _log_groups),
    Kind("secret", "0.40 dollars a month", True, _secrets),
    Kind("key", "1 dollar a month", True, partial(_keys, pending=False)),
    Kind("key pending deletion", "free, goes by itself", False, partial(_keys, pending=True)),
)
"""Everything that is looked for, what costs most first."""
