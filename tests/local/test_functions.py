"""Functions: what an exception is answered with; a burst of events arrives whole, a few at a time."""

from __future__ import annotations

import io
import json
import time
import zipfile

import pytest

from local.layout import BUCKET_LOCATION

pytestmark = pytest.mark.gateway

OBJECTS = 200
HANDLER = """
import os, boto3

table = boto3.resource("dynamodb").Table("seen")

def handler(event, context):
    detail = event["detail"]
    item = {"key": detail["object"]["key"], "process": os.getpid(), "version": detail["object"]["version-id"]}
    table.put_item(Item=item)
"""


def everything(service):
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def create(gateway, name, code):
    """Make a function of one file, with a role of its own; its ARN."""
    role = gateway.client("iam").create_role(
        RoleName=name, AssumeRolePolicyDocument=everything("lambda.amazonaws.com")
    )["Role"]["Arn"]
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as bundle:
        bundle.writestr("handler.py", code)
    return gateway.client("lambda").create_function(
        FunctionName=name,
        Runtime="python3.13",
        Handler="handler.handler",
        Role=role,
        Timeout=60,
        Code={"ZipFile": archive.getvalue()},
    )["FunctionArn"]


RAISING = """
class NotPublishedError(Exception):
    pass

def handler(event, context):
    try:
        raise KeyError("cause")
    except KeyError as cause:
        raise NotPublishedError(*event) from cause
"""


@pytest.mark.parametrize("said", ["no file:\nask later", ""])
def test_an_exception_is_answered_with_its_class_its_words_and_where_it_was_raised(gateway, said):
    name = f"raising-{len(said)}"
    create(gateway, name, RAISING)

    answer = gateway.client("lambda").invoke(FunctionName=name, Payload=json.dumps([said] if said else []))
    error = json.load(answer["Payload"])

    assert answer["FunctionError"] == "Unhandled"
    assert (error["errorType"], error["errorMessage"]) == ("NotPublishedError", said)
    assert error["requestId"] == answer["ResponseMetadata"]["RequestId"]
    [frame] = error["stackTrace"]
    assert "in handler" in frame
    assert "raise NotPublishedError(*event) from cause" in frame


def test_a_burst_of_object_created_events_is_handled_completely(gateway):
    dynamodb = gateway.client("dynamodb")
    dynamodb.create_table(
        TableName="seen",
        KeySchema=[{"AttributeName": "key", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "key", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    function = create(gateway, "burst", HANDLER)
    s3 = gateway.client("s3")
    s3.create_bucket(Bucket="refstack-burst", CreateBucketConfiguration=BUCKET_LOCATION)
    s3.put_bucket_versioning(Bucket="refstack-burst", VersioningConfiguration={"Status": "Enabled"})
    s3.put_bucket_notification_configuration(
        Bucket="refstack-burst", NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    events = gateway.client("events")
    pattern = {
        "source": ["aws.s3"],
        "detail-type": ["Object Created"],
        "detail": {"bucket": {"name": ["refstack-burst"]}},
    }
    events.put_rule(Name="burst", EventPattern=json.dumps(pattern))
    events.put_targets(Rule="burst", Targets=[{"Id": "1", "Arn": function}])
    versions = {
        f"day={number}": s3.put_object(Bucket="refstack-burst", Key=f"day={number}", Body=b"x")["VersionId"]
        for number in range(OBJECTS)
    }
    deadline = time.monotonic() + 120
    while len(items := dynamodb.scan(TableName="seen")["Items"]) < OBJECTS:
        assert time.monotonic() < deadline, f"only {len(items)} of {OBJECTS} events arrived"
        time.sleep(0.5)
    assert {item["key"]["S"]: item["version"]["S"] for item in items} == versions
    assert len({item["process"]["N"] for item in items}) <= 4
