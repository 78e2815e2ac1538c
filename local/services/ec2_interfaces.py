"""EC2: network interfaces, and the subnets and security groups that they hold."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from ministack.services import ec2

from local import faults
from local.layout import ACCOUNT
from local.services.ec2 import service
from local.services.service import NotOursError, Request

DEPENDENCY = "DependencyViolation"
FILTERS: dict[str, Callable[[dict[str, Any]], list[str]]] = {
    "description": lambda one: [one["Description"]],
    "group-id": lambda one: [group["GroupId"] for group in one["Groups"]],
    "interface-type": lambda one: [one["InterfaceType"]],
    "network-interface-id": lambda one: [one["NetworkInterfaceId"]],
    "requester-managed": lambda one: [str(one.get("RequesterManaged", False)).lower()],
    "status": lambda one: [one["Status"]],
    "subnet-id": lambda one: [one["SubnetId"]],
    "vpc-id": lambda one: [one["VpcId"]],
}

_left_behind = service.state("interfaces_left_behind")
"""Interface id → the resource that it belonged to."""


@service.operation("DescribeNetworkInterfaces")
def describe_network_interfaces(request: Request) -> dict[str, Any]:
    """Interfaces by id and by the filters in FILTERS; InvalidParameterValue for any other filter."""
    _release()
    wanted = request.params.get("NetworkInterfaceIds", [])
    for identifier in wanted:
        if identifier not in ec2._network_interfaces:
            raise service.error(
                "InvalidNetworkInterfaceID.NotFound", f"The networkInterface ID '{identifier}' does not exist"
            )
    found = [
        one for one in ec2._network_interfaces.values() if not wanted or one["NetworkInterfaceId"] in wanted
    ]
    for condition in request.params.get("Filters", []):
        if condition["Name"] not in FILTERS:
            raise service.error("InvalidParameterValue", f"The filter '{condition['Name']}' is invalid")
        values = FILTERS[condition["Name"]]
        found = [one for one in found if set(values(one)) & set(condition["Values"])]
    return {
        "NetworkInterfaces": [
            {
                **{name: value for name, value in one.items() if value is not None},
                "TagSet": ec2._tags.get(one["NetworkInterfaceId"], []),
                "PrivateIpAddresses": [{"PrivateIpAddress": one["PrivateIpAddress"], "Primary": True}],
            }
            for one in found
        ]
    }


@service.operation("DeleteSubnet")
def delete_subnet(request: Request) -> None:
    """DependencyViolation while an interface is in the subnet; else ministack deletes it."""
    _refuse(dependency("AWS::EC2::Subnet", request.params["SubnetId"]))


@service.operation("DeleteSecurityGroup")
def delete_security_group(request: Request) -> None:
    """DependencyViolation while an interface is in the group; else ministack deletes it."""
    _refuse(dependency("AWS::EC2::SecurityGroup", request.params.get("GroupId", "")))


def dependency(kind: str, identifier: str) -> str:
    """EC2's words against the deletion of a subnet or a security group; empty if nothing holds it.

    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
    """
    _release()
    field = {"AWS::EC2::Subnet": "subnet-id", "AWS::EC2::SecurityGroup": "group-id"}[kind]
    held_by = [one for one in ec2._network_interfaces.values() if identifier in FILTERS[field](one)]
    if not held_by:
        return ""
    for one in held_by:
        owner = _left_behind.get(one["NetworkInterfaceId"])
        if owner is not None:
            faults.due_late("network-interfaces", owner)
            break
    if kind == "AWS::EC2::Subnet":
        return f"The subnet '{identifier}' has dependencies and cannot be deleted."
    return f"resource {identifier} has a dependent object"


def leave_behind(owner: str, kind: str, subnets: list[str], groups: list[str]) -> None:
    """One interface of a deleted resource in each of its subnets, until its fault is over."""
    for subnet in subnets:
        identifier = f"eni-{uuid.uuid4().hex[:17]}"
        place = ec2._subnets.get(subnet, {})
        named = {"AWS::Lambda::Function": f"AWS Lambda VPC ENI-{owner}-{uuid.uuid4()}"}
        octets = [int(identifier[-2:], 16), int(identifier[-4:-2], 16)]
        ec2._network_interfaces[identifier] = {
            "NetworkInterfaceId": identifier,
            "SubnetId": subnet,
            "VpcId": place.get("VpcId", ""),
            "AvailabilityZone": place.get("AvailabilityZone", ""),
            "Description": named.get(kind, f"{kind} {owner}"),
            "OwnerId": ACCOUNT,
            "Status": "in-use",
            "PrivateIpAddress": f"10.0.{octets[0]}.{octets[1]}",
            "InterfaceType": "lambda" if kind == "AWS::Lambda::Function" else "interface",
            "RequesterManaged": True,
            "SourceDestCheck": True,
            "MacAddress": ":".join(f"{octet:02x}" for octet in [2, 0, 0, 0, *octets]),
            "Groups": [
                {
                    "GroupId": group,
                    "GroupName": ec2._security_groups.get(group, {}).get("GroupName", group),
                }
                for group in groups
            ],
            "Attachment": None,
        }
        _left_behind[identifier] = owner


def _release() -> None:
    """Release the interfaces whose fault is over."""
    for identifier, owner in list(_left_behind.items()):
        if faults.due_late("network-interfaces", owner, use=False) is None:
            ec2._network_interfaces.pop(identifier, None)
            del _left_behind[identifier]


def _refuse(reason: str) -> None:
    if reason:
        raise service.error(DEPENDENCY, reason)
    raise NotOursError
