"""What policies may ask of a call besides its action and resource: condition keys, and what the call implies.

Covers the keys that the deployed policies use; ministack itself knows the global ones and those of S3.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from local.services.service import Request
from local.services.state import STATES

OWN_USER_ID = object()
"""Stands for the caller's own aws:userid, which only the evaluator knows."""

Context = dict[str, Any]
"""Condition key → value, or values."""

RUN_JOB_FLOW_IMPLIES = {
    "Tags": "AddTags",
    "AutoTerminationPolicy": "PutAutoTerminationPolicy",
    "ManagedScalingPolicy": "PutManagedScalingPolicy",
}
"""Member of a RunJobFlow request → the action whose right its caller needs for it."""


def conditions(key: str, request: Request) -> Context:
    """Condition keys of a call to one of our services, by the name that its requests are signed for."""
    function = _CONDITIONS.get((key, request.operation)) or _CONDITIONS.get((key, "*"))
    return {} if function is None else function(request)


def implied_calls(key: str, request: Request) -> Iterator[tuple[str, str, Context]]:
    """Action, resource and condition keys of each further right that a call needs.

    The roles that it passes, and what members of a request do that have an action of their own. EMR checks
    these before the cluster has an id or a tag, so on `cluster/*`:
    https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-auto-termination-policy.html (permissions to
    use auto-termination), https://github.com/gchq/sleeper/issues/2584 (the refusal of AddTags).
    """
    for role, principal in _passed_roles(key, request):
        yield "iam:PassRole", role, {"iam:PassedToService": principal}
    if (key, request.operation) == ("elasticmapreduce", "RunJobFlow"):
        clusters = f"arn:aws:elasticmapreduce:{request.region}:{request.account}:cluster/*"
        for member, action in RUN_JOB_FLOW_IMPLIES.items():
            if request.params.get(member):
                keys = _request_tags(request) if member == "Tags" else {}
                yield f"elasticmapreduce:{action}", clusters, keys


def _passed_roles(key: str, request: Request) -> Iterator[tuple[str, str]]:
    """ARN of each role that a call hands to a service, with that service's principal."""
    if (key, request.operation) == ("glue", "StartDataQualityRulesetEvaluationRun"):
        yield _role_arn(request, request.params["Role"]), "glue.amazonaws.com"
    if (key, request.operation) == ("elasticmapreduce", "RunJobFlow"):
        from ministack.services import iam

        service_role = request.params.get("ServiceRole")
        if service_role:
            yield _role_arn(request, service_role), "elasticmapreduce.amazonaws.com"
        profile = iam._instance_profiles.get(request.params.get("JobFlowRole", ""), {})
        for name in profile.get("Roles", []):
            yield _role_arn(request, name), "ec2.amazonaws.com"
    if (key, request.operation) == ("emr-serverless", "StartJobRun"):
        yield request.params["executionRoleArn"], "emr-serverless.amazonaws.com"
    elif (key, request.operation) == ("ecs", "RunTask"):
        overrides = request.params.get("overrides", {})
        definition = _task_definition(request.params.get("taskDefinition", ""))
        for member in ("taskRoleArn", "executionRoleArn"):
            role = overrides.get(member) or definition.get(member)
            if role:
                yield _role_arn(request, role), "ecs-tasks.amazonaws.com"


def log_stream(arn: str, body: bytes) -> str:
    """ARN that a call about a log stream is held against, from its group's: …:log-stream:<name>."""
    found = re.search(rb'"logStreamName"\s*:\s*"([^"]+)"', body)
    if found is None or ":log-group:" not in arn or arn.endswith(":*"):
        return arn
    return f"{arn}:log-stream:{found[1].decode()}"


def metric_namespace(body: bytes) -> Context:
    """cloudwatch:namespace of a PutMetricData call in any of its three encodings."""
    text = body.decode("latin-1")
    found = (
        re.search(r"(?:^|&)Namespace=([^&]+)", text)
        or re.search(r'"Namespace"\s*:\s*"([^"]+)"', text)
        # CBOR: the key is a text of nine characters; the value's length is its first byte less 0x60.
        or re.search(r"iNamespace[\x61-\x77]([ -~]{1,23})", text)
    )
    return {} if found is None else {"cloudwatch:namespace": found[1]}


def _role_arn(request: Request, name: str) -> str:
    return name if name.startswith("arn:") else f"arn:aws:iam::{request.account}:role/{name}"


def _task_definition(reference: str) -> dict[str, Any]:
    """The task definition of an ARN, `family:revision` or a family; empty when there is none."""
    name = reference.rpartition("/")[2]
    known: dict[str, dict[str, Any]] = STATES.get("ecs:definitions", {})
    active = [each for each in known.values() if each["family"] == name and each["status"] == "ACTIVE"]
    return known.get(name) or (active[-1] if active else {})


def _ecs_cluster(request: Request) -> Context:
    name = str(request.params.get("cluster", "default")).rpartition("/")[2]
    return {"ecs:cluster": f"arn:aws:ecs:{request.region}:{request.account}:cluster/{name}"}


def _cluster_tags(request: Request) -> Context:
    given = request.params
    named = given.get("ClusterId") or given.get("JobFlowId") or given.get("ResourceId")
    cluster_id = named or next(iter(given.get("JobFlowIds", [])), "")
    cluster = STATES.get("emr:clusters", {}).get(cluster_id, {}).get("cluster", {})
    return {
        f"elasticmapreduce:ResourceTag/{tag['Key']}": tag.get("Value", "") for tag in cluster.get("Tags", [])
    }


def _request_tags(request: Request) -> Context:
    return {
        f"elasticmapreduce:RequestTag/{tag['Key']}": tag.get("Value", "")
        for tag in request.params.get("Tags", [])
    }


def _statement_owner(request: Request) -> Context:
    identifier = str(request.params.get("Id", "")).partition(":")[0]
    statement = STATES.get("redshift-data:statements", {}).get(identifier, {})
    own = statement.get("caller") == request.caller
    return {"redshift-data:statement-owner-iam-userid": OWN_USER_ID if own else "another caller"}


_CONDITIONS: dict[tuple[str, str], Callable[[Request], Context]] = {
    ("elasticmapreduce", "RunJobFlow"): _request_tags,
    ("elasticmapreduce", "AddTags"): lambda request: {**_cluster_tags(request), **_request_tags(request)},
    ("elasticmapreduce", "*"): _cluster_tags,
    ("ecs", "RunTask"): _ecs_cluster,
    ("ecs", "DescribeTasks"): _ecs_cluster,
    ("ecs", "ListTasks"): _ecs_cluster,
    ("ecs", "StopTask"): _ecs_cluster,
    ("redshift-data", "DescribeStatement"): _statement_owner,
    ("redshift-data", "GetStatementResult"): _statement_owner,
    ("redshift-data", "GetStatementResultV2"): _statement_owner,
    ("redshift-data", "CancelStatement"): _statement_owner,
}
