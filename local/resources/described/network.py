"""EC2's answers about networks."""

from __future__ import annotations

from typing import Any

from local.resources.described.describer import describer, only
from local.resources.provisioner import Properties
from local.services.clients import client


@describer("AWS::EC2::VPC")
def vpc(physical_id: str, props: Properties) -> dict[str, Any]:
    ec2 = client("ec2")
    names = {"EnableDnsHostnames": "enableDnsHostnames", "EnableDnsSupport": "enableDnsSupport"}
    attributes = {
        name: ec2.describe_vpc_attribute(VpcId=physical_id, Attribute=attribute)[name]["Value"]
        for name, attribute in names.items()
    }
    return {**only(ec2.describe_vpcs(VpcIds=[physical_id])["Vpcs"]), **attributes}


@describer("AWS::EC2::Subnet")
def subnet(physical_id: str, props: Properties) -> dict[str, Any]:
    return only(client("ec2").describe_subnets(SubnetIds=[physical_id])["Subnets"])


@describer("AWS::EC2::RouteTable")
def route_table(physical_id: str, props: Properties) -> dict[str, Any]:
    return only(client("ec2").describe_route_tables(RouteTableIds=[physical_id])["RouteTables"])


@describer("AWS::EC2::Route")
def route(physical_id: str, props: Properties) -> dict[str, Any]:
    table, destination = physical_id.split("|")
    routes = route_table(table, {})["Routes"]
    found = only([one for one in routes if one.get("DestinationCidrBlock") == destination])
    return {**found, "RouteTableId": table}


@describer("AWS::EC2::SubnetRouteTableAssociation")
def subnet_route_table_association(physical_id: str, props: Properties) -> dict[str, Any]:
    tables = client("ec2").describe_route_tables()["RouteTables"]
    associations = [one for table in tables for one in table["Associations"]]
    return only([one for one in associations if one["RouteTableAssociationId"] == physical_id])


@describer("AWS::EC2::SecurityGroup")
def security_group(physical_id: str, props: Properties) -> dict[str, Any]:
    found = only(client("ec2").describe_security_groups(GroupIds=[physical_id])["SecurityGroups"])
    return {
        **found,
        "GroupDescription": found["Description"],
        "SecurityGroupIngress": _own(_rules(found["IpPermissions"], "Source"), props, "Ingress"),
        "SecurityGroupEgress": _own(_rules(found["IpPermissionsEgress"], "Destination"), props, "Egress"),
    }


def _own(rules: list[dict[str, Any]], props: Properties, direction: str) -> list[dict[str, Any]]:
    """The rules without those between groups, if the template writes none of these inside the group: they are
    entries of their own there."""
    member = f"{'Source' if direction == 'Ingress' else 'Destination'}SecurityGroupId"
    inside = props.get(f"SecurityGroup{direction}", [])
    if not inside or any(member in rule for rule in inside):
        return rules
    return [rule for rule in rules if member not in rule]


def _rules(permissions: list[dict[str, Any]], side: str) -> list[dict[str, Any]]:
    """Permissions as a list of single rules, as templates write them."""
    rules = []
    for permission in permissions:
        shared = {key: permission[key] for key in ("IpProtocol", "FromPort", "ToPort") if key in permission}
        for one in permission.get("IpRanges", []):
            rules.append({**shared, **one})
        for one in permission.get("Ipv6Ranges", []):
            rules.append({**shared, **one})
        for one in permission.get("UserIdGroupPairs", []):
            described = {"Description": one["Description"]} if "Description" in one else {}
            rules.append({**shared, f"{side}SecurityGroupId": one.get("GroupId"), **described})
        for one in permission.get("PrefixListIds", []):
            rules.append({**shared, f"{side}PrefixListId": one["PrefixListId"]})
    return rules


@describer("AWS::EC2::SecurityGroupIngress")
def security_group_ingress(physical_id: str, props: Properties) -> dict[str, Any]:
    return _single_rule(props, "SecurityGroupIngress")


@describer("AWS::EC2::SecurityGroupEgress")
def security_group_egress(physical_id: str, props: Properties) -> dict[str, Any]:
    return _single_rule(props, "SecurityGroupEgress")


def _single_rule(props: Properties, direction: str) -> dict[str, Any]:
    """The rule of the group that is as the properties say, else another one, to show the difference."""
    rules = security_group(props["GroupId"], {})[direction]
    wanted = {key: value for key, value in props.items() if key != "GroupId"}
    matching = [rule for rule in rules if all(str(rule.get(k)) == str(v) for k, v in wanted.items())]
    return {**(matching or rules)[0], "GroupId": props["GroupId"]}


@describer("AWS::EC2::InternetGateway")
def internet_gateway(physical_id: str, props: Properties) -> dict[str, Any]:
    answer = client("ec2").describe_internet_gateways(InternetGatewayIds=[physical_id])
    return only(answer["InternetGateways"])


@describer("AWS::EC2::VPCGatewayAttachment")
def gateway_attachment(physical_id: str, props: Properties) -> dict[str, Any]:
    gateways = client("ec2").describe_internet_gateways()["InternetGateways"]
    vpc_id = physical_id.split("|")[1]
    found = [one for one in gateways if any(each["VpcId"] == vpc_id for each in one["Attachments"])]
    return {**only(found), "VpcId": vpc_id}


@describer("AWS::EC2::VPCEndpoint")
def vpc_endpoint(physical_id: str, props: Properties) -> dict[str, Any]:
    return only(client("ec2").describe_vpc_endpoints(VpcEndpointIds=[physical_id])["VpcEndpoints"])
