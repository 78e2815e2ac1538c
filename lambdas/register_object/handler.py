"""Register a raw object: its metadata in DynamoDB, its day as a partition in the Glue catalog.

Event: EventBridge's "Object Created" of the raw bucket. EventBridge delivers at least once and in any order,
so every step may run again: one item per (key, version), and a partition that exists already is a success.
"""

from __future__ import annotations

import os
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from flights.sources.raw_objects import parse_key, partition_values
from flights.sources.settings import required

TABLE, DATABASE = required(os.environ, "TABLE", "CATALOG_DATABASE")
DYNAMODB = boto3.client("dynamodb")
GLUE = boto3.client("glue")
logger = Logger(service="register_object")


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """Record the object and register its partition; return what was new."""
    bucket, created = event["detail"]["bucket"]["name"], event["detail"]["object"]
    # Keys come as they are: only S3's own notifications, not EventBridge's, encode them for URLs.
    key, version = created["key"], created.get("version-id", "null")
    recorded = record(bucket, key, version, created, event["time"])
    partition = register_partition(bucket, key)
    result = {"key": key, "version": version, "recorded": recorded, "partition": partition}
    logger.info("object registered", extra={**result, "bucket": bucket, "object": created})
    return result


def record(bucket: str, key: str, version: str, created: dict[str, Any], time: str) -> bool:
    """Put the object's metadata; False if this version was recorded before: its item then stays as it is."""
    item: dict[str, Any] = {
        "key": {"S": key},
        "version": {"S": version},
        "bucket": {"S": bucket},
        "size": {"N": str(created["size"])},
        "etag": {"S": created["etag"]},
        "sequencer": {"S": created.get("sequencer", "")},
        "created_at": {"S": time},
    }
    parsed = parse_key(key)
    if parsed is not None:
        item |= {"dataset": {"S": parsed[0]}, "day": {"S": parsed[1].isoformat()}}
    try:
        DYNAMODB.put_item(
            TableName=TABLE,
            Item=item,
            ConditionExpression="attribute_not_exists(#key)",
            ExpressionAttributeNames={"#key": "key"},
        )
    except DYNAMODB.exceptions.ConditionalCheckFailedException:
        return False
    return True


def register_partition(bucket: str, key: str) -> str:
    """Register the day of a raw object's key: "created", "exists", or "none" for a key of anything else."""
    parsed = parse_key(key)
    if parsed is None:
        logger.warning("not a raw object: no partition registered", extra={"key": key})
        return "none"
    dataset, day = parsed
    table = GLUE.get_table(DatabaseName=DATABASE, Name=dataset)["Table"]
    location = f"s3://{bucket}/{key.rpartition('/')[0]}/"
    try:
        GLUE.create_partition(
            DatabaseName=DATABASE,
            TableName=dataset,
            PartitionInput={
                "Values": partition_values(dataset, day),
                "StorageDescriptor": {**table["StorageDescriptor"], "Location": location},
            },
        )
    except GLUE.exceptions.AlreadyExistsException:
        return "exists"
    return "created"
