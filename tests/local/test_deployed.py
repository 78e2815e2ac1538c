"""What follows a deploy happens in the end: the images are built, the database has its roles."""

from __future__ import annotations

import io
import json
import urllib.request
import zipfile
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from local import deploy as cdk
from local import deployed, faults, runtime
from local.errors import UserFacingError
from local.layout import BUCKET_LOCATION

pytestmark = pytest.mark.gateway

ENV = "test"
ASSETS = "contexts"
IMAGES = ("one", "two")
DOCKERFILE = 'FROM python:3.12-slim\nCOPY run.py ./\nENTRYPOINT ["python", "run.py"]\n'
FUNCTION = """
def handler(event, context):
    if {broken}:
        raise RuntimeError("the database does not answer")
    return {{"roles": ["etl", "airflow"]}}
"""
QUOTA = "codebuild/L-5ED1D25B"


def role(service: str, *actions: str) -> dict[str, Any]:
    trust = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    allowed = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
    policy = {"Version": "2012-10-17", "Statement": [allowed]}
    return {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [trust]},
            "Policies": [{"PolicyName": "own", "PolicyDocument": policy}],
        },
    }


def project(image: str, tag: str) -> dict[str, Any]:
    variables = {"REPOSITORY": f"test-{image}", "TAG": tag}
    return {
        "Type": "AWS::CodeBuild::Project",
        "Properties": {
            "Name": f"build-{image}",
            "ServiceRole": {"Fn::GetAtt": ["Role", "Arn"]},
            "Artifacts": {"Type": "NO_ARTIFACTS"},
            "Source": {"Type": "S3", "Location": f"{ASSETS}/context.zip"},
            "Environment": {
                "Type": "ARM_CONTAINER",
                "Image": "aws/codebuild/amazonlinux-aarch64-standard:3.0",
                "ComputeType": "BUILD_GENERAL1_SMALL",
                "EnvironmentVariables": [{"Name": name, "Value": value} for name, value in variables.items()],
            },
        },
    }


def deploy(gateway: Any, stack: str, resources: dict[str, Any]) -> None:
    """Create or update the stack of ENV."""
    cloudformation, name = gateway.client("cloudformation"), f"{deployed.PROJECT}-{ENV}-{stack}"
    there = any(each["StackName"] == name for each in cloudformation.describe_stacks()["Stacks"])
    change, waiter = ("update_stack", "update") if there else ("create_stack", "create")
    getattr(cloudformation, change)(
        StackName=name,
        TemplateBody=json.dumps({"Resources": resources}),
        Capabilities=["CAPABILITY_IAM"],
    )
    cloudformation.get_waiter(f"stack_{waiter}_complete").wait(
        StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )


@pytest.fixture(scope="module")
def containers(gateway: Any) -> Any:
    """A gateway with repositories and a build context; nothing starts the builds of its projects."""
    gateway.client("s3").create_bucket(Bucket=ASSETS, CreateBucketConfiguration=BUCKET_LOCATION)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("Dockerfile", DOCKERFILE)
        archive.writestr("run.py", "print(42)")
    gateway.client("s3").put_object(Bucket=ASSETS, Key="context.zip", Body=packed.getvalue())
    for image in IMAGES:
        gateway.client("ecr").create_repository(repositoryName=f"test-{image}")
    return gateway


@pytest.fixture(autouse=True)
def ordinary(gateway: Any) -> Iterator[None]:
    yield
    gateway.plant()


def deploy_images(gateway: Any, tag: str) -> None:
    resources = {f"{image.title()}Project": project(image, tag) for image in IMAGES}
    deploy(
        gateway,
        "containers",
        {"Role": role("codebuild.amazonaws.com", "ecr:*", "s3:GetObject"), **resources},
    )


def finish(gateway: Any) -> list[str]:
    """What is said meanwhile."""
    said: list[str] = []
    deployed.finish(gateway.client, ENV, said.append, pause=0.05)
    return said


def tags(gateway: Any, image: str) -> set[str]:
    found = gateway.client("ecr").describe_images(repositoryName=f"test-{image}")["imageDetails"]
    return {tag for each in found for tag in each.get("imageTags", [])}


