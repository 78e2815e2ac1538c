"""Every property of every deployed resource is what its service describes, also after an update."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import urllib.request
import xml.etree.ElementTree as ElementTree
from collections import defaultdict
from typing import Any

import pytest

from local import deployed, layout
from local.comparison import differences
from local.fidelity import EXCEPTIONS
from local.toolchain import tools

pytestmark = pytest.mark.gateway

PORTS = {("AWS::RDS::DBInstance", "Port"), ("AWS::RedshiftServerless::Workgroup", "Port")}
"""A server gets the template's port where that is free on this machine, else another."""
TAG = {"Key": "changed", "Value": "yes"}
STATEMENT = {"Effect": "Deny", "Action": "s3:DeleteBucket", "Resource": "*"}


def set_to(**values):
    """A change that sets properties."""
    return lambda properties: properties.update(values)


def tagged(properties):
    """A change that adds a tag, in the form that the type has."""
    tags = properties.setdefault("Tags", [])
    if isinstance(tags, dict):
        tags[TAG["Key"]] = TAG["Value"]
    else:
        tags.append(TAG)


def inside(name, **values):
    """A change of members of one property."""
    return lambda properties: properties[name].update(values)


def denied(name, principal=None, resource=None):
    """A change that adds a statement to the policy in a property."""

    def change(properties):
        statement: dict[str, Any] = dict(STATEMENT)
        if principal:
            statement["Principal"] = principal
        if resource:
            statement["Resource"] = properties[name]["Statement"][0]["Resource"]
        properties[name]["Statement"].append(statement)

    return change


