"""What AWS does late, after a deletion that it has reported: faults that a test switches on (`LateEffect`).

- `access-logs`: S3 delivers access logs for hours. They arrive in the log bucket when CloudFormation begins
  to delete it, after whoever emptied it.
  https://docs.aws.amazon.com/AmazonS3/latest/userguide/ServerLogs.html ("best effort")
- `database-logs`, `warehouse-logs`: RDS and Redshift Serverless write a last line after an instance or a
  namespace is gone, and so make its log groups anew, without retention; once the stack operation is over.
  https://github.com/hashicorp/terraform-provider-aws/issues/42858
- `network-interfaces`: the interfaces of functions, applications, environments and clusters in a VPC are
  released after their owner is gone. Until then they hold their subnets and security groups.
  https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from typing import Any

from ministack.services import cloudwatch_logs, s3

from local import faults
from local.services import ec2_interfaces
from local.services.clients import client

INSTANCE = "AWS::RDS::DBInstance"
NAMESPACE = "AWS::RedshiftServerless::Namespace"
BUCKETS = ("AWS::S3::Bucket", "AWS::S3::BucketPolicy")

_lines_to_come: list[tuple[str, str]] = []
"""Log group and line of what is written once the stack operation is over."""


def before_deletion(kind: str, physical_id: str, props: dict[str, Any]) -> None:
    """What arrives just before CloudFormation deletes a resource."""
    if kind in BUCKETS:
        bucket = props["Bucket"] if kind == "AWS::S3::BucketPolicy" else physical_id
        if bucket in s3._buckets and faults.due_late("access-logs", bucket):
            _deliver_access_log(bucket)


def after_deletion(kind: str, physical_id: str, props: dict[str, Any]) -> None:
    """What is left to come once CloudFormation has deleted a resource."""
    if kind == INSTANCE and faults.due_late("database-logs", physical_id):
        for log in props.get("EnableCloudwatchLogsExports", []):
            line = "LOG:  database system is shut down"
            _lines_to_come.append((f"/aws/rds/instance/{physical_id}/{log}", line))
    if kind == NAMESPACE and faults.due_late("warehouse-logs", physical_id):
        for log in props.get("LogExports", []):
            _lines_to_come.append((f"/aws/redshift/{physical_id}/{log}", "disconnecting session"))
    if kind in _PLACES and faults.due_late("network-interfaces", physical_id, use=False):
        subnets, groups = _PLACES[kind](props)
        if subnets:
            ec2_interfaces.leave_behind(physical_id, kind, subnets, groups)


def after_operation() -> None:
    """Write the lines that come after a stack operation; their groups are made anew if they are gone."""
    while _lines_to_come:
        group, line = _lines_to_come.pop()
        stream = uuid.uuid4().hex
        cloudwatch_logs._create_log_group({"logGroupName": group})
        cloudwatch_logs._create_log_stream({"logGroupName": group, "logStreamName": stream})
        event = {"timestamp": round(time.time() * 1000), "message": line}
        cloudwatch_logs._put_log_events(
            {"logGroupName": group, "logStreamName": stream, "logEvents": [event]}
        )


def _deliver_access_log(bucket: str) -> None:
    """One object of access logs, named as S3 names them."""
    moment = time.gmtime()
    key = f"{time.strftime('%Y-%m-%d-%H-%M-%S', moment)}-{uuid.uuid4().hex[:16].upper()}"
    requested = time.strftime("[%d/%b/%Y:%H:%M:%S +0000]", moment)
    line = f'- {bucket} {requested} - - - BATCH.DELETE.OBJECT - "-" 204 - - - - - "-" "-" - - - - - - - -\n'
    client("s3").put_object(Bucket=bucket, Key=key, Body=line.encode())


def _function(props: dict[str, Any]) -> tuple[list[str], list[str]]:
    place = props.get("VpcConfig", {})
    return place.get("SubnetIds", []), place.get("SecurityGroupIds", [])


def _networked(props: dict[str, Any]) -> tuple[list[str], list[str]]:
    place = props.get("NetworkConfiguration", {})
    return place.get("SubnetIds", []), place.get("SecurityGroupIds", [])


def _brokers(props: dict[str, Any]) -> tuple[list[str], list[str]]:
    place = props.get("BrokerNodeGroupInfo", {})
    return place.get("ClientSubnets", []), place.get("SecurityGroups", [])


def _connection(props: dict[str, Any]) -> tuple[list[str], list[str]]:
    place = props.get("ConnectionInput", {}).get("PhysicalConnectionRequirements", {})
    return [place["SubnetId"]] if "SubnetId" in place else [], place.get("SecurityGroupIdList", [])


_PLACES: dict[str, Callable[[dict[str, Any]], tuple[list[str], list[str]]]] = {
    "AWS::Lambda::Function": _function,
    "AWS::MWAA::Environment": _networked,
    "AWS::EMRServerless::Application": _networked,
    "AWS::MSK::Cluster": _brokers,
    "AWS::Glue::Connection": _connection,
}
"""Types whose network interfaces outlive them → the subnets and security groups in their properties."""
