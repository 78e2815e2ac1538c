"""Faults on request: calls that are refused as AWS refuses them, as often as asked, and no other call."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local import faults
from local.layout import BUCKET_LOCATION
from tests.local.conftest import Gateway

pytestmark = pytest.mark.gateway


def plan(gateway: Gateway, *wanted: dict[str, Any]) -> list[dict[str, Any]]:
    """Plan faults; what was left of those planned before."""
    body = json.dumps(wanted).encode()
    with urllib.request.urlopen(gateway.url + faults.PATH, data=body) as answer:
        left: list[dict[str, Any]] = json.loads(answer.read())
    return left


def test_a_call_is_refused_with_the_planned_error_as_often_as_planned(gateway: Gateway) -> None:
    glue = gateway.client("glue")
    plan(
        gateway,
        {
            "action": "glue:GetDatabases",
            "code": "ThrottlingException",
            "message": "Rate exceeded",
            "times": 2,
        },
    )

    for _ in range(2):
        with pytest.raises(ClientError, match=r"ThrottlingException.*GetDatabases.*Rate exceeded"):
            glue.get_databases()
    assert glue.get_databases()["DatabaseList"] == []


def test_only_the_named_resource_is_refused_in_the_service_s_own_form(gateway: Gateway) -> None:
    s3 = gateway.client("s3")
    for name in ("faults-one", "faults-two"):
        s3.create_bucket(Bucket=name, CreateBucketConfiguration=BUCKET_LOCATION)
    expired = {"code": "ExpiredToken", "message": "The provided token has expired."}
    plan(gateway, {"action": "s3:ListBucket", "resource": "arn:aws:s3:::faults-one", **expired})

    assert s3.list_objects_v2(Bucket="faults-two")["KeyCount"] == 0
    with pytest.raises(ClientError) as refused:
        s3.list_objects_v2(Bucket="faults-one")
    assert refused.value.response["Error"]["Code"] == "ExpiredToken"
    assert refused.value.response["Error"]["Message"] == "The provided token has expired."


def test_a_new_plan_replaces_the_one_before_and_tells_what_was_left(gateway: Gateway) -> None:
    fault = {"action": "sqs:ListQueues", "code": "ThrottlingException", "message": "Rate exceeded"}
    plan(gateway, fault)

    [left] = plan(gateway)

    assert (left["action"], left["times"]) == ("sqs:ListQueues", 1)
    assert gateway.client("sqs").list_queues().get("QueueUrls", []) == []