CHANGES = {
    "AWS::Athena::NamedQuery": set_to(Description="Changed"),
    "AWS::Athena::WorkGroup": set_to(Description="Changed"),
    "AWS::CloudWatch::Alarm": set_to(AlarmDescription="Changed"),
    "AWS::CodeBuild::Project": set_to(Description="Changed"),
    "AWS::DynamoDB::Table": set_to(PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": False}),
    "AWS::EC2::FlowLog": tagged,
    "AWS::EC2::Instance": tagged,
    "AWS::EC2::InternetGateway": tagged,
    "AWS::EC2::RouteTable": tagged,
    "AWS::EC2::SecurityGroup": tagged,
    "AWS::EC2::SecurityGroupEgress": set_to(Description="Changed"),
    "AWS::EC2::SecurityGroupIngress": set_to(Description="Changed"),
    "AWS::EC2::Subnet": set_to(MapPublicIpOnLaunch=True),
    "AWS::EC2::VPC": tagged,
    "AWS::EC2::VPCEndpoint": tagged,
    "AWS::ECR::Repository": tagged,
    "AWS::ECS::Cluster": tagged,
    "AWS::ECS::TaskDefinition": tagged,
    "AWS::EMR::SecurityConfiguration": None,
    "AWS::EMRServerless::Application": set_to(
        AutoStopConfiguration={"Enabled": True, "IdleTimeoutMinutes": 20}
    ),
    "AWS::Events::Rule": set_to(Description="Changed"),
    "AWS::Glue::Crawler": set_to(Description="Changed"),
    "AWS::Glue::DataQualityRuleset": set_to(Description="Changed"),
    "AWS::Glue::Database": inside("DatabaseInput", Description="Changed"),
    "AWS::Glue::Job": set_to(Timeout=61),
    "AWS::Glue::Registry": set_to(Description="Changed"),
    "AWS::Glue::Schema": set_to(Compatibility="BACKWARD_ALL"),
    "AWS::Glue::SchemaVersion": None,
    "AWS::Glue::SecurityConfiguration": None,
    "AWS::Glue::Table": inside("TableInput", Description="Changed"),
    "AWS::IAM::Group": set_to(ManagedPolicyArns=["arn:aws:iam::aws:policy/ReadOnlyAccess"]),
    "AWS::IAM::InstanceProfile": None,
    "AWS::IAM::ManagedPolicy": denied("PolicyDocument"),
    "AWS::IAM::Policy": denied("PolicyDocument"),
    "AWS::IAM::Role": tagged,
    "AWS::KMS::Alias": None,
    "AWS::KMS::Key": set_to(Description="Changed"),
    "AWS::Lambda::EventInvokeConfig": set_to(MaximumRetryAttempts=1),
    "AWS::Lambda::EventSourceMapping": set_to(BatchSize=50),
    "AWS::Lambda::Function": set_to(Timeout=61),
    "AWS::Lambda::LayerVersion": None,
    "AWS::Lambda::Permission": None,
    "AWS::Logs::LogGroup": set_to(RetentionInDays=3),
    "AWS::Logs::MetricFilter": set_to(FilterPattern="changed"),
    "AWS::MSK::Cluster": set_to(EnhancedMonitoring="PER_BROKER"),
    "AWS::MSK::Configuration": set_to(Description="Changed"),
    "AWS::MSK::Topic": set_to(PartitionCount=5),
    "AWS::MWAA::Environment": tagged,
    "AWS::RDS::DBInstance": set_to(BackupRetentionPeriod=3),
    "AWS::RDS::DBParameterGroup": tagged,
    "AWS::RDS::DBSubnetGroup": set_to(DBSubnetGroupDescription="Changed"),
    "AWS::RedshiftServerless::Namespace": tagged,
    "AWS::RedshiftServerless::Workgroup": set_to(MaxCapacity=16),
    "AWS::S3::Bucket": tagged,
    "AWS::S3::BucketPolicy": denied("PolicyDocument", principal="*", resource=True),
    "AWS::SNS::Topic": tagged,
    "AWS::SNS::TopicPolicy": inside("PolicyDocument", Id="Changed"),
    "AWS::SQS::Queue": set_to(MessageRetentionPeriod=3600),
    "AWS::SQS::QueuePolicy": inside("PolicyDocument", Id="Changed"),
    "AWS::SSM::Parameter": set_to(Description="Changed"),
    "AWS::SecretsManager::Secret": set_to(Description="Changed"),
    # A change of the only properties that could change would move or replace the resource.
    "AWS::EC2::Route": None,
    "AWS::EC2::SubnetRouteTableAssociation": None,
    "AWS::EC2::VPCGatewayAttachment": None,
}
"""Resource type → a change of one of its properties; None where every change replaces the resource."""

REPLACED = {"AWS::Athena::NamedQuery"}
"""Types of which the change here makes a new physical resource."""


def resources(deployment, stack):
    """Resources of a stack by logical id, but for the CDK's own custom ones."""
    url = f"{deployment.gateway.url}/_refstack/resources?stack={stack}"
    with urllib.request.urlopen(url) as answer:
        found = json.load(answer)
    return {one["logical_id"]: one for one in found if not one["type"].startswith("Custom::")}


def mismatches(found):
    """What differs, by type and logical id."""
    wrong = {}
    for logical_id, one in found.items():
        if "error" in one:
            wrong[f"{one['type']} {logical_id}"] = one["error"]
            continue
        for name, problem in differences(
            one["properties"], one["described"], EXCEPTIONS.get(one["type"], {})
        ).items():
            wrong[f"{one['type']} {logical_id} {name}"] = problem
    return wrong


def uploaded(deployment, stack, template):
    """URL of a template in the bootstrap's bucket: a call takes no more than 51,200 characters itself."""
    bucket = f"cdk-hnb659fds-assets-{layout.ACCOUNT}-{layout.REGION}"
    deployment.gateway.client("s3").put_object(
        Bucket=bucket, Key=f"{stack}.changed.json", Body=json.dumps(template).encode()
    )
    return f"https://s3.{layout.REGION}.amazonaws.com/{bucket}/{stack}.changed.json"


def test_every_property_is_described_as_deployed(deployment):
    wrong = {}
    for stack in deployment.stacks():
        wrong |= mismatches(resources(deployment, stack))
    assert wrong == {}


def test_every_exception_is_still_needed(deployment):
    unneeded = {(name, each) for name, properties in EXCEPTIONS.items() for each in properties}
    for stack in deployment.stacks():
        for one in resources(deployment, stack).values():
            for name in differences(one["properties"], one.get("described", {})):
                unneeded.discard((one["type"], name))
    assert unneeded - PORTS == set()


def test_every_image_is_built_in_an_account_that_may_run_one_build(deployment):
    said = []
    deployed.finish(deployment.gateway.client, "dev", said.append, pause=1)

    assert not [line for line in said if line.startswith("Nothing has started")]
    assert "The database has the roles airflow, etl, flight_board." in said


def test_cloudformation_received_the_synthesised_templates_byte_for_byte(deployment):
    cloudformation = deployment.gateway.client("cloudformation")
    answers = []
    cloudformation.meta.events.register(
        "before-parse.cloudformation.GetTemplate",
        lambda response_dict, **_: answers.append(response_dict["body"]),
    )
    artifacts = json.loads((deployment.templates / "manifest.json").read_text())["artifacts"]
    stacks = [part for part in artifacts.values() if part["type"] == "aws:cloudformation:stack"]
    assert len(stacks) == 11
    for part in stacks:
        cloudformation.get_template(StackName=part["properties"]["stackName"], TemplateStage="Original")
        [received] = [
            element.text
            for element in ElementTree.fromstring(answers.pop()).iter()
            if element.tag.endswith("TemplateBody")
        ]
        assert received == (deployment.templates / part["properties"]["templateFile"]).read_text()


def test_an_update_of_one_property_of_each_type_is_described(deployment):
    cloudformation = deployment.gateway.client("cloudformation")
    wrong, kinds = {}, set()
    for stack in deployment.stacks():
        template = cloudformation.get_template(StackName=stack, TemplateStage="Original")["TemplateBody"]
        template = json.loads(template) if isinstance(template, str) else copy.deepcopy(template)
        changed = {}
        for logical_id, resource in template["Resources"].items():
            kind = resource["Type"]
            if kind.startswith("Custom::") or kind == "AWS::CDK::Metadata":
                continue
            assert kind in CHANGES, f"say in CHANGES how to update a {kind}"
            change = CHANGES[kind]
            if change is not None and kind not in kinds:
                change(resource["Properties"])
                changed[logical_id] = kind
                kinds.add(kind)
        if not changed:
            continue
        before = resources(deployment, stack)
        cloudformation.update_stack(
            StackName=stack,
            TemplateURL=uploaded(deployment, stack, template),
            Capabilities=["CAPABILITY_NAMED_IAM"],
            Parameters=[
                {"ParameterKey": name, "UsePreviousValue": True} for name in template.get("Parameters", {})
            ],
        )
        waiter = cloudformation.get_waiter("stack_update_complete")
        waiter.wait(StackName=stack, WaiterConfig={"Delay": 1, "MaxAttempts": 180})
        after = resources(deployment, stack)
        for logical_id, kind in changed.items():
            assert after[logical_id]["properties"] != before[logical_id]["properties"], kind
            replaced = after[logical_id]["physical_id"] != before[logical_id]["physical_id"]
            if replaced != (kind in REPLACED):
                wrong[f"{kind} {logical_id}"] = "replaced" if replaced else "not replaced"
        wrong |= mismatches(after)
    assert wrong == {}
    untested = defaultdict(list)
    for kind, change in CHANGES.items():
        if change is not None and kind not in kinds:
            untested["no longer deployed"].append(kind)
    assert untested == {}


def test_the_page_on_fidelity_is_current():
    done = subprocess.run(
        [tools().gateway_python, "-m", "local.fidelity", "--check"],
        cwd=layout.ROOT,
        env={**os.environ, "PYTHONPATH": str(layout.ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
