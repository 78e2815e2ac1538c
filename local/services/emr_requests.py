"""What EMR refuses in a RunJobFlow request, before it starts anything."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from local.services.clients import client

MANAGED_GROUPS = ("EmrManagedMasterSecurityGroup", "EmrManagedSlaveSecurityGroup")
NOT_RUN_HERE = "emr-spark-"
"""Begin of the labels of releases with Spark 4; what runs here is 3.5."""
IDLE_SECONDS = range(60, 604_800 + 1)


class RequestError(Exception):
    """A refused request: the error's code, and its message as text."""

    def __init__(self, message: str, code: str = "ValidationException") -> None:
        super().__init__(message)
        self.code = code


def check_run_job_flow(
    given: dict[str, Any], releases: frozenset[str], security_configurations: frozenset[str]
) -> str:
    """ARN of the role in the request's instance profile. Raises RequestError when EMR would refuse it."""
    label = given.get("ReleaseLabel")
    if label is None:
        raise RequestError("A release label is required (AMI versions are no longer offered).")
    if label.startswith(NOT_RUN_HERE):
        raise RequestError(f"{label} is not run here: it has another Spark than the one that is.")
    if label not in releases:
        raise RequestError(f"The supplied release label is invalid: {label}.")
    if "ServiceRole" not in given:
        raise RequestError("ServiceRole is required for creating cluster.")
    if "JobFlowRole" not in given:
        raise RequestError("InstanceProfile is required for creating cluster.")
    check_service_role(given["ServiceRole"])
    name = given.get("SecurityConfiguration")
    if name is not None and name not in security_configurations:
        raise RequestError(
            f"Security configuration with name '{name}' does not exist.", "InvalidRequestException"
        )
    instances = given["Instances"]
    _check_groups(instances)
    check_steps(given.get("Steps", []), given.get("StepConcurrencyLevel", 1))
    check_auto_termination(given.get("AutoTerminationPolicy"))
    check_managed_scaling(given.get("ManagedScalingPolicy"))
    return instance_profile_role(given["JobFlowRole"])


def check_service_role(role: str) -> None:
    """Raise RequestError unless the service role, a name or an ARN, exists."""
    try:
        client("iam").get_role(RoleName=role.rpartition("/")[2])
    except ClientError as problem:
        raise RequestError(
            f"Service role {role} is invalid: {problem.response['Error']['Message']}"
        ) from None


def instance_profile_role(profile: str) -> str:
    """ARN of the role in an instance profile, given by name or ARN, with which the nodes call AWS.

    Raises RequestError when the profile does not exist or is empty.
    """
    try:
        found = client("iam").get_instance_profile(InstanceProfileName=profile.rpartition("/")[2])
    except ClientError:
        raise RequestError(f"Invalid InstanceProfile: {profile}.") from None
    roles = found["InstanceProfile"]["Roles"]
    if not roles:
        raise RequestError(f"Invalid InstanceProfile: {profile}.")
    return str(roles[0]["Arn"])


def _check_groups(instances: dict[str, Any]) -> None:
    given = [name for name in MANAGED_GROUPS if name in instances]
    if len(given) == 1:
        [missing] = set(MANAGED_GROUPS) - set(given)
        raise RequestError(f"You must also specify {missing} if you use {given[0]}.")
    ways = [
        name
        for name in ("InstanceGroups", "InstanceFleets", "MasterInstanceType", "InstanceCount")
        if name in instances
    ]
    if not ways:
        raise RequestError("Exactly one of InstanceGroups, InstanceFleets or MasterInstanceType is required.")
    if "InstanceGroups" in instances and "InstanceFleets" in instances:
        raise RequestError(
            "Please configure instances using one and only one of: InstanceGroups, InstanceFleets."
        )
    kinds = [group.get("InstanceRole") for group in instances.get("InstanceGroups", [])]
    kinds += [fleet.get("InstanceFleetType") for fleet in instances.get("InstanceFleets", [])]
    if kinds and kinds.count("MASTER") != 1:
        raise RequestError("Exactly one master instance group or fleet is required.")


