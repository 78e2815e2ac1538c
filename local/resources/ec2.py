"""EC2: addresses, NAT gateways, flow logs, single security-group rules, instances, a VPC's attributes."""

from __future__ import annotations

import base64
import re
from typing import Any

from local.creation_policy import await_signal
from local.resources.provisioner import (
    Context,
    Created,
    Properties,
    ResourceType,
    call,
    extend,
    resource_type,
    tags,
)
from local.services.clients import client
from local.services.ec2 import complete_instance, forget_instance

DESCRIPTION = re.compile(r"[a-zA-Z0-9. _\-:/()#,@\[\]+=&;{}!$*]{0,255}")
"""https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_SecurityGroupRuleDescription.html"""


def _tagged(kind: str, props: Properties) -> dict[str, Any]:
    given = tags(props.get("Tags"))
    return {"TagSpecifications": [{"ResourceType": kind, "Tags": given}]} if given else {}


def _retag(physical_id: str, old: Properties, new: Properties) -> None:
    before = {tag["Key"] for tag in tags(old.get("Tags"))}
    after = tags(new.get("Tags"))
    gone = before - {tag["Key"] for tag in after}
    api = client("ec2")
    if gone:
        api.delete_tags(Resources=[physical_id], Tags=[{"Key": key} for key in gone])
    if after:
        api.create_tags(Resources=[physical_id], Tags=after)


@resource_type("AWS::EC2::EIP")
class ElasticIp(ResourceType):
    """An address; Ref is the address itself, the allocation id an attribute."""

    create_only = frozenset({"Domain", "NetworkBorderGroup", "PublicIpv4Pool"})

    def create(self, props: Properties, context: Context) -> Created:
        answer = call("ec2", "allocate_address", {"Domain": "vpc", **_tagged("elastic-ip", props)})
        allocation = answer["AllocationId"]
        if "InstanceId" in props:
            client("ec2").associate_address(AllocationId=allocation, InstanceId=props["InstanceId"])
        return Created(answer["PublicIp"], {"AllocationId": allocation, "PublicIp": answer["PublicIp"]})

    def update(self, physical_id: str, old: Properties, new: Properties, context: Context) -> Created:
        allocation = self.describe(physical_id)["AllocationId"]
        _retag(allocation, old, new)
        if "InstanceId" in new and new.get("InstanceId") != old.get("InstanceId"):
            client("ec2").associate_address(AllocationId=allocation, InstanceId=new["InstanceId"])
        return Created(physical_id, {"AllocationId": allocation, "PublicIp": physical_id})

    def delete(self, physical_id: str, props: Properties, context: Context) -> None:
        client("ec2").release_address(AllocationId=self.describe(physical_id)["AllocationId"])

    def describe(self, physical_id: str) -> dict[str, Any]:
        [address] = client("ec2").describe_addresses(PublicIps=[physical_id])["Addresses"]
        return dict(address)


@resource_type("AWS::EC2::NatGateway")
class NatGateway(ResourceType):
    """A NAT gateway: described and routed to, but there is no traffic to translate."""

    record_only = True
    create_only = frozenset({"SubnetId", "AllocationId", "ConnectivityType"})

    def create(self, props: Properties, context: Context) -> Created:
        wanted = {key: value for key, value in props.items() if key not in ("Tags", "VpcId")}
        made = call("ec2", "create_nat_gateway", {**wanted, **_tagged("natgateway", props)})["NatGateway"]
        return Created(made["NatGatewayId"], {"NatGatewayId": made["NatGatewayId"]})

    def update(self, physical_id: str, old: Properties, new: Properties, context: Context) -> Created:
        if any(old.get(name) != new.get(name) for name in self.create_only):
            return self.create(new, context)
        _retag(physical_id, old, new)
        return Created(physical_id, {"NatGatewayId": physical_id})

    def delete(self, physical_id: str, props: Properties, context: Context) -> None:
        client("ec2").delete_nat_gateway(NatGatewayId=physical_id)

    def describe(self, physical_id: str) -> dict[str, Any]:
        [found] = client("ec2").describe_nat_gateways(NatGatewayIds=[physical_id])["NatGateways"]
        return dict(found)


