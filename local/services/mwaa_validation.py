"""What MWAA refuses beyond malformed parameters: documented rules that need a look at other services.

Sources: the MWAA user guide's chapters on networking, the bucket and environment classes; the lists of
versions and classes come from the service model's own text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any
from urllib.parse import unquote

from botocore.exceptions import ClientError
from botocore.session import get_session

from local.services.clients import client

PRINCIPALS = {"airflow.amazonaws.com", "airflow-env.amazonaws.com"}
"""Services that must be able to assume an execution role."""
PINNED_FILES = ("Plugins", "Requirements", "StartupScript")
MICRO = "mw1.micro"


@cache
def documented_values(member: str) -> tuple[str, ...]:
    """Values that the service model's text lists for a member of CreateEnvironment, e.g. AirflowVersion."""
    shape = get_session().get_service_model("mwaa").operation_model("CreateEnvironment").input_shape
    assert shape is not None
    listed = re.search(r"Valid values:(.*?)</p>", shape.members[member].documentation)
    if listed is None:
        raise LookupError(f"the MWAA model no longer lists the values of {member}")
    return tuple(re.findall(r"<code>([^<]+)</code>", listed.group(1)))


NEWER_AIRFLOWS = ("3.2.1", "3.3.1")
"""Versions that MWAA offers and this service model does not list yet: the folders of images/airflow in
https://github.com/aws/amazon-mwaa-docker-images. They are taken, and fail to start.
"""


def problem(wanted: Mapping[str, Any]) -> str | None:
    """The first reason, as a sentence, why MWAA would refuse an environment; None when there is none.

    `wanted` holds CreateEnvironment's parameters, or, at an update, those that then hold.
    """
    checks: tuple[Callable[[Mapping[str, Any]], Iterator[str]], ...] = (
        _listed_values,
        _sizes,
        _pinned_files,
        _execution_role,
        _bucket,
        _network,
    )
    return next((sentence for check in checks for sentence in check(wanted)), None)


def _listed_values(wanted: Mapping[str, Any]) -> Iterator[str]:
    for member in ("AirflowVersion", "EnvironmentClass"):
        newer = NEWER_AIRFLOWS if member == "AirflowVersion" else ()
        allowed = tuple(dict.fromkeys((*documented_values(member), *newer)))
        if wanted.get(member, allowed[-1]) not in allowed:
            yield f"{member} {wanted[member]} is not supported; it must be one of {', '.join(allowed)}"


def _sizes(wanted: Mapping[str, Any]) -> Iterator[str]:
    workers = wanted.get("MinWorkers", 1), wanted.get("MaxWorkers", 1)
    if workers[0] > workers[1]:
        yield f"MinWorkers {workers[0]} must not exceed MaxWorkers {workers[1]}"
    if wanted.get("EnvironmentClass") == MICRO:
        for member in ("MaxWorkers", "MinWorkers", "Schedulers", "MinWebservers", "MaxWebservers"):
            if wanted.get(member, 1) != 1:
                yield f"{member} must be 1 in an environment of class {MICRO}"
    elif not 2 <= wanted.get("Schedulers", 2) <= 5:
        yield "Schedulers must be between 2 and 5 in an environment larger than mw1.micro"


def _pinned_files(wanted: Mapping[str, Any]) -> Iterator[str]:
    for file in PINNED_FILES:
        path, version = wanted.get(f"{file}S3Path"), wanted.get(f"{file}S3ObjectVersion")
        if path and not version:
            yield f"{file}S3Path needs {file}S3ObjectVersion"
        if version and not path:
            yield f"{file}S3ObjectVersion needs {file}S3Path"


def _execution_role(wanted: Mapping[str, Any]) -> Iterator[str]:
    arn = wanted["ExecutionRoleArn"]
    try:
        role = client("iam").get_role(RoleName=arn.rpartition("/")[2])["Role"]
    except ClientError:
        yield f"The execution role {arn} does not exist"
        return
    policy = role["AssumeRolePolicyDocument"]
    document = json.loads(unquote(policy)) if isinstance(policy, str) else policy
    trusted: set[str] = set()
    for statement in _several(document["Statement"]):
        principal = statement.get("Principal", {})
        if statement["Effect"] == "Allow" and isinstance(principal, dict):
            trusted |= set(_several(principal.get("Service", [])))
    if not trusted >= PRINCIPALS:
        yield f"The execution role {arn} must trust {' and '.join(sorted(PRINCIPALS))}"


def _bucket(wanted: Mapping[str, Any]) -> Iterator[str]:
    bucket, s3 = wanted["SourceBucketArn"].rpartition(":")[2], client("s3")
    try:
        versioning = s3.get_bucket_versioning(Bucket=bucket).get("Status")
    except ClientError:
        yield f"The source bucket {bucket} does not exist"
        return
    if versioning != "Enabled":
        yield f"The source bucket {bucket} must have versioning enabled"
    try:
        blocked = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    except ClientError:
        blocked = {}
    if not blocked or not all(blocked.values()):
        yield f"The source bucket {bucket} must block all public access"
    for file in PINNED_FILES:
        path = wanted.get(f"{file}S3Path")
        if path:
            version = wanted[f"{file}S3ObjectVersion"]
            try:
                s3.head_object(Bucket=bucket, Key=path, VersionId=version)
            except ClientError:
                yield f"s3://{bucket}/{path} has no version {version}"


def _network(wanted: Mapping[str, Any]) -> Iterator[str]:
    network, ec2 = wanted["NetworkConfiguration"], client("ec2")
    try:
        subnets = ec2.describe_subnets(SubnetIds=network["SubnetIds"])["Subnets"]
        groups = ec2.describe_security_groups(GroupIds=network["SecurityGroupIds"])["SecurityGroups"]
    except ClientError as error:
        yield error.response["Error"]["Message"]
        return
    if len({subnet["AvailabilityZone"] for subnet in subnets}) != 2:
        yield "The two subnets must lie in two availability zones"
    vpcs = {part["VpcId"] for part in (*subnets, *groups)}
    if len(vpcs) > 1:
        yield f"Subnets and security groups must belong to one VPC, not to {', '.join(sorted(vpcs))}"


def _several(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
