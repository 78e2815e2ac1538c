"""Physical names: one that a template gives is unique, one that CloudFormation makes up is new each time.

ministack adopts or overwrites what has the name, for most types; and the name that it makes up for a
resource is the same when its stack is deleted and made again, so that it takes over what was retained.

A type's create handler fails if there is a resource with the same identifier:
https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-test-contract.html
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

from ministack.services import (
    cloudformation,
    cloudwatch,
    cloudwatch_logs,
    dynamodb,
    ecr,
    eventbridge,
    iam,
    kms,
    lambda_svc,
    secretsmanager,
    sns,
    sqs,
)
from ministack.services.cloudformation import provisioners

from local.services import ecs

SUFFIX = 13
"""Length of the part of a made-up name that makes it unique."""

Known = Callable[[str], bool]


def _policy(name: str) -> bool:
    # A managed policy's name is unique among the account's own, whatever its path.
    return any(one["PolicyName"] == name and ":aws:policy/" not in arn for arn, one in iam._policies.items())


def _topic(name: str) -> bool:
    return any(arn.rpartition(":")[2] == name for arn in sns._topics)


NAMED: dict[str, tuple[str, Known]] = {
    "AWS::CloudWatch::Alarm": ("AlarmName", lambda name: name in cloudwatch._alarms),
    "AWS::DynamoDB::Table": ("TableName", lambda name: name in dynamodb._tables),
    "AWS::ECR::Repository": ("RepositoryName", lambda name: name in ecr._repositories),
    "AWS::ECS::Cluster": ("ClusterName", lambda name: name in ecs.clusters),
    "AWS::Events::Rule": (
        "Name",
        lambda name: eventbridge._rule_key(name, "default") in eventbridge._rules,
    ),
    "AWS::IAM::ManagedPolicy": ("ManagedPolicyName", _policy),
    "AWS::IAM::Role": ("RoleName", lambda name: name in iam._roles),
    "AWS::IAM::User": ("UserName", lambda name: name in iam._users),
    "AWS::KMS::Alias": ("AliasName", lambda name: kms._alias_arn(name) in kms._aliases),
    "AWS::Lambda::Function": ("FunctionName", lambda name: name in lambda_svc._functions),
    "AWS::Logs::LogGroup": ("LogGroupName", lambda name: name in cloudwatch_logs._log_groups),
    "AWS::SNS::Topic": ("TopicName", _topic),
    "AWS::SQS::Queue": ("QueueName", lambda name: name in sqs._queue_name_to_url),
    "AWS::SecretsManager::Secret": ("Name", lambda name: name in secretsmanager._secrets),
}
"""Types that ministack takes a name for twice → the property with the name, and whether a name is taken.

The types that are not here refuse it by their services' own errors.
"""


def install() -> None:
    """Let each stack make up names of its own."""
    make_up = provisioners._physical_name

    def made_up(
        stack_name: str, logical_id: str, *, lowercase: bool = False, max_len: int = 128, seeded: bool = True
    ) -> str:
        name = str(make_up(stack_name, logical_id, lowercase=lowercase, max_len=max_len, seeded=seeded))
        stack = cloudformation._stacks.get(stack_name)
        if stack is None:
            return name
        unique = hashlib.sha256(f"{stack['StackId']} {name[-SUFFIX:].upper()}".encode()).hexdigest()
        suffix = unique[:SUFFIX].upper()
        return name[:-SUFFIX] + (suffix.lower() if lowercase else suffix)

    provisioners._physical_name = made_up


def refuse_taken(kind: str, props: dict[str, Any]) -> None:
    """Raise ValueError, in CloudFormation's words, for a resource whose name another one has."""
    if kind not in NAMED:
        return
    member, taken = NAMED[kind]
    name = props.get(member)
    if isinstance(name, str) and name and taken(name):
        identifier = json.dumps({f"/properties/{member}": name}, separators=(",", ":"))
        said = f"Resource of type '{kind}' with identifier '{identifier}' already exists."
        raise ValueError(f'Resource handler returned message: "{said}" (HandlerErrorCode: AlreadyExists)')