def test_builds_that_nothing_starts_are_started_one_after_the_other(containers):
    containers.plant(quotas={QUOTA: 1})
    deploy_images(containers, "first")

    said = finish(containers)

    assert [line for line in said if line.startswith("Nothing has started")] == [
        "Nothing has started build-one: starting it.",
        "Nothing has started build-two: starting it.",
    ]
    assert all("first" in tags(containers, image) for image in IMAGES)
    assert finish(containers) == []


def test_a_second_build_at_a_time_is_refused_as_a_new_account_s_is(containers):
    containers.plant(quotas={QUOTA: 0})
    deploy_images(containers, "second")

    with pytest.raises(UserFacingError, match="Cannot have more than 0 builds in queue") as refused:
        finish(containers)

    assert "L-5ED1D25B" in str(refused.value)
    assert not any("second" in tags(containers, image) for image in IMAGES)


def test_a_build_that_fails_is_named(containers):
    containers.client("s3").delete_object(Bucket=ASSETS, Key="context.zip")
    deploy_images(containers, "third")

    with pytest.raises(UserFacingError, match="build-one, build-two did not end with an image"):
        finish(containers)


@pytest.mark.parametrize("broken", [False, True])
def test_the_database_s_roles_are_made_again(gateway, broken):
    code = FUNCTION.format(broken=broken)
    function = {
        "Type": "AWS::Lambda::Function",
        "Properties": {
            "Handler": "index.handler",
            "Runtime": "python3.13",
            "Code": {"ZipFile": code},
            "Role": {"Fn::GetAtt": ["Role", "Arn"]},
        },
    }
    deploy(
        gateway,
        "database",
        {"Role": role("lambda.amazonaws.com", "logs:*"), f"{deployed.PREPARES}1234": function},
    )
    said: list[str] = []

    if broken:
        with pytest.raises(UserFacingError, match="the database does not answer"):
            deployed.prepare_database(gateway.client, ENV, said.append)
    else:
        deployed.prepare_database(gateway.client, ENV, said.append)
        assert said == ["The database has the roles etl, airflow."]


def test_an_environment_without_these_stacks_has_nothing_to_follow(gateway):
    said: list[str] = []
    deployed.finish(gateway.client, "localstack", said.append, pause=0)
    assert said == []


@pytest.mark.slow
def test_the_roles_come_although_the_rule_missed_the_event_of_its_own_stack(start_gateway, tmp_path):
    gateway = start_gateway()
    missed = {
        "action": "events:MatchEvent",
        "resource": "*:rule/refstack-dev-database-*",
        "code": "Missed",
        "message": "The rule was made a moment ago",
    }
    with urllib.request.urlopen(
        urllib.request.Request(gateway.url + faults.PATH, json.dumps([missed]).encode())
    ):
        pass
    templates = cdk.synth("dev", output=tmp_path / "cdk.out", log=tmp_path / "synth.log")
    environment = {**runtime.environment(), "CDK_HOME": str(tmp_path / "cdk-home")}
    cdk.bootstrap(environment, log=tmp_path / "bootstrap.log")
    cdk.run(
        ["deploy", "Database", "--app", str(templates), "--require-approval", "never"],
        "deploy the database",
        environment=environment,
        log=tmp_path / "deploy.log",
    )
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        sign_in(gateway, "etl").close()

    said: list[str] = []
    deployed.finish(gateway.client, "dev", said.append)

    assert said == ["The database has the roles airflow, etl, flight_board."]
    for name in ("etl", "flight_board", "airflow"):
        sign_in(gateway, name).close()


def sign_in(gateway: Any, name: str) -> psycopg.Connection[Any]:
    """A connection to the database as the role of a job, with its secret."""
    secrets = gateway.client("secretsmanager")
    [found] = [
        each
        for page in secrets.get_paginator("list_secrets").paginate()
        for each in page["SecretList"]
        if each.get("Description") == f"Name and password of the database role {name}"
    ]
    secret = json.loads(secrets.get_secret_value(SecretId=found["ARN"])["SecretString"])
    [instance] = gateway.client("rds").describe_db_instances()["DBInstances"]
    endpoint = instance["Endpoint"]
    return psycopg.connect(
        host=endpoint["Address"],
        port=endpoint["Port"],
        dbname=instance["DBName"],
        user=secret["username"],
        password=secret["password"],
    )