@resource_type("AWS::EC2::FlowLog")
class FlowLog(ResourceType):
    """A flow log: described, but there is no traffic to log."""

    record_only = True

    def create(self, props: Properties, context: Context) -> Created:
        wanted = {key: value for key, value in props.items() if key not in ("Tags", "ResourceId")}
        wanted |= {"ResourceIds": [props["ResourceId"]], **_tagged("vpc-flow-log", props)}
        [made] = call("ec2", "create_flow_logs", wanted)["FlowLogIds"]
        return Created(made, {"Id": made})

    def update(self, physical_id: str, old: Properties, new: Properties, context: Context) -> Created:
        if {**old, "Tags": None} != {**new, "Tags": None}:
            return self.create(new, context)
        _retag(physical_id, old, new)
        return Created(physical_id, {"Id": physical_id})

    def delete(self, physical_id: str, props: Properties, context: Context) -> None:
        client("ec2").delete_flow_logs(FlowLogIds=[physical_id])

    def describe(self, physical_id: str) -> dict[str, Any]:
        [found] = client("ec2").describe_flow_logs(FlowLogIds=[physical_id])["FlowLogs"]
        return dict(found)


class SecurityGroupRule(ResourceType):
    """One rule of a group that another template entry owns; every change replaces it."""

    direction = "ingress"

    def create(self, props: Properties, context: Context) -> Created:
        api = client("ec2")
        authorize = getattr(api, f"authorize_security_group_{self.direction}")
        answer = authorize(GroupId=props["GroupId"], IpPermissions=[_permission(props)])
        rules = answer.get("SecurityGroupRules", [])
        identifier = rules[0]["SecurityGroupRuleId"] if rules else context.logical_id
        return Created(identifier, {"Id": identifier})

    def update(self, physical_id: str, old: Properties, new: Properties, context: Context) -> Created:
        self.delete(physical_id, old, context)
        return self.create(new, context)

    def delete(self, physical_id: str, props: Properties, context: Context) -> None:
        api = client("ec2")
        try:
            revoke = getattr(api, f"revoke_security_group_{self.direction}")
            revoke(GroupId=props["GroupId"], IpPermissions=[_permission(props)])
        except api.exceptions.ClientError as error:
            # The group may be gone already; its rules went with it.
            if "NotFound" not in error.response["Error"]["Code"]:
                raise

    def describe(self, physical_id: str) -> dict[str, Any]:
        [rule] = client("ec2").describe_security_group_rules(SecurityGroupRuleIds=[physical_id])[
            "SecurityGroupRules"
        ]
        return dict(rule)


@resource_type("AWS::EC2::SecurityGroupIngress")
class SecurityGroupIngress(SecurityGroupRule):
    """A rule for what may come in."""


@resource_type("AWS::EC2::SecurityGroupEgress")
class SecurityGroupEgress(SecurityGroupRule):
    """A rule for what may go out."""

    direction = "egress"


@extend("AWS::EC2::SecurityGroup")
def group_descriptions(physical_id: str, old: Properties | None, new: Properties) -> None:
    """What EC2 refuses, and ministack takes: letters in a description that it does not allow."""
    rules = [*new.get("SecurityGroupIngress", ()), *new.get("SecurityGroupEgress", ())]
    for text in (new["GroupDescription"], *(rule.get("Description", "") for rule in rules)):
        _check_description(text)


def _check_description(text: str) -> None:
    if not DESCRIPTION.fullmatch(text):
        raise ValueError(
            f"Invalid rule description {text!r}. Valid descriptions are strings less than 256 characters "
            "from the following set: a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*"
        )


def _permission(props: Properties) -> dict[str, Any]:
    _check_description(props.get("Description", ""))
    described = {"Description": props["Description"]} if "Description" in props else {}
    permission: dict[str, Any] = {"IpProtocol": str(props["IpProtocol"])}
    permission |= {key: int(props[key]) for key in ("FromPort", "ToPort") if key in props}
    if "CidrIp" in props:
        permission["IpRanges"] = [{"CidrIp": props["CidrIp"], **described}]
    if "CidrIpv6" in props:
        permission["Ipv6Ranges"] = [{"CidrIpv6": props["CidrIpv6"], **described}]
    for side in ("Source", "Destination"):
        if f"{side}SecurityGroupId" in props:
            permission["UserIdGroupPairs"] = [{"GroupId": props[f"{side}SecurityGroupId"], **described}]
        if f"{side}PrefixListId" in props:
            permission["PrefixListIds"] = [{"PrefixListId": props[f"{side}PrefixListId"], **described}]
    return permission


