"""Properties of DynamoDB tables, SNS topics and Lambda functions that ministack's CloudFormation drops."""

from __future__ import annotations

from typing import Any

from local.resources.provisioner import Properties, call, extend
from local.services.clients import client


@extend("AWS::DynamoDB::Table")
def table_properties(physical_id: str, old: Properties | None, new: Properties) -> None:
    """Point-in-time recovery, encryption at rest, expiry of items."""
    before = old or {}
    recovery = new.get("PointInTimeRecoverySpecification")
    if recovery != before.get("PointInTimeRecoverySpecification"):
        wanted = recovery or {"PointInTimeRecoveryEnabled": False}
        params = {"TableName": physical_id, "PointInTimeRecoverySpecification": wanted}
        call("dynamodb", "update_continuous_backups", params)
    encryption = new.get("SSESpecification")
    if encryption != before.get("SSESpecification"):
        specification: dict[str, Any] = dict(encryption or {"SSEEnabled": False})
        if "SSEEnabled" in specification:
            specification["Enabled"] = specification.pop("SSEEnabled")
        call("dynamodb", "update_table", {"TableName": physical_id, "SSESpecification": specification})
    expiry = new.get("TimeToLiveSpecification")
    if expiry != before.get("TimeToLiveSpecification"):
        off = {**(before.get("TimeToLiveSpecification") or {}), "Enabled": False}
        params = {"TableName": physical_id, "TimeToLiveSpecification": expiry or off}
        call("dynamodb", "update_time_to_live", params)


@extend("AWS::SNS::Topic")
def topic_properties(physical_id: str, old: Properties | None, new: Properties) -> None:
    """The key that encrypts a topic's messages."""
    key = new.get("KmsMasterKeyId", "")
    if key != (old or {}).get("KmsMasterKeyId", ""):
        client("sns").set_topic_attributes(
            TopicArn=physical_id, AttributeName="KmsMasterKeyId", AttributeValue=key
        )


@extend("AWS::Lambda::Function")
def function_properties(physical_id: str, old: Properties | None, new: Properties) -> None:
    """Where the events go that a function failed on, and where its network interfaces are."""
    target = new.get("DeadLetterConfig", {})
    if target != (old or {}).get("DeadLetterConfig", {}):
        client("lambda").update_function_configuration(
            FunctionName=physical_id, DeadLetterConfig=target or {"TargetArn": ""}
        )
    place = new.get("VpcConfig", {})
    if place != (old or {}).get("VpcConfig", {}):
        client("lambda").update_function_configuration(
            FunctionName=physical_id, VpcConfig=place or {"SubnetIds": [], "SecurityGroupIds": []}
        )
