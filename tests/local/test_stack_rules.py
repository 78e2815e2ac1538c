"""What CloudFormation refuses: names and exports that are taken or in use, and states that forbid it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local.conftest import Gateway
from tests.local.stack_operations import Stack, plan

pytestmark = pytest.mark.gateway

QUEUE = {"Type": "AWS::SQS::Queue"}
TRUST = {
    "Statement": [
        {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "glue.amazonaws.com"}}
    ]
}
ROLE_ARN = "arn:aws:iam::000000000000:role/nobody"
NOTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]}
NAMED: dict[str, dict[str, Any]] = {
    "AWS::AccessAnalyzer::Analyzer": {"AnalyzerName": "taken", "Type": "ACCOUNT"},
    "AWS::Athena::WorkGroup": {"Name": "taken"},
    "AWS::CloudWatch::Alarm": {
        "AlarmName": "taken",
        "ComparisonOperator": "GreaterThanThreshold",
        "EvaluationPeriods": 1,
        "MetricName": "m",
        "Namespace": "n",
        "Period": 60,
        "Statistic": "Sum",
        "Threshold": 1,
    },
    "AWS::CodeBuild::Project": {
        "Name": "taken",
        "ServiceRole": ROLE_ARN,
        "Artifacts": {"Type": "NO_ARTIFACTS"},
        "Environment": {"Type": "ARM_CONTAINER", "ComputeType": "BUILD_GENERAL1_SMALL", "Image": "i"},
        "Source": {"Type": "NO_SOURCE", "BuildSpec": "{}"},
    },
    "AWS::DynamoDB::Table": {
        "TableName": "taken",
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": "k", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "k", "KeyType": "HASH"}],
    },
    "AWS::ECR::Repository": {"RepositoryName": "taken"},
    "AWS::ECS::Cluster": {"ClusterName": "taken"},
    "AWS::EMR::SecurityConfiguration": {"Name": "taken", "SecurityConfiguration": {}},
    "AWS::Events::Rule": {"Name": "taken", "ScheduleExpression": "rate(1 day)"},
    "AWS::Glue::Crawler": {
        "Name": "taken",
        "Role": ROLE_ARN,
        "DatabaseName": "d",
        "Targets": {"S3Targets": [{"Path": "s3://nowhere/"}]},
    },
    "AWS::Glue::Database": {"CatalogId": "000000000000", "DatabaseInput": {"Name": "taken"}},
    "AWS::Glue::Job": {
        "Name": "taken",
        "Role": ROLE_ARN,
        "GlueVersion": "5.1",
        "Command": {"Name": "glueetl", "PythonVersion": "3", "ScriptLocation": "s3://nowhere/script.py"},
    },
    "AWS::Glue::Registry": {"Name": "taken"},
    "AWS::IAM::Group": {"GroupName": "taken"},
    "AWS::IAM::ManagedPolicy": {"ManagedPolicyName": "taken", "PolicyDocument": NOTHING},
    "AWS::IAM::Role": {"RoleName": "taken", "AssumeRolePolicyDocument": TRUST},
    "AWS::Lambda::Function": {
        "FunctionName": "taken",
        "Role": ROLE_ARN,
        "Runtime": "python3.13",
        "Handler": "index.handler",
        "Code": {"ZipFile": "def handler(event, context): pass"},
    },
    "AWS::Logs::LogGroup": {"LogGroupName": "/taken"},
    "AWS::MSK::Configuration": {
        "Name": "taken",
        "KafkaVersionsList": ["3.8.x"],
        "ServerProperties": "auto.create.topics.enable=false",
    },
    "AWS::S3::Bucket": {"BucketName": "refstack-taken"},
    "AWS::SNS::Topic": {"TopicName": "taken"},
    "AWS::SQS::Queue": {"QueueName": "taken"},
    "AWS::SSM::Parameter": {"Name": "/taken", "Type": "String", "Value": "v"},
    "AWS::SecretsManager::Secret": {"Name": "taken", "SecretString": "s"},
}
"""Resource type → properties with a name."""


@pytest.fixture(scope="module", autouse=True)
def role(gateway: Gateway) -> None:
    """The role that services ask for."""
    gateway.client("iam").create_role(RoleName="nobody", AssumeRolePolicyDocument=json.dumps(TRUST))


def label(kind: str) -> str:
    return kind.replace("::", "")


@pytest.fixture(scope="module")
def retained(gateway: Gateway, role: None) -> None:
    """A resource of each type, which a stack that is gone has retained."""
    stack = Stack(gateway, "retaining")
    resources = {
        label(kind): {"Type": kind, "Properties": properties, "DeletionPolicy": "Retain"}
        for kind, properties in NAMED.items()
    }
    assert stack.create(resources) == "CREATE_COMPLETE"
    assert stack.delete() == "DELETE_COMPLETE"


@pytest.mark.usefixtures("retained")
@pytest.mark.parametrize("kind", NAMED)
def test_a_name_that_a_retained_resource_has_fails_the_resource(gateway: Gateway, kind: str) -> None:
    stack = Stack(gateway, f"second-{label(kind)}")
    own = {"Type": kind, "Properties": NAMED[kind], "DependsOn": "Other"}

    assert stack.create({"Other": QUEUE, "Own": own}) == "ROLLBACK_COMPLETE"

    said = " ".join(reason for _, status, reason in stack.events() if status == "CREATE_FAILED").lower()
    assert "exist" in said or "validation failed" in said
    assert stack.resources() == {}


def test_a_name_that_something_made_by_hand_has_is_taken(gateway: Gateway) -> None:
    gateway.client("logs").create_log_group(logGroupName="/by/hand")
    gateway.client("logs").put_retention_policy(logGroupName="/by/hand", retentionInDays=7)
    group = {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": "/by/hand", "RetentionInDays": 1}}
    stack = Stack(gateway, "by-hand")

    assert stack.create({"Group": group}) == "ROLLBACK_COMPLETE"

    assert stack.why("Group", "CREATE_FAILED") == (
        "Resource handler returned message: \"Resource of type 'AWS::Logs::LogGroup' with identifier "
        '\'{"/properties/LogGroupName":"/by/hand"}\' already exists." (HandlerErrorCode: AlreadyExists)'
    )
    [kept] = gateway.client("logs").describe_log_groups(logGroupNamePrefix="/by/hand")["logGroups"]
    assert kept["retentionInDays"] == 7


def test_a_made_up_name_is_another_one_when_the_stack_is_made_again(gateway: Gateway) -> None:
    table: dict[str, Any] = {"Type": "AWS::DynamoDB::Table", "DeletionPolicy": "Retain"}
    table["Properties"] = {**NAMED["AWS::DynamoDB::Table"]}
    del table["Properties"]["TableName"]
    stack = Stack(gateway, "again")
    assert stack.create({"Table": table}) == "CREATE_COMPLETE"
    first = stack.resources()["Table"]
    gateway.client("dynamodb").put_item(TableName=first, Item={"k": {"S": "kept"}})
    assert stack.delete() == "DELETE_COMPLETE"

    assert stack.create({"Table": table}) == "CREATE_COMPLETE"

    assert stack.resources()["Table"] != first
    assert gateway.client("dynamodb").scan(TableName=first)["Count"] == 1
    again = {**table, "Properties": {**table["Properties"], "Tags": [{"Key": "a", "Value": "b"}]}}
    second = stack.resources()["Table"]
    assert stack.update({"Table": again}) == "UPDATE_COMPLETE"
    assert stack.resources()["Table"] == second


def exported(value: str, name: str) -> dict[str, Any]:
    return {"Value": {"Value": value, "Export": {"Name": name}}}


def imported(export: str) -> dict[str, Any]:
    parameter = {"Name": f"/importer/{export}", "Type": "String", "Value": {"Fn::ImportValue": export}}
    return {"Parameter": {"Type": "AWS::SSM::Parameter", "Properties": parameter}}


@pytest.fixture(scope="module")
def exporter(gateway: Gateway) -> Stack:
    """A stack of which two others import the export."""
    stack = Stack(gateway, "exporter")
    assert stack.create({"Queue": QUEUE}, Outputs=exported("1", "in-use")) == "CREATE_COMPLETE"
    assert Stack(gateway, "importer").create(imported("in-use")) == "CREATE_COMPLETE"
    other = {
        "Topic": {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": {"Fn::ImportValue": "in-use"}}}
    }
    assert Stack(gateway, "another-importer").create(other) == "CREATE_COMPLETE"
    return stack


@pytest.mark.parametrize(
    ("outputs", "change"),
    [({}, "deleted"), (exported("2", "in-use"), "updated"), (exported("1", "renamed"), "deleted")],
)
def test_an_export_in_use_stays_as_it_is(exporter: Stack, outputs: dict[str, Any], change: str) -> None:
    assert exporter.update({"Queue": QUEUE}, Outputs=outputs) == "UPDATE_ROLLBACK_COMPLETE"

    reason = f"Export in-use cannot be {change} as it is in use by another-importer and importer"
    assert exporter.why("exporter", "UPDATE_ROLLBACK_IN_PROGRESS") == reason
    assert "UPDATE_FAILED" not in {status for _, status, _ in exporter.events()}
    assert exporter.outputs() == {"Value": "1"}
    exports = {one["Name"]: one["Value"] for one in exporter.api.list_exports()["Exports"]}
    assert exports["in-use"] == "1"
    assert "renamed" not in exports


def test_a_stack_with_an_export_in_use_is_not_deleted(exporter: Stack) -> None:
    before = exporter.settled()

    assert exporter.delete() == before

    assert exporter.reason() == (
        "Delete canceled. Cannot delete export in-use as it is in use by another-importer and importer."
    )
    assert exporter.events()[0] == ("exporter", before, exporter.reason())
    assert set(exporter.resources()) == {"Queue"}


def test_an_export_that_nothing_uses_any_more_goes(gateway: Gateway) -> None:
    stack, user = Stack(gateway, "free"), Stack(gateway, "user")
    assert stack.create({"Queue": QUEUE}, Outputs=exported("1", "freed")) == "CREATE_COMPLETE"
    assert user.create(imported("freed")) == "CREATE_COMPLETE"
    assert user.update({"Queue": QUEUE}) == "UPDATE_COMPLETE"

    assert stack.update({"Queue": QUEUE}, Outputs={}) == "UPDATE_COMPLETE"

    assert "freed" not in [one["Name"] for one in stack.api.list_exports()["Exports"]]
    assert user.update(imported("freed")) == "UPDATE_ROLLBACK_COMPLETE"
    assert stack.delete() == "DELETE_COMPLETE"


def test_an_export_s_name_is_unique(gateway: Gateway) -> None:
    one, two = Stack(gateway, "one"), Stack(gateway, "two")
    assert one.create({"Queue": QUEUE}, Outputs=exported("1", "unique")) == "CREATE_COMPLETE"

    assert two.create({"Queue": QUEUE}, Outputs=exported("1", "unique")) == "ROLLBACK_COMPLETE"

    reason = "Export with name unique is already exported by stack one."
    assert two.why("two", "ROLLBACK_IN_PROGRESS") == reason


def test_a_change_of_outputs_alone_is_a_change(gateway: Gateway) -> None:
    stack, user = Stack(gateway, "outputs"), Stack(gateway, "outputs-user")
    assert stack.create({"Queue": QUEUE}) == "CREATE_COMPLETE"
    template = {
        "Resources": {"Queue": QUEUE},
        "Outputs": {
            "Arn": {"Value": {"Fn::GetAtt": ["Queue", "Arn"]}, "Export": {"Name": "outputs-arn"}},
        },
    }

    stack.api.create_change_set(StackName="outputs", ChangeSetName="alone", TemplateBody=json.dumps(template))

    change = stack.api.describe_change_set(StackName="outputs", ChangeSetName="alone")
    assert (change["Status"], change["ExecutionStatus"]) == ("CREATE_COMPLETE", "AVAILABLE")
    assert change["Changes"] == []
    stack.api.execute_change_set(StackName="outputs", ChangeSetName="alone")
    assert stack.settled() == "UPDATE_COMPLETE"
    assert user.create(imported("outputs-arn")) == "CREATE_COMPLETE"
    stack.api.create_change_set(
        StackName="outputs", ChangeSetName="nothing", TemplateBody=json.dumps(template)
    )
    change = stack.api.describe_change_set(StackName="outputs", ChangeSetName="nothing")
    assert change["Status"] == "FAILED"
    assert "didn't contain changes" in change["StatusReason"]


def test_a_creation_that_was_rolled_back_can_only_be_deleted(gateway: Gateway) -> None:
    stack = Stack(gateway, "rolled-back")
    plan(gateway, {"stack": "rolled-back"})
    assert stack.create({"Queue": QUEUE}, EnableTerminationProtection=True) == "ROLLBACK_COMPLETE"
    body = json.dumps({"Resources": {"Queue": QUEUE}})
    identifier = stack._described("rolled-back")["StackId"]

    with pytest.raises(ClientError, match=r"AlreadyExistsException.*Stack \[rolled-back\] already exists"):
        stack.create({"Queue": QUEUE})
    with pytest.raises(ClientError, match="is in ROLLBACK_COMPLETE state and can not be updated") as refused:
        stack.update({"Queue": QUEUE})
    assert identifier in str(refused.value)
    change_set = {"StackName": "rolled-back", "ChangeSetName": "c", "TemplateBody": body}
    with pytest.raises(ClientError, match="is in ROLLBACK_COMPLETE state and can not be updated"):
        stack.api.create_change_set(**change_set)
    with pytest.raises(ClientError, match="already exists and cannot be created again with the changeSet"):
        stack.api.create_change_set(**change_set, ChangeSetType="CREATE")

    protected = r"Stack \[rolled-back\] cannot be deleted while TerminationProtection is enabled"
    with pytest.raises(ClientError, match=protected):
        stack.delete()
    stack.api.update_termination_protection(StackName="rolled-back", EnableTerminationProtection=False)
    assert stack.delete() == "DELETE_COMPLETE"
