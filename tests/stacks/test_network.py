"""Network: three zones whatever the account, NAT by setting, endpoints, flow logs."""

from __future__ import annotations

import ipaddress
import json

import pytest

from tests.stacks.assembly import Assembly, synthesise_core
from tests.stacks.permissions import flat


def zones(assembly: Assembly, group: str) -> list[object]:
    return [
        subnet["Properties"]["AvailabilityZone"]
        for subnet in assembly.resources("AWS::EC2::Subnet", stack="Network").values()
        if {"Key": "aws-cdk:subnet-name", "Value": group} in subnet["Properties"]["Tags"]
    ]


def default_routes(assembly: Assembly) -> list[dict[str, object]]:
    return [
        route["Properties"]
        for route in assembly.resources("AWS::EC2::Route", stack="Network").values()
        if route["Properties"].get("DestinationCidrBlock") == "0.0.0.0/0"
    ]


@pytest.mark.parametrize("group", ["public", "private", "isolated"])
def test_each_kind_of_subnet_is_in_three_zones_chosen_at_deploy(group: str) -> None:
    assert zones(synthesise_core(), group) == [
        {"Fn::Select": [index, {"Fn::GetAZs": ""}]} for index in range(3)
    ]


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ("b,d,f", [f"<AWS::Region>{letter}" for letter in "bdf"]),
        ("eu-west-1a,eu-west-1b,eu-west-1c", ["eu-west-1a", "eu-west-1b", "eu-west-1c"]),
    ],
)
@pytest.mark.parametrize("group", ["public", "private", "isolated"])
def test_zones_can_be_chosen_by_letter_or_name(chosen: str, expected: list[str], group: str) -> None:
    found = zones(synthesise_core(network__zones=chosen), group)

    assert [flat(zone) for zone in found] == expected


def test_subnets_fill_the_range_without_overlap() -> None:
    subnets = synthesise_core().resources("AWS::EC2::Subnet", stack="Network").values()
    ranges = [ipaddress.IPv4Network(subnet["Properties"]["CidrBlock"]) for subnet in subnets]

    assert len(ranges) == 9
    assert all(each.subnet_of(ipaddress.IPv4Network("10.20.0.0/16")) for each in ranges)
    assert not [(a, b) for a in ranges for b in ranges if a is not b and a.overlaps(b)]


def test_nothing_gets_a_public_address_by_itself() -> None:
    subnets = synthesise_core().resources("AWS::EC2::Subnet", stack="Network").values()

    assert {subnet["Properties"]["MapPublicIpOnLaunch"] for subnet in subnets} == {False}


def test_a_nat_instance_is_one_small_hardened_machine() -> None:
    assembly = synthesise_core(network__nat="instance")
    instance = assembly.only("AWS::EC2::Instance", stack="Network")

    assert instance["InstanceType"] == "t4g.micro"
    assert instance["SourceDestCheck"] is False
    assert instance["BlockDeviceMappings"][0]["Ebs"]["Encrypted"] is True
    assert instance["MetadataOptions"]["HttpTokens"] == "required"
    assert instance["NetworkInterfaces"][0]["AssociatePublicIpAddress"] is True
    assert assembly.resources("AWS::EC2::NatGateway") == {}
    to_instance = [route for route in default_routes(assembly) if "InstanceId" in route]
    assert len(to_instance) == 3


def test_the_nat_instance_takes_traffic_from_the_vpc_only() -> None:
    assembly = synthesise_core(network__nat="instance", network__interface_endpoints="")
    (group,) = assembly.resources("AWS::EC2::SecurityGroup", stack="Network").values()

    sources = [rule["CidrIp"] for rule in group["Properties"]["SecurityGroupIngress"]]
    assert sources == ["10.20.0.0/16"]


@pytest.mark.parametrize("count", [1, 3])
def test_nat_gateways_are_as_many_as_the_setting_says(count: int) -> None:
    assembly = synthesise_core(network__nat="gateway", network__nat_gateways=str(count))

    assert len(assembly.resources("AWS::EC2::NatGateway")) == count
    assert assembly.resources("AWS::EC2::Instance") == {}
    assert len([route for route in default_routes(assembly) if "NatGatewayId" in route]) == 3


def test_without_nat_private_subnets_have_no_way_out() -> None:
    # Stacks that call AWS from private subnets would want interface endpoints.
    off = {"stacks__database": "false", "stacks__streaming": "false"}
    assembly = synthesise_core(network__nat="none", **off)
    routes = default_routes(assembly)

    assert len(routes) == 3
    assert all("GatewayId" in route for route in routes), "only public subnets reach the internet gateway"
    assert len(zones(assembly, "private")) == 3


def test_s3_and_dynamodb_are_reached_without_nat() -> None:
    endpoints = synthesise_core().resources("AWS::EC2::VPCEndpoint", stack="Network").values()

    names = [json.dumps(endpoint["Properties"]["ServiceName"]) for endpoint in endpoints]
    assert len(names) == 2
    assert any(".s3" in name for name in names)
    assert any(".dynamodb" in name for name in names)
    assert all(len(endpoint["Properties"]["RouteTableIds"]) == 9 for endpoint in endpoints)


def test_interface_endpoints_are_those_of_the_setting() -> None:
    assembly = synthesise_core(network__interface_endpoints="kms,airflow.api")
    endpoints = [
        endpoint["Properties"]
        for endpoint in assembly.resources("AWS::EC2::VPCEndpoint", stack="Network").values()
        if endpoint["Properties"]["VpcEndpointType"] == "Interface"
    ]

    assert len(endpoints) == 2
    assert all(endpoint["PrivateDnsEnabled"] is True for endpoint in endpoints)
    assert all(len(endpoint["SubnetIds"]) == 3 for endpoint in endpoints)
    assert all(len(endpoint["SecurityGroupIds"]) == 1 for endpoint in endpoints)


def test_private_subnets_carry_the_tag_that_emr_asks_for() -> None:
    tag = {"Key": "for-use-with-amazon-emr-managed-policies", "Value": "true"}
    assembly = synthesise_core()
    tagged = [
        subnet
        for subnet in assembly.resources("AWS::EC2::Subnet", stack="Network").values()
        if tag in subnet["Properties"]["Tags"]
    ]

    assert len(tagged) == 3
    assert tag in assembly.only("AWS::EC2::VPC", stack="Network")["Tags"]


def test_flow_logs_are_encrypted_kept_and_can_be_off() -> None:
    assembly = synthesise_core()
    group = assembly.only("AWS::Logs::LogGroup", stack="Network")

    assert assembly.only("AWS::EC2::FlowLog", stack="Network")["TrafficType"] == "ALL"
    assert group["RetentionInDays"] == 7
    assert "KmsKeyId" in group
    assert synthesise_core(network__flow_logs="false").resources("AWS::EC2::FlowLog") == {}
