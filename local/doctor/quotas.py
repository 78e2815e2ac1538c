"""Quotas that are small in a new account, beside what the settings need."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from local.doctor.finding import Clients, Findings, fine, missing, unknown
from stacks.settings import Settings

UNRESERVED_CONCURRENCY = 100
"""What Lambda keeps for functions without a reservation.

https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html
"""


@dataclass(frozen=True)
class Need:
    """How much of a quota is needed, and for what."""

    service: str
    code: str
    amount: float
    purpose: str


def check(clients: Clients, settings: Settings, templates: Mapping[str, dict[str, Any]]) -> Findings:
    """Each quota that the settings need something of, in the account as it is."""
    for need in _needs(clients, settings, templates):
        if isinstance(need, Exception):
            yield unknown("the vCPUs of the instance types", need)
            continue
        try:
            quota = clients("service-quotas").get_service_quota(
                ServiceCode=need.service, QuotaCode=need.code
            )["Quota"]
        except ClientError as error:
            yield unknown(f"quota {need.service} {need.code} ({need.purpose})", error)
            continue
        name, value = quota["QuotaName"], quota["Value"]
        if value < need.amount:
            yield missing(
                f"the quota “{name}” is {value:g}; {need.purpose} needs {need.amount:g}",
                "ask for more: aws service-quotas request-service-quota-increase "
                f"--service-code {need.service} --quota-code {need.code} "
                f"--desired-value {max(need.amount, 2 * value):g}",
            )
        else:
            yield fine(f"{name}: {value:g}, {need.purpose} needs {need.amount:g}")


def _needs(
    clients: Clients, settings: Settings, templates: Mapping[str, dict[str, Any]]
) -> Iterator[Need | Exception]:
    on, network = settings.stacks, settings.network
    try:
        cores = _instance_vcpus(clients, settings, templates)
    except ClientError as error:
        yield error
    else:
        if cores:
            yield Need("ec2", "L-1216C47A", cores, "a run (EMR and the NAT instance)")
    if on.network and not _deployed(clients, settings.stack_name("network")):
        existing = len(clients("ec2").describe_vpcs()["Vpcs"])
        yield Need("vpc", "L-F678F1CE", existing + 1, f"one VPC more than the {existing} there are")
        if network.nat == "gateway":
            taken = len(clients("ec2").describe_addresses()["Addresses"])
            yield Need(
                "ec2", "L-0263D0A3", taken + network.nat_gateways, f"NAT gateways beside {taken} addresses"
            )
    if on.containers:
        yield Need("codebuild", "L-5ED1D25B", 1, "building the images")
        yield Need("fargate", "L-3032A538", _task_vcpus(templates), "running each container once")
    if on.spark and on.streaming:
        yield Need("emr-serverless", "L-D05C8A75", settings.spark.stream_vcpu, "the streaming job")
    reserved = _reserved_concurrency(templates)
    if on.ingestion:
        least = reserved + UNRESERVED_CONCURRENCY if reserved else 10
        yield Need("lambda", "L-B99A9384", least, "the functions")


def _instance_vcpus(clients: Clients, settings: Settings, templates: Mapping[str, dict[str, Any]]) -> int:
    """On-demand vCPUs of the templates' instances and of the smallest cluster of a run."""
    counts = Counter(instance_types(templates))
    if settings.stacks.spark:
        counts[settings.spark.primary_instance_type] += 1
        counts[settings.spark.core_instance_type] += settings.spark.min_instances
    if not counts:
        return 0
    types = clients("ec2").describe_instance_types(InstanceTypes=sorted(counts))["InstanceTypes"]
    return sum(counts[each["InstanceType"]] * each["VCpuInfo"]["DefaultVCpus"] for each in types)


def instance_types(templates: Mapping[str, dict[str, Any]]) -> list[str]:
    """EC2 types of the instances that the templates start, each as often as it is there."""
    found = []
    for template in templates.values():
        resources = template.get("Resources", {})
        for resource in resources.values():
            if resource["Type"] != "AWS::EC2::Instance":
                continue
            properties = resource["Properties"]
            launch = properties.get("LaunchTemplate", {}).get("LaunchTemplateId", {}).get("Ref")
            data = resources[launch]["Properties"]["LaunchTemplateData"] if launch else {}
            found.append(properties.get("InstanceType") or data["InstanceType"])
    return found


def _task_vcpus(templates: Mapping[str, dict[str, Any]]) -> float:
    """vCPUs of one task of each task definition."""
    return sum(
        int(resource["Properties"]["Cpu"]) / 1024
        for template in templates.values()
        for resource in template.get("Resources", {}).values()
        if resource["Type"] == "AWS::ECS::TaskDefinition"
    )


def _reserved_concurrency(templates: Mapping[str, dict[str, Any]]) -> int:
    return sum(
        resource.get("Properties", {}).get("ReservedConcurrentExecutions", 0)
        for template in templates.values()
        for resource in template.get("Resources", {}).values()
        if resource["Type"] == "AWS::Lambda::Function"
    )


def _deployed(clients: Clients, stack: str) -> bool:
    try:
        [found] = clients("cloudformation").describe_stacks(StackName=stack)["Stacks"]
    except ClientError:
        return False
    return found["StackStatus"] not in ("REVIEW_IN_PROGRESS", "ROLLBACK_COMPLETE", "DELETE_COMPLETE")