def check_steps(steps: list[dict[str, Any]], concurrency: int) -> None:
    """Raise RequestError for a step that could end or halt a cluster which runs several steps at once."""
    if concurrency > 1 and any(step.get("ActionOnFailure", "CONTINUE") != "CONTINUE" for step in steps):
        raise RequestError(
            "The ActionOnFailure setting is not valid: with StepConcurrencyLevel above 1 it must be CONTINUE."
        )


def check_auto_termination(policy: dict[str, Any] | None) -> None:
    """Raise RequestError unless the idle time is between a minute and seven days."""
    if policy is not None and policy.get("IdleTimeout", IDLE_SECONDS.start) not in IDLE_SECONDS:
        raise RequestError("IdleTimeout must be between 60 and 604800 seconds.")


def check_managed_scaling(policy: dict[str, Any] | None) -> None:
    """Raise RequestError when the limits of a managed scaling policy contradict each other."""
    limits = (policy or {}).get("ComputeLimits")
    if limits is not None and limits["MinimumCapacityUnits"] > limits["MaximumCapacityUnits"]:
        raise RequestError("MinimumCapacityUnits cannot be greater than MaximumCapacityUnits.")


def instance_collection(instances: dict[str, Any], identifier: Callable[[str], str]) -> list[dict[str, Any]]:
    """The instance groups or fleets of a request as ListInstanceGroups or ListInstanceFleets tell them."""
    if "InstanceFleets" in instances:
        return [
            {
                "Id": identifier("if-"),
                "Name": fleet.get("Name", fleet["InstanceFleetType"]),
                "InstanceFleetType": fleet["InstanceFleetType"],
                "TargetOnDemandCapacity": fleet.get("TargetOnDemandCapacity", 0),
                "TargetSpotCapacity": fleet.get("TargetSpotCapacity", 0),
                "ProvisionedOnDemandCapacity": fleet.get("TargetOnDemandCapacity", 0),
                "ProvisionedSpotCapacity": fleet.get("TargetSpotCapacity", 0),
                "InstanceTypeSpecifications": [
                    {
                        name: kind[name]
                        for name in ("InstanceType", "WeightedCapacity", "BidPrice", "Configurations")
                        if name in kind
                    }
                    for kind in fleet.get("InstanceTypeConfigs", [])
                ],
                **(
                    {"LaunchSpecifications": fleet["LaunchSpecifications"]}
                    if "LaunchSpecifications" in fleet
                    else {}
                ),
                "Status": {"State": "RUNNING", "StateChangeReason": {"Message": ""}, "Timeline": {}},
            }
            for fleet in instances["InstanceFleets"]
        ]
    groups = instances.get("InstanceGroups") or _simple_groups(instances)
    return [
        {
            "Id": identifier("ig-"),
            "Name": group.get("Name", group["InstanceRole"]),
            "Market": group.get("Market", "ON_DEMAND"),
            "InstanceGroupType": group["InstanceRole"],
            "InstanceType": group["InstanceType"],
            "RequestedInstanceCount": group["InstanceCount"],
            "RunningInstanceCount": group["InstanceCount"],
            **{name: group[name] for name in ("BidPrice", "Configurations", "CustomAmiId") if name in group},
            "Status": {"State": "RUNNING", "StateChangeReason": {"Message": ""}, "Timeline": {}},
        }
        for group in groups
    ]


def _simple_groups(instances: dict[str, Any]) -> list[dict[str, Any]]:
    count = instances.get("InstanceCount", 1)
    master = instances.get("MasterInstanceType", "m5.xlarge")
    groups = [{"InstanceRole": "MASTER", "InstanceType": master, "InstanceCount": 1}]
    if count > 1:
        kind = instances.get("SlaveInstanceType", master)
        groups.append({"InstanceRole": "CORE", "InstanceType": kind, "InstanceCount": count - 1})
    return groups