@resource_type("AWS::EC2::Instance")
class Instance(ResourceType):
    """A virtual machine: described as running, but nothing boots. Its user data says what it signals."""

    record_only = True
    create_only = frozenset({"ImageId", "SubnetId", "AvailabilityZone", "NetworkInterfaces", "KeyName"})

    def create(self, props: Properties, context: Context) -> Created:
        interface: dict[str, Any] = next(iter(props.get("NetworkInterfaces", [])), {})
        wanted: dict[str, Any] = {
            "ImageId": props["ImageId"],
            "InstanceType": props.get("InstanceType", "m1.small"),
            "MinCount": 1,
            "MaxCount": 1,
            "SubnetId": interface.get("SubnetId", props.get("SubnetId")),
            "SecurityGroupIds": interface.get("GroupSet", props.get("SecurityGroupIds", [])),
            **_tagged("instance", props),
        }
        if "IamInstanceProfile" in props:
            wanted["IamInstanceProfile"] = {"Name": props["IamInstanceProfile"]}
        if "UserData" in props:
            try:
                # boto3 encodes it again.
                wanted["UserData"] = base64.b64decode(props["UserData"], validate=True).decode()
            except ValueError as problem:
                raise ValueError("Invalid BASE64 encoding of user data") from problem
        wanted |= {key: props[key] for key in ("KeyName", "PrivateIpAddress") if key in props}
        [made] = call("ec2", "run_instances", {k: v for k, v in wanted.items() if v})["Instances"]
        identifier = made["InstanceId"]
        try:
            await_signal(context, "AWS::EC2::Instance", identifier, wanted.get("UserData", ""))
        except Exception:
            # CloudFormation terminates an instance that it has not completed, when it rolls back.
            client("ec2").terminate_instances(InstanceIds=[identifier])
            raise
        return self._complete(identifier, props)

    def update(self, physical_id: str, old: Properties, new: Properties, context: Context) -> Created:
        if any(old.get(name) != new.get(name) for name in self.create_only):
            return self.create(new, context)
        _retag(physical_id, old, new)
        return self._complete(physical_id, new)

    def _complete(self, identifier: str, props: Properties) -> Created:
        details: dict[str, Any] = {
            "SourceDestCheck": str(props.get("SourceDestCheck", True)).lower() == "true"
        }
        if "InstanceType" in props:
            details["InstanceType"] = props["InstanceType"]
        if "MetadataOptions" in props:
            details["MetadataOptions"] = {"State": "applied", **props["MetadataOptions"]}
        if "BlockDeviceMappings" in props:
            details["BlockDeviceMappings"] = props["BlockDeviceMappings"]
        if "AvailabilityZone" in props:
            details["Placement"] = {"AvailabilityZone": props["AvailabilityZone"], "Tenancy": "default"}
        complete_instance(identifier, details)
        made = self.describe(identifier)
        attributes = {
            "InstanceId": identifier,
            "PrivateIp": made.get("PrivateIpAddress", ""),
            "PublicIp": made.get("PublicIpAddress", ""),
            "PrivateDnsName": made.get("PrivateDnsName", ""),
            "PublicDnsName": made.get("PublicDnsName", ""),
            "AvailabilityZone": made.get("Placement", {}).get("AvailabilityZone", ""),
            "VpcId": made.get("VpcId", ""),
        }
        return Created(identifier, attributes)

    def delete(self, physical_id: str, props: Properties, context: Context) -> None:
        client("ec2").terminate_instances(InstanceIds=[physical_id])
        forget_instance(physical_id)

    def describe(self, physical_id: str) -> dict[str, Any]:
        ec2 = client("ec2")
        [reservation] = ec2.describe_instances(InstanceIds=[physical_id])["Reservations"]
        found = dict(reservation["Instances"][0])
        user_data = ec2.describe_instance_attribute(InstanceId=physical_id, Attribute="userData")
        return {
            **found,
            "AvailabilityZone": found["Placement"]["AvailabilityZone"],
            "IamInstanceProfile": found.get("IamInstanceProfile", {}).get("Arn"),
            "UserData": user_data["UserData"].get("Value"),
        }


@extend("AWS::EC2::VPC")
def vpc_attributes(physical_id: str, old: Properties | None, new: Properties) -> dict[str, Any]:
    """The attributes of a VPC that ministack leaves out."""
    return {"CidrBlock": new.get("CidrBlock", ""), "CidrBlockAssociations": [], "Ipv6CidrBlocks": []}
