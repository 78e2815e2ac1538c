"""Amazon EMR on EC2: clusters, and what is set on them. Steps: emr_steps; what happens: emr_lifecycle."""

from __future__ import annotations

import copy
import re
import secrets
import string
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from local.services import emr_lifecycle as lifecycle
from local.services.emr_requests import RequestError, check_run_job_flow, instance_collection
from local.services.service import Request, Service

service = Service("emr")
security_configurations: dict[str, dict[str, Any]] = service.state("security_configurations")

RELEASES = frozenset(
    [f"emr-7.{minor}.0" for minor in range(14)]
    + [f"emr-6.{minor}.0" for minor in range(16)]
    + [f"emr-5.{minor}.0" for minor in range(30, 37)]
)
PAGE = 50
SUMMARY = ("Id", "Name", "Status", "NormalizedInstanceHours", "ClusterArn")
"""What ListClusters tells of each cluster."""


def identifier(prefix: str) -> str:
    """A new id as EMR makes them up, such as j-2AXXXXXXGAPLF."""
    return prefix + "".join(secrets.choice(string.ascii_uppercase + string.digits) for _ in range(13))


def now() -> datetime:
    """The present moment; EMR tells times in UTC."""
    return datetime.now(UTC)


def invalid(message: str) -> Exception:
    """The refusal of a request whose parameters make no sense together."""
    return service.error("ValidationException", message)


def known(cluster_id: str) -> dict[str, Any]:
    """The record of a cluster. Raises InvalidRequestException when there is none of that id."""
    record = lifecycle.clusters.get(cluster_id)
    if record is None:
        raise service.error("InvalidRequestException", f"Cluster id '{cluster_id}' is not valid.")
    return record


def page(items: list[dict[str, Any]], marker: str | None, key: str) -> dict[str, Any]:
    """One page of a listing: 50 items from the one that `marker` counts to."""
    start = int(marker) if marker else 0
    answer: dict[str, Any] = {key: items[start : start + PAGE]}
    if len(items) > start + PAGE:
        answer["Marker"] = str(start + PAGE)
    return answer


@service.resource(
    *("AddJobFlowSteps", "DescribeCluster", "DescribeStep", "ListSteps", "CancelSteps", "TerminateJobFlows"),
    *("ModifyCluster", "SetTerminationProtection", "SetVisibleToAllUsers", "AddTags", "RemoveTags"),
    *("ListInstances", "ListInstanceGroups", "ListInstanceFleets", "ListBootstrapActions"),
    *("PutAutoTerminationPolicy", "GetAutoTerminationPolicy", "RemoveAutoTerminationPolicy"),
    *("PutManagedScalingPolicy", "GetManagedScalingPolicy", "RemoveManagedScalingPolicy"),
)
def cluster_arn(request: Request) -> str:
    """ARN of the cluster that the call names, which policies on elasticmapreduce:* are held against."""
    given = request.params
    named = given.get("ClusterId") or given.get("JobFlowId") or given.get("ResourceId")
    return _arn(request, str(named or (given.get("JobFlowIds") or ["*"])[0]))


def _arn(request: Request, cluster_id: str) -> str:
    return f"arn:aws:elasticmapreduce:{request.region}:{request.account}:cluster/{cluster_id}"


