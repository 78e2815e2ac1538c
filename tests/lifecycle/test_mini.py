"""The rules of a life, on an environment of four small stacks that starts no engine but PostgreSQL."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.errors import UserFacingError
from local.lifecycle import destruction
from local.lifecycle.account import Account, Template, deployed
from tests.lifecycle.environment import DeploymentError, Environment, bootstrap
from tests.local.conftest import Gateway
from tests.local.stack_operations import plan

pytestmark = pytest.mark.gateway

DELETE = {"DeletionPolicy": "Delete", "UpdateReplacePolicy": "Delete"}
RETAIN = {"DeletionPolicy": "RetainExceptOnCreate", "UpdateReplacePolicy": "Retain"}


def exported(name: str, value: Any) -> dict[str, Any]:
    return {"Value": value, "Export": {"Name": name}}


def stacks(env: str, policy: dict[str, str]) -> dict[str, Template]:
    """Network, lake and database, and a stack of functions that uses the first two."""
    subnets = [
        {"Type": "AWS::EC2::Subnet", "Properties": {"VpcId": {"Ref": "Vpc"}, "CidrBlock": f"10.8.{n}.0/24"}}
        for n in range(2)
    ]
    network: Template = {
        "Resources": {
            "Vpc": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.8.0.0/16"}},
            "Subnet0": subnets[0],
            "Subnet1": subnets[1],
        },
        "Outputs": {"S": exported(f"{env}-subnet", {"Ref": "Subnet0"})},
    }
    lake: Template = {
        "Resources": {
            "Logs": {
                "Type": "AWS::S3::Bucket",
                "Properties": {"VersioningConfiguration": {"Status": "Enabled"}},
                **policy,
            },
            "Raw": {
                "Type": "AWS::S3::Bucket",
                "Properties": {
                    "VersioningConfiguration": {"Status": "Enabled"},
                    "LoggingConfiguration": {"DestinationBucketName": {"Ref": "Logs"}},
                },
                **policy,
            },
        },
        "Outputs": {"R": exported(f"{env}-raw", {"Ref": "Raw"})},
    }
    identifier = f"refstack-{env}-database"
    database: Template = {
        "Resources": {
            "Log": {
                "Type": "AWS::Logs::LogGroup",
                "Properties": {
                    "LogGroupName": f"/aws/rds/instance/{identifier}/postgresql",
                    "RetentionInDays": 7,
                },
                **policy,
            },
            "Instance": {
                "Type": "AWS::RDS::DBInstance",
                "DependsOn": "Log",
                "Properties": {
                    "DBInstanceIdentifier": identifier,
                    "DBInstanceClass": "db.t4g.micro",
                    "Engine": "postgres",
                    "AllocatedStorage": "20",
                    "MasterUsername": "admin1",
                    "ManageMasterUserPassword": True,
                    "EnableCloudwatchLogsExports": ["postgresql"],
                    "DeletionProtection": policy == RETAIN,
                },
                **({**DELETE} if policy == DELETE else {"DeletionPolicy": "Snapshot"}),
            },
            "Last": {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": "-"}},
        },
    }
    database["Resources"]["Last"]["DependsOn"] = "Instance"
    code = {"ZipFile": "def handler(event, context): pass"}
    functions: Template = {
        "Resources": {
            "Role": {
                "Type": "AWS::IAM::Role",
                "Properties": {
                    "AssumeRolePolicyDocument": {
                        "Version": "2012-10-17",
                        "Statement": [
                            {
                                "Effect": "Allow",
                                "Principal": {"Service": "lambda.amazonaws.com"},
                                "Action": "sts:AssumeRole",
                            }
                        ],
                    }
                },
            },
            "Function": {
                "Type": "AWS::Lambda::Function",
                "Properties": {
                    "Code": code,
                    "Handler": "index.handler",
                    "Runtime": "python3.13",
                    "Role": {"Fn::GetAtt": ["Role", "Arn"]},
                    "Environment": {"Variables": {"RAW": {"Fn::ImportValue": f"{env}-raw"}}},
                    "VpcConfig": {
                        "SubnetIds": [{"Fn::ImportValue": f"{env}-subnet"}],
                        "SecurityGroupIds": [],
                    },
                },
            },
        }
    }
    names = {"network": network, "lake": lake, "database": database, "functions": functions}
    return {f"refstack-{env}-{name}": json.loads(json.dumps(each)) for name, each in names.items()}


@pytest.fixture
def mini(account: Account) -> Environment:
    bootstrap(account)
    return Environment(account, "mini", stacks("mini", DELETE))


@pytest.fixture
def kept(account: Account) -> Environment:
    bootstrap(account)
    return Environment(account, "kept", stacks("kept", RETAIN), protected=True)


def fill(env: Environment) -> list[str]:
    """Put two versions of an object into each bucket; the buckets."""
    [lake] = [stack for name, stack in deployed(env.account, env.name).items() if name.endswith("-lake")]
    buckets = lake.of_type("AWS::S3::Bucket", disposable=False)
    for bucket in buckets:
        for body in (b"first", b"second"):
            env.account.client("s3").put_object(Bucket=bucket, Key="kept", Body=body)
    return buckets


def test_destroyed_it_is_gone_though_aws_lets_go_late(mini: Environment, gateway: Gateway) -> None:
    mini.up()
    buckets = fill(mini)
    plan(
        gateway,
        {"effect": "access-logs", "times": 2},
        {"effect": "database-logs"},
        {"effect": "network-interfaces", "times": 2},
    )

    assert mini.down() is None

    assert mini.states() == {}
    names = {each["Name"] for each in mini.account.client("s3").list_buckets()["Buckets"]}
    assert not names & set(buckets)
    assert mini.account.client("logs").describe_log_groups(logGroupNamePrefix="/aws/rds")["logGroups"] == []
    deleted = [line.removeprefix("Deleting ").split()[0] for line in mini.said if line.endswith(" ...")]
    assert deleted.index("refstack-mini-functions") < deleted.index("refstack-mini-lake")
    said = "\n".join(mini.said)
    assert "BucketNotEmpty). Trying again in 60 s (1 of 10)." in said
    assert "DependencyViolation). Trying again in 60 s (1 of 45)." in said
    assert "postgresql, which its service had made anew." in said


@pytest.mark.parametrize("waits", [1, 3, 5])
def test_destroying_it_can_be_interrupted_at_any_point_and_repeated(
    mini: Environment, gateway: Gateway, waits: int
) -> None:
    mini.up()
    fill(mini)
    plan(gateway, {"effect": "network-interfaces"}, {"effect": "access-logs"})
    left = [waits]

    def interrupted(seconds: float) -> None:
        left[0] -= 1
        if left[0] == 0:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        destruction.destroy(mini.account, "mini", mini.said.append, wait=interrupted)
    settle(mini)

    assert mini.down() is None
    assert mini.states() == {}


def test_it_goes_on_where_a_deletion_has_failed(mini: Environment, gateway: Gateway) -> None:
    """Buckets that are deleted already are passed over, whether CloudFormation lists them or not."""
    mini.up()
    fill(mini)
    fault = {"stack": "refstack-mini-lake", "logical_id": "Logs", "operation": "delete", "times": 3}
    plan(gateway, {**fault, "reason": "stuck"})

    with pytest.raises(UserFacingError, match=r"refstack-mini-lake .* in 3 attempts: Logs .*stuck"):
        mini.down()
    settle(mini)

    assert mini.states()["refstack-mini-lake"] == "DELETE_FAILED"
    with pytest.raises(UserFacingError, match="half deleted"):
        mini.up()
    assert mini.down() is None
    assert mini.states() == {}


def test_a_failed_creation_is_undone_though_it_is_protected_by_then(
    kept: Environment, gateway: Gateway
) -> None:
    """As prod is: termination protection on the stack, deletion protection on its DB instance."""
    plan(gateway, {"stack": "refstack-kept-database", "last": True})
    with pytest.raises(DeploymentError, match="planned fault"):
        kept.up()
    assert kept.states()["refstack-kept-database"] == "ROLLBACK_FAILED"

    kept.up()

    assert set(kept.states().values()) == {"CREATE_COMPLETE"}
    with pytest.raises(UserFacingError, match=r"^Nothing was deleted: .*protected from termination"):
        kept.down()
    kept.protected = False
    kept.up()
    kept.said.clear()
    assert kept.down() is None
    retained = [line for line in kept.said if line.startswith("Retained: ")]
    assert len(retained) == 3
    # Its data is what the next creation meets.
    with pytest.raises(UserFacingError, match=r"^Nothing was deployed: names") as caught:
        kept.up()
    group = "/aws/rds/instance/refstack-kept-database/postgresql"
    assert f"{group}: aws logs delete-log-group --log-group-name {group}" in str(caught.value)
    kept.account.client("logs").delete_log_group(logGroupName=group)


def test_a_log_group_that_its_service_made_anew_is_cleared_before_a_creation(mini: Environment) -> None:
    logs = mini.account.client("logs")
    group = "/aws/rds/instance/refstack-mini-database/postgresql"
    logs.create_log_group(logGroupName=group)

    mini.up()

    assert any(group in line and "made anew" in line for line in mini.said)
    assert mini.states()["refstack-mini-database"] == "CREATE_COMPLETE"
    mini.down()


def test_an_export_that_a_foreign_stack_imports_is_not_taken_away(mini: Environment) -> None:
    mini.up()
    foreign = {
        "Resources": {
            "P": {
                "Type": "AWS::SSM::Parameter",
                "Properties": {"Type": "String", "Value": {"Fn::ImportValue": "mini-raw"}},
            }
        }
    }
    mini.cloudformation.create_stack(StackName="somebody", TemplateBody=json.dumps(foreign))
    mini.cloudformation.get_waiter("stack_create_complete").wait(StackName="somebody")
    without = {name: each for name, each in mini.templates.items() if name.endswith("-network")}

    with pytest.raises(UserFacingError, match=r"^Nothing was changed: somebody imports mini-raw"):
        mini.up(without, agree=True)

    mini.cloudformation.delete_stack(StackName="somebody")
    mini.cloudformation.get_waiter("stack_delete_complete").wait(StackName="somebody")
    assert mini.down() is None


def settle(env: Environment) -> None:
    """Wait until no stack is being changed any more."""
    while any(state.endswith("_IN_PROGRESS") for state in env.states().values()):
        pass


def test_nothing_happens_to_another_environment_whose_name_begins_alike(mini: Environment) -> None:
    other = Environment(
        mini.account, "mini-two", {"refstack-mini-two-lake": stacks("two", DELETE)["refstack-two-lake"]}
    )
    other.deploy("refstack-mini-two-lake")

    assert destruction.destroy(mini.account, "mini", mini.said.append, wait=lambda seconds: None) is None

    assert other.states() == {"refstack-mini-two-lake": "CREATE_COMPLETE"}
    with pytest.raises(ClientError, match="does not exist"):
        mini.cloudformation.describe_stacks(StackName="refstack-mini-lake")
    other.down()
