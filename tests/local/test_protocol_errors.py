"""A refusal reaches a stock client with its code and its words, whatever protocol the service speaks."""

from __future__ import annotations

import urllib.error
import urllib.request
import xml.etree.ElementTree as ET
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.layout import BUCKET_LOCATION
from tests.local.conftest import Gateway
from tests.local.test_faults import plan

pytestmark = pytest.mark.gateway

REASON = "RuntimeError: could not, because of <it> & \x07 é"
SHOWN = "RuntimeError: could not, because of <it> & � é"
SESSION = {"RoleArn": "arn:aws:iam::000000000000:role/r", "RoleSessionName": "session"}
CALLS: list[tuple[str, str, str, dict[str, Any], str]] = [
    ("rds", "rds:DescribeDBInstances", "describe_db_instances", {}, "InternalFailure"),
    ("ec2", "ec2:DescribeVpcs", "describe_vpcs", {}, "InternalError"),
    ("s3", "s3:ListBucket", "list_objects_v2", {"Bucket": "errors"}, "InternalError"),
    ("iam", "iam:ListRoles", "list_roles", {}, "InternalFailure"),
    (
        "sts",
        "sts:AssumeRole",
        "assume_role",
        SESSION,
        "InternalFailure",
    ),
    ("sns", "sns:ListTopics", "list_topics", {}, "InternalFailure"),
    ("cloudformation", "cloudformation:ListStacks", "list_stacks", {}, "InternalFailure"),
    ("route53", "route53:ListHostedZones", "list_hosted_zones", {}, "InternalFailure"),
    ("cloudwatch", "cloudwatch:ListMetrics", "list_metrics", {}, "InternalFailure"),
    ("sqs", "sqs:ListQueues", "list_queues", {}, "InternalFailure"),
    ("glue", "glue:GetDatabases", "get_databases", {}, "InternalFailure"),
    ("lambda", "lambda:ListFunctions", "list_functions", {}, "InternalFailure"),
]


@pytest.mark.parametrize(("service", "action", "method", "parameters", "code"), CALLS)
def test_an_internal_failure_is_a_500_with_its_reason(
    gateway: Gateway, service: str, action: str, method: str, parameters: dict[str, Any], code: str
) -> None:
    if service == "s3":
        gateway.client("s3").create_bucket(Bucket="errors", CreateBucketConfiguration=BUCKET_LOCATION)
    plan(gateway, {"action": action, "code": "InternalFailure", "message": REASON.partition(": ")[2]})

    with pytest.raises(ClientError) as refused:
        getattr(gateway.client(service), method)(**parameters)

    answer = refused.value.response
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 500
    assert answer["Error"]["Code"] == code
    assert answer["Error"]["Message"] in {REASON, SHOWN}


def test_what_rds_cannot_do_arrives_with_its_reason(gateway: Gateway) -> None:
    (gateway.home / "postgres").write_text("in the way of the servers' folders")

    with pytest.raises(ClientError) as refused:
        gateway.client("rds").create_db_instance(
            DBInstanceIdentifier="d", Engine="postgres", DBInstanceClass="db.t4g.micro", AllocatedStorage=20,
            MasterUsername="m", MasterUserPassword="a password",
        )  # fmt: skip

    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500
    assert refused.value.response["Error"]["Code"] == "InternalFailure"
    assert f"{gateway.home}/postgres" in refused.value.response["Error"]["Message"]


@pytest.mark.parametrize(
    ("service", "method", "parameters"),
    [
        ("ec2", "describe_fast_launch_images", {}),
        ("rds", "describe_blue_green_deployments", {}),
        ("iam", "list_delegation_requests", {}),
    ],
)
def test_an_operation_that_is_not_emulated_is_named(
    gateway: Gateway, service: str, method: str, parameters: dict[str, Any]
) -> None:
    with pytest.raises(ClientError) as refused:
        getattr(gateway.client(service), method)(**parameters)

    name = method.title().replace("_", "").replace("Db", "DB")
    assert name in str(refused.value)
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] >= 400


def test_the_forms_are_those_of_the_protocols(gateway: Gateway) -> None:
    form = b"Action=DescribeVpcs&Version=2016-11-15"
    signed = {"Authorization": "AWS4-HMAC-SHA256 Credential=test/20260101/eu-central-1/ec2/aws4_request"}
    plan(gateway, {"action": "ec2:DescribeVpcs", "code": "InternalFailure", "message": "m"})
    request = urllib.request.Request(gateway.url, data=form, headers=signed)

    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request)

    body = refused.value.read()
    assert body.startswith(b"<?xml")
    tree = ET.fromstring(body)
    assert [tree.tag, tree.findtext("Errors/Error/Code")] == ["Response", "InternalError"]