@service.operation("RunJobFlow")
def run_job_flow(request: Request) -> dict[str, Any]:
    """Start a cluster; it is validated, started and runs its steps behind this call."""
    from local.services.emr_steps import new_steps

    given = request.params
    try:
        role_arn = check_run_job_flow(given, RELEASES, frozenset(security_configurations))
    except RequestError as problem:
        raise service.error(problem.code, str(problem)) from None
    instances = given["Instances"]
    cluster_id = identifier("j-")
    collection = instance_collection(instances, identifier)
    keep_alive = bool(instances.get("KeepJobFlowAliveWhenNoSteps", False))
    subnets = [instances["Ec2SubnetId"]] if "Ec2SubnetId" in instances else instances.get("Ec2SubnetIds", [])
    attributes = {
        "IamInstanceProfile": given["JobFlowRole"],
        "RequestedEc2SubnetIds": subnets,
        "RequestedEc2AvailabilityZones": [],
        **({"Ec2SubnetId": subnets[0]} if subnets else {}),
        **{
            name: instances[name]
            for name in (
                *("EmrManagedMasterSecurityGroup", "EmrManagedSlaveSecurityGroup", "Ec2KeyName"),
                *("ServiceAccessSecurityGroup", "AdditionalMasterSecurityGroups"),
                "AdditionalSlaveSecurityGroups",
            )
            if name in instances
        },
    }
    cluster: dict[str, Any] = {
        "Id": cluster_id,
        "Name": given["Name"],
        "ClusterArn": _arn(request, cluster_id),
        "Status": {"State": "STARTING", "StateChangeReason": {}, "Timeline": {"CreationDateTime": now()}},
        "Ec2InstanceAttributes": attributes,
        "InstanceCollectionType": "INSTANCE_FLEET" if "InstanceFleets" in instances else "INSTANCE_GROUP",
        "AutoTerminate": not keep_alive,
        "TerminationProtected": bool(instances.get("TerminationProtected", False)),
        "UnhealthyNodeReplacement": bool(instances.get("UnhealthyNodeReplacement", True)),
        "VisibleToAllUsers": bool(given.get("VisibleToAllUsers", True)),
        "NormalizedInstanceHours": 0,
        "StepConcurrencyLevel": given.get("StepConcurrencyLevel", 1),
        "ScaleDownBehavior": given.get("ScaleDownBehavior", "TERMINATE_AT_TASK_COMPLETION"),
        "Applications": [dict(application) for application in given.get("Applications", [])],
        "Tags": given.get("Tags", []),
        "Configurations": given.get("Configurations", []),
        **{
            name: given[name]
            for name in (
                *("LogUri", "LogEncryptionKmsKeyId", "ReleaseLabel", "ServiceRole", "SecurityConfiguration"),
                *("AutoScalingRole", "CustomAmiId", "EbsRootVolumeSize", "EbsRootVolumeIops"),
                *(
                    "EbsRootVolumeThroughput",
                    "OSReleaseLabel",
                    "MonitoringConfiguration",
                    "KerberosAttributes",
                ),
                "RepoUpgradeOnBoot",
            )
            if name in given
        },
    }
    record = {
        "cluster": cluster,
        "steps": new_steps(given.get("Steps", []), cluster, None),
        "collection": collection,
        "role_arn": role_arn,
        "node": f"i-{secrets.token_hex(8)}0",
        "auto_termination": given.get("AutoTerminationPolicy"),
        "managed_scaling": given.get("ManagedScalingPolicy"),
        "applications_started": 0,
        "bootstrap_actions": given.get("BootstrapActions", []),
        "ending": None,
    }
    with lifecycle.changed:
        lifecycle.clusters[cluster_id] = record
    lifecycle.launch(cluster_id)
    return {"JobFlowId": cluster_id, "ClusterArn": cluster["ClusterArn"]}


@service.operation("DescribeCluster")
def describe_cluster(request: Request) -> dict[str, Any]:
    with lifecycle.changed:
        return {"Cluster": copy.deepcopy(known(request.params["ClusterId"])["cluster"])}


@service.operation("ListClusters")
def list_clusters(request: Request) -> dict[str, Any]:
    given = request.params
    states = given.get("ClusterStates")
    with lifecycle.changed:
        found = [record["cluster"] for record in lifecycle.clusters.values()]
        found.sort(key=lambda cluster: cluster["Status"]["Timeline"]["CreationDateTime"], reverse=True)
        listed = [
            copy.deepcopy({name: cluster[name] for name in SUMMARY})
            for cluster in found
            if (not states or cluster["Status"]["State"] in states) and _created_within(cluster, given)
        ]
    return page(listed, given.get("Marker"), "Clusters")


