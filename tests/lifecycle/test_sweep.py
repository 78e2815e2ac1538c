"""The list of what an environment leaves: complete, and never a danger to retained data."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from local import layout
from local.lifecycle import remnants
from local.lifecycle import sweep as module
from local.lifecycle.account import Account
from local.lifecycle.sweep import sweep

pytestmark = pytest.mark.gateway

TAGS = {"project": "refstack", "environment": "left"}


def pairs() -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in TAGS.items()]


@pytest.fixture(scope="module")
def left(gateway: Any) -> dict[str, str]:
    """One of each kind that needs no engine, left by the environment `left`; and the same of another one."""
    made: dict[str, str] = {}
    logs, ecr, ec2, kms = (gateway.client(each) for each in ("logs", "ecr", "ec2", "kms"))
    for group in ("/aws/rds/instance/refstack-left-database/postgresql", "/refstack/left/containers/etl"):
        logs.create_log_group(logGroupName=group)
    logs.create_log_group(logGroupName="/refstack/left2/containers/etl")
    made["bucket"] = "refstack-left-lake-raw-1"
    for bucket in (made["bucket"], "refstack-left2-lake-raw-1"):
        gateway.client("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration=layout.BUCKET_LOCATION)
    gateway.client("s3").put_object(Bucket=made["bucket"], Key="kept", Body=b"rows")
    ecr.create_repository(repositoryName="refstack-left-etl")
    gateway.client("dynamodb").create_table(
        TableName="refstack-left-registry",
        KeySchema=[{"AttributeName": "object", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "object", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    made["secret"] = gateway.client("secretsmanager").create_secret(
        Name="left-role", SecretString="-", Tags=pairs()
    )["Name"]
    key_tags = [{"TagKey": key, "TagValue": value} for key, value in TAGS.items()]
    made["key"] = kms.create_key(Tags=key_tags)["KeyMetadata"]["KeyId"]
    pending = kms.create_key(Tags=key_tags)["KeyMetadata"]["KeyId"]
    kms.schedule_key_deletion(KeyId=pending, PendingWindowInDays=7)
    made["pending"] = pending
    made["address"] = ec2.allocate_address(
        Domain="vpc", TagSpecifications=[{"ResourceType": "elastic-ip", "Tags": pairs()}]
    )["AllocationId"]
    ec2.allocate_address(Domain="vpc")
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.9.0.0/24")["Subnet"]["SubnetId"]
    for tags in (pairs(), [{"Key": "project", "Value": "another"}]):
        made.setdefault(
            "gateway",
            ec2.create_nat_gateway(
                SubnetId=subnet,
                AllocationId=made["address"],
                TagSpecifications=[{"ResourceType": "natgateway", "Tags": tags}],
            )["NatGateway"]["NatGatewayId"],
        )
    made["topic"] = gateway.client("sns").create_topic(Name="refstack-left-alerts", Tags=pairs())["TopicArn"]
    return made


def test_it_names_what_is_left_by_name_and_by_tag_and_deletes_nothing(
    account: Account, left: dict[str, str]
) -> None:
    said: list[str] = []

    found = sweep(account, "left", said.append, delete=False, remove_data=True)

    kinds = {each.kind: each.name for each in found}
    assert kinds["bucket"] == left["bucket"]
    assert kinds["secret"] == left["secret"]
    assert kinds["key"] == left["key"]
    assert kinds["key pending deletion"].startswith(left["pending"])
    assert [each.name for each in found if each.kind == "elastic IP address"] == [left["address"]]
    assert [each.name for each in found if each.kind == "NAT gateway"] == [left["gateway"]]
    assert kinds["image repository"] == "refstack-left-etl"
    assert kinds["table"] == "refstack-left-registry"
    assert kinds["tagged"] == left["topic"]
    assert [each.name for each in found if each.kind == "log group"] == [
        "/refstack/left/containers/etl",
        "/aws/rds/instance/refstack-left-database/postgresql",
    ]
    assert "make destroy ENV=left SWEEP=1" in said[-1]
    assert not [line for line in said if line.startswith(("Not looked at", "Deleted"))]


def test_retained_data_is_not_deleted_on_request_either(account: Account, left: dict[str, str]) -> None:
    said: list[str] = []

    found = sweep(account, "left", said.append, delete=True, remove_data=False)

    assert {each.kind for each in found if each.retained} == {
        *("bucket", "image repository", "key", "log group", "secret", "table"),
    }
    assert f"Deleted: elastic IP address {left['address']}" in said
    assert account.client("s3").get_object(Bucket=left["bucket"], Key="kept")["Body"].read() == b"rows"


def test_on_request_everything_goes_where_the_environment_removes_its_data(
    account: Account, left: dict[str, str]
) -> None:
    sweep(account, "left", lambda line: None, delete=True, remove_data=True)

    found = sweep(account, "left", lambda line: None, delete=False, remove_data=True)

    assert {each.kind for each in found} <= {"key pending deletion", "tagged"}
    buckets = {each["Name"] for each in account.client("s3").list_buckets()["Buckets"]}
    assert "refstack-left2-lake-raw-1" in buckets
    assert left["bucket"] not in buckets


def test_an_environment_that_left_nothing_is_said_to_have_left_nothing(account: Account) -> None:
    said: list[str] = []

    assert sweep(account, "never", said.append, delete=False, remove_data=True) == []
    assert said == ["Nothing of never is left in this account and region."]


def test_what_cannot_be_listed_is_named(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(account: Account, prefix: str) -> Any:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "ListThings")

    monkeypatch.setattr(module, "KINDS", (remnants.Kind("thing", "much", True, refused),))
    said: list[str] = []

    sweep(account, "never", said.append, delete=False, remove_data=True)

    assert said[0].startswith("Not looked at: every thing (An error occurred (AccessDenied)")
