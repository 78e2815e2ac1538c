"""Resource types: unknown ones fail by name; table-driven ones convert properties by the API's model."""

from __future__ import annotations

import json
import time
import uuid

import pytest
from botocore.exceptions import ClientError

pytestmark = pytest.mark.gateway


def deploy(gateway, name, resources):
    """Create a stack and wait; return its status and the reasons of what failed."""
    cloudformation = gateway.client("cloudformation")
    body = json.dumps({"Resources": resources})
    cloudformation.create_stack(StackName=name, TemplateBody=body, Capabilities=["CAPABILITY_NAMED_IAM"])
    deadline = time.monotonic() + 60
    while True:
        [stack] = cloudformation.describe_stacks(StackName=name)["Stacks"]
        if not stack["StackStatus"].endswith("IN_PROGRESS"):
            break
        assert time.monotonic() < deadline
        time.sleep(0.2)
    events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
    reasons = [each.get("ResourceStatusReason", "") for each in events if "FAILED" in each["ResourceStatus"]]
    return stack["StackStatus"], " ".join(reasons)


def test_an_unknown_type_fails_the_deploy_and_is_named(gateway):
    with pytest.raises(ClientError) as refused:
        deploy(gateway, "unknown", {"Thing": {"Type": "AWS::Nowhere::Thing", "Properties": {}}})
    assert "AWS::Nowhere::Thing" in str(refused.value)


def test_an_unknown_property_fails_the_resource_and_is_named(gateway):
    query = {"Database": "d", "QueryString": "SELECT 1", "Colour": "red"}
    status, reasons = deploy(
        gateway, "property", {"Query": {"Type": "AWS::Athena::NamedQuery", "Properties": query}}
    )
    assert status == "ROLLBACK_COMPLETE"
    assert "Colour" in reasons


def test_what_the_api_refuses_fails_the_resource_with_its_reason(gateway):
    properties = {"Name": "x", "KafkaVersionsList": ["3.8.x"], "ServerProperties": "num.partitions=1"}
    one = {"Type": "AWS::MSK::Configuration", "Properties": properties}
    assert deploy(gateway, "first", {"One": one})[0] == "CREATE_COMPLETE"
    status, reasons = deploy(gateway, "second", {"Two": one})
    assert status == "ROLLBACK_COMPLETE"
    assert "A configuration x exists" in reasons


@pytest.mark.parametrize(
    ("kind", "properties", "reason"),
    [
        ("ECR::Repository", {"LifecyclePolicy": {"LifecyclePolicyText": "keep: 10"}}, "LifecyclePolicyText"),
        ("ECR::Repository", {"LifecyclePolicy": {"LifecyclePolicyText": "{}"}}, "rules"),
        (
            "SecretsManager::Secret",
            {"GenerateSecretString": {"SecretStringTemplate": "user=a", "GenerateStringKey": "password"}},
            "SecretStringTemplate",
        ),
        ("EC2::Instance", {"ImageId": "ami-12345678", "UserData": "#!/bin/sh\ntrue"}, "BASE64"),
        ("Glue::DataQualityRuleset", {"Name": "r", "Ruleset": "RowCount > 0"}, "Rules"),
    ],
)
def test_a_document_that_its_service_cannot_read_fails_the_resource(gateway, kind, properties, reason):
    one = {"Type": f"AWS::{kind}", "Properties": properties}
    status, reasons = deploy(gateway, f"document-{uuid.uuid4().hex[:6]}", {"One": one})
    assert status == "ROLLBACK_COMPLETE"
    assert reason in reasons


@pytest.mark.parametrize("inline", [True, False])
def test_a_rule_described_in_letters_that_ec2_refuses_fails(gateway, inline):
    rule = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "CidrIp": "0.0.0.0/0"}
    rule["Description"] = "AWS' APIs"
    group = {"GroupDescription": "Some", **({"SecurityGroupEgress": [rule]} if inline else {})}
    alone = {"GroupId": {"Fn::GetAtt": ["Group", "GroupId"]}, **rule}
    resources = {"Group": {"Type": "AWS::EC2::SecurityGroup", "Properties": group}}
    if not inline:
        resources["Rule"] = {"Type": "AWS::EC2::SecurityGroupEgress", "Properties": alone}
    status, reasons = deploy(gateway, f"described-{inline}", resources)
    assert status == "ROLLBACK_COMPLETE"
    assert "Invalid rule description" in reasons


def test_deleting_a_stack_deletes_its_resources(gateway):
    resources = {
        "Vpc": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.9.0.0/16"}},
        "Subnet": {
            "Type": "AWS::EC2::Subnet",
            "Properties": {"CidrBlock": "10.9.0.0/24", "VpcId": {"Ref": "Vpc"}},
        },
        "Address": {"Type": "AWS::EC2::EIP", "Properties": {"Domain": "vpc"}},
        "Nat": {
            "Type": "AWS::EC2::NatGateway",
            "Properties": {
                "SubnetId": {"Ref": "Subnet"},
                "AllocationId": {"Fn::GetAtt": ["Address", "AllocationId"]},
                "Tags": [{"Key": "a", "Value": "b"}],
            },
        },
        "Group": {"Type": "AWS::IAM::Group", "Properties": {"GroupName": "gone"}},
        "Profile": {"Type": "AWS::IAM::InstanceProfile", "Properties": {"Roles": []}},
    }
    assert deploy(gateway, "short", resources) == ("CREATE_COMPLETE", "")
    ec2, iam, cloudformation = (gateway.client(name) for name in ("ec2", "iam", "cloudformation"))
    [nat] = ec2.describe_nat_gateways()["NatGateways"]
    assert nat["Tags"] == [{"Key": "a", "Value": "b"}]
    assert nat["NatGatewayAddresses"][0]["PublicIp"]
    cloudformation.delete_stack(StackName="short")
    cloudformation.get_waiter("stack_delete_complete").wait(StackName="short", WaiterConfig={"Delay": 1})
    assert ec2.describe_nat_gateways()["NatGateways"] == []
    assert ec2.describe_addresses()["Addresses"] == []
    assert [one["GroupName"] for one in iam.list_groups()["Groups"]] == []
    assert iam.list_instance_profiles()["InstanceProfiles"] == []


def test_ref_of_a_secret_is_its_arn_before_and_after_an_update(gateway):
    secret = {"Type": "AWS::SecretsManager::Secret", "Properties": {"Name": "by/arn", "SecretString": "a"}}
    assert deploy(gateway, "secret", {"Secret": secret})[0] == "CREATE_COMPLETE"
    secrets, cloudformation = gateway.client("secretsmanager"), gateway.client("cloudformation")

    def physical_id():
        [resource] = cloudformation.describe_stack_resources(StackName="secret")["StackResources"]
        return resource["PhysicalResourceId"]

    arn = secrets.describe_secret(SecretId="by/arn")["ARN"]
    assert physical_id() == arn
    secret["Properties"]["SecretString"] = "b"
    cloudformation.update_stack(
        StackName="secret", TemplateBody=json.dumps({"Resources": {"Secret": secret}})
    )
    cloudformation.get_waiter("stack_update_complete").wait(StackName="secret", WaiterConfig={"Delay": 1})
    assert physical_id() == arn
    assert secrets.get_secret_value(SecretId=arn)["SecretString"] == "b"
    cloudformation.delete_stack(StackName="secret")
    cloudformation.get_waiter("stack_delete_complete").wait(StackName="secret", WaiterConfig={"Delay": 1})
    assert [one for one in secrets.list_secrets()["SecretList"] if one["Name"] == "by/arn"] == []
