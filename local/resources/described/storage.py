"""Answers of S3, DynamoDB and RDS' groups."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from local.resources.described.describer import describer, only
from local.resources.provisioner import Properties
from local.services.clients import client


@describer("AWS::S3::Bucket")
def bucket(physical_id: str, props: Properties) -> dict[str, Any]:
    encryption = _ask("get_bucket_encryption", physical_id, "ServerSideEncryptionConfiguration")
    logging = _ask("get_bucket_logging", physical_id, "LoggingEnabled")
    lifecycle = _ask("get_bucket_lifecycle_configuration", physical_id, "Rules") or []
    notifications = _ask("get_bucket_notification_configuration", physical_id, None)
    public = _ask("get_public_access_block", physical_id, "PublicAccessBlockConfiguration")
    return {
        "BucketName": physical_id,
        "BucketEncryption": {
            "ServerSideEncryptionConfiguration": [
                {**rule, "ServerSideEncryptionByDefault": rule.get("ApplyServerSideEncryptionByDefault")}
                for rule in (encryption or {}).get("Rules", [])
            ]
        },
        "VersioningConfiguration": {"Status": _ask("get_bucket_versioning", physical_id, "Status")},
        "PublicAccessBlockConfiguration": public,
        "OwnershipControls": _ask("get_bucket_ownership_controls", physical_id, "OwnershipControls"),
        "LoggingConfiguration": logging
        and {"DestinationBucketName": logging["TargetBucket"], "LogFilePrefix": logging["TargetPrefix"]},
        "LifecycleConfiguration": {"Rules": [_lifecycle_rule(rule) for rule in lifecycle]},
        "NotificationConfiguration": {
            "EventBridgeConfiguration": {
                "EventBridgeEnabled": "EventBridgeConfiguration" in (notifications or {})
            }
        },
        "Tags": _ask("get_bucket_tagging", physical_id, "TagSet"),
    }


def _ask(method: str, name: str, member: str | None) -> Any:
    """A member of one of S3's answers about a bucket; None where the bucket has no such configuration."""
    try:
        answer = getattr(client("s3"), method)(Bucket=name)
    except ClientError as error:
        if error.response["Error"]["Code"].startswith(
            ("NoSuch", "ServerSideEncryption", "OwnershipControls")
        ):
            return None
        raise
    return answer if member is None else answer.get(member)


def _lifecycle_rule(rule: dict[str, Any]) -> dict[str, Any]:
    """A rule of S3's API in the words of CloudFormation, where they differ."""
    selection = rule.get("Filter", {}).get("And", rule.get("Filter", {}))
    expiration = rule.get("Expiration", {})
    converted: dict[str, Any] = {
        **rule,
        **selection,
        "Id": rule.get("ID"),
        "TagFilters": selection.get("Tags"),
        "ExpirationInDays": expiration.get("Days"),
        "ExpiredObjectDeleteMarker": expiration.get("ExpiredObjectDeleteMarker"),
        "Transitions": [{**one, "TransitionInDays": one.get("Days")} for one in rule.get("Transitions", [])],
        "NoncurrentVersionTransitions": [
            {**one, "TransitionInDays": one.get("NoncurrentDays")}
            for one in rule.get("NoncurrentVersionTransitions", [])
        ],
    }
    return converted


@describer("AWS::S3::BucketPolicy")
def bucket_policy(physical_id: str, props: Properties) -> dict[str, Any]:
    answer = client("s3").get_bucket_policy(Bucket=props["Bucket"])
    return {"Bucket": props["Bucket"], "PolicyDocument": answer["Policy"]}


@describer("AWS::DynamoDB::Table")
def table(physical_id: str, props: Properties) -> dict[str, Any]:
    dynamodb = client("dynamodb")
    found = dynamodb.describe_table(TableName=physical_id)["Table"]
    backups = dynamodb.describe_continuous_backups(TableName=physical_id)["ContinuousBackupsDescription"]
    recovery = backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"]
    sse = found.get("SSEDescription", {})
    expiry = dynamodb.describe_time_to_live(TableName=physical_id)["TimeToLiveDescription"]
    return {
        **found,
        "BillingMode": found.get("BillingModeSummary", {}).get("BillingMode", "PROVISIONED"),
        "TimeToLiveSpecification": {
            "AttributeName": expiry.get("AttributeName"),
            "Enabled": expiry["TimeToLiveStatus"] == "ENABLED",
        },
        "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": recovery == "ENABLED"},
        "SSESpecification": {
            "SSEEnabled": sse.get("Status") == "ENABLED",
            "SSEType": sse.get("SSEType"),
            "KMSMasterKeyId": sse.get("KMSMasterKeyArn"),
        },
        "Tags": dynamodb.list_tags_of_resource(ResourceArn=found["TableArn"])["Tags"],
    }


@describer("AWS::RDS::DBParameterGroup")
def parameter_group(physical_id: str, props: Properties) -> dict[str, Any]:
    rds = client("rds")
    found = only(rds.describe_db_parameter_groups(DBParameterGroupName=physical_id)["DBParameterGroups"])
    pages = rds.get_paginator("describe_db_parameters").paginate(DBParameterGroupName=physical_id)
    parameters = [one for page in pages for one in page["Parameters"]]
    return {
        **found,
        "Family": found["DBParameterGroupFamily"],
        "Parameters": {one["ParameterName"]: one.get("ParameterValue") for one in parameters},
        "Tags": rds.list_tags_for_resource(ResourceName=found["DBParameterGroupArn"])["TagList"],
    }


@describer("AWS::RDS::DBSubnetGroup")
def subnet_group(physical_id: str, props: Properties) -> dict[str, Any]:
    rds = client("rds")
    found = only(rds.describe_db_subnet_groups(DBSubnetGroupName=physical_id)["DBSubnetGroups"])
    return {
        **found,
        "SubnetIds": [one["SubnetIdentifier"] for one in found["Subnets"]],
        "Tags": rds.list_tags_for_resource(ResourceName=found["DBSubnetGroupArn"])["TagList"],
    }