def _created_within(cluster: dict[str, Any], given: dict[str, Any]) -> bool:
    created = cluster["Status"]["Timeline"]["CreationDateTime"]
    after, before = given.get("CreatedAfter"), given.get("CreatedBefore")
    return (after is None or created >= after) and (before is None or created <= before)


@service.operation("TerminateJobFlows")
def terminate_job_flows(request: Request) -> None:
    with lifecycle.changed:
        records = _job_flows(request.params["JobFlowIds"])
        if any(record["cluster"]["TerminationProtected"] and lifecycle.alive(record) for record in records):
            raise invalid("Could not shut down one or more job flows since they are termination protected.")
        for record in records:
            lifecycle.terminate(record, "USER_REQUEST", "Terminated by user request")


def _job_flows(cluster_ids: Iterable[str]) -> list[dict[str, Any]]:
    unknown = [cluster_id for cluster_id in cluster_ids if cluster_id not in lifecycle.clusters]
    if unknown:
        raise invalid("Specified job flow ID does not exist.")
    return [lifecycle.clusters[cluster_id] for cluster_id in cluster_ids]


@service.operation("SetTerminationProtection")
def set_termination_protection(request: Request) -> None:
    with lifecycle.changed:
        for record in _job_flows(request.params["JobFlowIds"]):
            record["cluster"]["TerminationProtected"] = request.params["TerminationProtected"]


@service.operation("SetVisibleToAllUsers")
def set_visible_to_all_users(request: Request) -> None:
    with lifecycle.changed:
        for record in _job_flows(request.params["JobFlowIds"]):
            record["cluster"]["VisibleToAllUsers"] = request.params["VisibleToAllUsers"]


@service.operation("SetKeepJobFlowAliveWhenNoSteps")
def set_keep_job_flow_alive(request: Request) -> None:
    with lifecycle.changed:
        for record in _job_flows(request.params["JobFlowIds"]):
            record["cluster"]["AutoTerminate"] = not request.params["KeepJobFlowAliveWhenNoSteps"]
        lifecycle.changed.notify_all()


@service.operation("ModifyCluster")
def modify_cluster(request: Request) -> dict[str, Any]:
    with lifecycle.changed:
        cluster = known(request.params["ClusterId"])["cluster"]
        level = request.params.get("StepConcurrencyLevel", cluster["StepConcurrencyLevel"])
        if not 1 <= level <= 256:
            raise service.error("InvalidRequestException", "StepConcurrencyLevel must be between 1 and 256.")
        cluster["StepConcurrencyLevel"] = level
        lifecycle.changed.notify_all()
        return {"StepConcurrencyLevel": level}


@service.operation("AddTags")
def add_tags(request: Request) -> None:
    with lifecycle.changed:
        cluster = known(request.params["ResourceId"])["cluster"]
        added = {tag["Key"]: tag for tag in request.params["Tags"]}
        cluster["Tags"] = [tag for tag in cluster["Tags"] if tag["Key"] not in added] + list(added.values())


@service.operation("RemoveTags")
def remove_tags(request: Request) -> None:
    with lifecycle.changed:
        cluster = known(request.params["ResourceId"])["cluster"]
        cluster["Tags"] = [tag for tag in cluster["Tags"] if tag["Key"] not in request.params["TagKeys"]]


@service.operation("ListReleaseLabels")
def list_release_labels(request: Request) -> dict[str, Any]:
    newest = sorted(
        RELEASES, key=lambda label: [int(part) for part in re.findall(r"\d+", label)], reverse=True
    )
    prefix = request.params.get("Filters", {}).get("Prefix", "")
    return {"ReleaseLabels": [label for label in newest if label.startswith(prefix)]}


service.on_restore(lifecycle.resume)
