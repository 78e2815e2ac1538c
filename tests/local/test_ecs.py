"""ECS, ECR and CodeBuild: an image is built of its context, a task is a process of its entry point."""

from __future__ import annotations

import io
import json
import time
import uuid
import zipfile
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.layout import BUCKET_LOCATION, REGION
from tests.local.conftest import Gateway

pytestmark = pytest.mark.gateway

ACCOUNT = "000000000000"
ASSETS, LOGS, BUILD_LOGS, REPOSITORY = "test-assets", "/test/containers", "/test/builds", "test-image"
ROLES = {
    "task": ("ecs-tasks.amazonaws.com", ["s3:ListAllMyBuckets"]),
    "execution": (
        "ecs-tasks.amazonaws.com",
        ["ecr:*", "logs:*", "secretsmanager:GetSecretValue", "ssm:GetParameter"],
    ),
    "build": ("codebuild.amazonaws.com", ["ecr:*", "logs:*", "s3:GetObject"]),
}
DOCKERFILE = """\
FROM python:3.12-slim AS build
RUN python -m venv /opt/venv
FROM python:3.12-slim
COPY --from=build /opt/venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH \\
    TMPDIR=/tmp  PROJECT=/app/project GREETING="good day"
WORKDIR /app
COPY project/ project/
COPY *.py ./
USER 10001
VOLUME ["/tmp"]
ENTRYPOINT ["python", "run.py"]
CMD ["report"]
"""
PROGRAM = """\
import json, os, pathlib, signal, sys, tempfile, time, urllib.request
if sys.argv[1:] == ["report"]:
    request = urllib.request.Request(
        os.environ["AWS_CONTAINER_CREDENTIALS_FULL_URI"],
        headers={"Authorization": os.environ["AWS_CONTAINER_AUTHORIZATION_TOKEN"]},
    )
    pathlib.Path(tempfile.gettempdir(), "written").touch()
    names = ("GREETING", "GIVEN", "PASSWORD", "PARAMETER", "HOME", "USER")
    own = {name: os.environ.get(name) for name in names}
    role = json.load(urllib.request.urlopen(request))["RoleArn"]
    data = pathlib.Path(os.environ["PROJECT"], "data.txt").read_text()
    print(json.dumps({"variables": own, "role": role, "data": data, "folder": os.path.basename(os.getcwd())}))
elif sys.argv[1:] == ["fail"]:
    print("the model x failed", file=sys.stderr)
    sys.exit(3)
elif sys.argv[1:] == ["sleep"]:
    print("sleeping", flush=True)
    time.sleep(60)
"""


def context(dockerfile: str = DOCKERFILE) -> bytes:
    """A zipped build context."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("Dockerfile", dockerfile)
        archive.writestr("requirements.txt", "")
        archive.writestr("run.py", PROGRAM)
        archive.writestr("project/data.txt", "42")
    return packed.getvalue()


@pytest.fixture(scope="module")
def account(gateway: Gateway) -> Gateway:
    """A gateway with roles, a registry, a cluster and a project that builds the image `test-image:first`."""
    iam = gateway.client("iam")
    for name, (principal, actions) in ROLES.items():
        trust = {"Effect": "Allow", "Principal": {"Service": principal}, "Action": "sts:AssumeRole"}
        allowed = {"Effect": "Allow", "Action": actions, "Resource": "*"}
        iam.create_role(RoleName=f"test-{name}", AssumeRolePolicyDocument=json.dumps({"Statement": [trust]}))
        iam.put_role_policy(
            RoleName=f"test-{name}",
            PolicyName="own",
            PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [allowed]}),
        )
    gateway.client("s3").create_bucket(Bucket=ASSETS, CreateBucketConfiguration=BUCKET_LOCATION)
    gateway.client("ecr").create_repository(repositoryName=REPOSITORY, imageTagMutability="IMMUTABLE")
    for group in (LOGS, BUILD_LOGS):
        gateway.client("logs").create_log_group(logGroupName=group)
    gateway.client("ecs").create_cluster(clusterName="test")
    gateway.client("secretsmanager").create_secret(
        Name="test", SecretString=json.dumps({"password": "hidden"})
    )
    gateway.client("ssm").put_parameter(Name="/test/parameter", Value="kept", Type="String")
    assert build(gateway, "first")["buildStatus"] == "SUCCEEDED"
    return gateway


def role(name: str) -> str:
    return f"arn:aws:iam::{ACCOUNT}:role/test-{name}"


def build(gateway: Gateway, tag: str, dockerfile: str = DOCKERFILE, **source: str) -> dict[str, Any]:
    """Build the image under `tag` in a project of its own; the build, once it has ended."""
    gateway.client("s3").put_object(Bucket=ASSETS, Key=f"{tag}.zip", Body=context(dockerfile))
    codebuild = gateway.client("codebuild")
    variables = {"REPOSITORY": REPOSITORY, "TAG": tag}
    codebuild.create_project(
        name=f"test-{tag}",
        source={"type": "S3", "location": f"{ASSETS}/{tag}.zip", **source},
        artifacts={"type": "NO_ARTIFACTS"},
        environment={
            "type": "ARM_CONTAINER",
            "image": "aws/codebuild/amazonlinux-aarch64-standard:3.0",
            "computeType": "BUILD_GENERAL1_SMALL",
            "environmentVariables": [{"name": name, "value": value} for name, value in variables.items()],
        },
        logsConfig={"cloudWatchLogs": {"status": "ENABLED", "groupName": BUILD_LOGS}},
        serviceRole=role("build"),
    )
    return rebuild(gateway, tag)


def rebuild(gateway: Gateway, tag: str) -> dict[str, Any]:
    codebuild = gateway.client("codebuild")
    identifier = codebuild.start_build(projectName=f"test-{tag}")["build"]["id"]
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        [found] = codebuild.batch_get_builds(ids=[identifier])["builds"]
        if found["buildComplete"]:
            return dict(found)
        time.sleep(0.1)
    raise TimeoutError(identifier)


def define(gateway: Gateway, family: str, tag: str = "first", **container: Any) -> str:
    """Register a task definition of one container over the image; its family."""
    options = {"awslogs-group": LOGS, "awslogs-region": REGION, "awslogs-stream-prefix": family}
    gateway.client("ecs").register_task_definition(
        family=family,
        requiresCompatibilities=["FARGATE"],
        networkMode="awsvpc",
        cpu="256",
        memory="512",
        taskRoleArn=role("task"),
        executionRoleArn=role("execution"),
        containerDefinitions=[
            {
                "name": "main",
                "image": f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/{REPOSITORY}:{tag}",
                "logConfiguration": {"logDriver": "awslogs", "options": options},
                "environment": [{"name": "GIVEN", "value": "by the definition"}],
                "stopTimeout": 5,
                **container,
            }
        ],
    )
    return family


def start(gateway: Gateway, family: str, *command: str, **variables: str) -> str:
    """Run a task; its ARN."""
    environment = [{"name": name, "value": value} for name, value in variables.items()]
    override = {"name": "main", "environment": environment, **({"command": list(command)} if command else {})}
    [task] = gateway.client("ecs").run_task(
        cluster="test",
        taskDefinition=family,
        launchType="FARGATE",
        startedBy="the tests",
        networkConfiguration={"awsvpcConfiguration": {"subnets": ["subnet-1"]}},
        overrides={"containerOverrides": [override]},
    )["tasks"]
    return str(task["taskArn"])


def ended(gateway: Gateway, arn: str) -> dict[str, Any]:
    """The task, once it has stopped; its last state is kept a while."""
    ecs = gateway.client("ecs")
    ecs.get_waiter("tasks_stopped").wait(
        cluster="test", tasks=[arn], WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )
    [task] = ecs.describe_tasks(cluster="test", tasks=[arn])["tasks"]
    return dict(task)


def lines(gateway: Gateway, family: str, arn: str) -> list[str]:
    stream = f"{family}/main/{arn.rpartition('/')[2]}"
    events = gateway.client("logs").get_log_events(logGroupName=LOGS, logStreamName=stream)["events"]
    return [event["message"] for event in events]


def test_a_build_puts_the_image_under_its_tag_and_is_not_repeated(account: Gateway) -> None:
    [image] = account.client("ecr").describe_images(
        repositoryName=REPOSITORY, imageIds=[{"imageTag": "first"}]
    )["imageDetails"]
    again = rebuild(account, "first")
    [event] = account.client("logs").get_log_events(
        logGroupName=BUILD_LOGS, logStreamName=again["id"].partition(":")[2]
    )["events"]

    assert image["imageTags"] == ["first"]
    assert again["buildStatus"] == "SUCCEEDED"
    assert again["buildNumber"] == 2
    assert event["message"] == f"{REPOSITORY}:first is there already"


@pytest.mark.parametrize(
    "buildspec", ["version: 0.2\nphases: [", "version: 0.2", "version: 3\nphases: {}", "make image"]
)
def test_a_build_specification_that_codebuild_cannot_read_fails_the_build(
    account: Gateway, buildspec: str
) -> None:
    found = build(account, f"unread-{uuid.uuid4().hex[:6]}", buildspec=buildspec)

    assert found["buildStatus"] == "FAILED"
    assert found["phases"][0]["contexts"][0]["statusCode"] == "YAML_FILE_ERROR"


def test_a_final_stage_that_needs_a_container_fails_the_build_with_a_sentence(account: Gateway) -> None:
    asked = {"build-status": ["FAILED"], "project-name": ["test-second"]}
    queue = account.queue_of_events("failed-builds", "aws.codebuild", asked)
    failed = build(account, "second", DOCKERFILE.replace("USER 10001", "RUN apt-get update"))

    assert failed["buildStatus"] == "FAILED"
    assert failed["phases"][0]["contexts"][0]["message"].startswith(
        "RUN in the final stage needs a container"
    )
    assert account.next_event(queue)["detail"]["build-id"] == failed["arn"]


def test_a_task_runs_the_entry_point_as_its_role_with_variables_and_secrets(account: Gateway) -> None:
    secret = account.client("secretsmanager").describe_secret(SecretId="test")["ARN"]
    family = define(
        account,
        "reporting",
        secrets=[
            {"name": "PASSWORD", "valueFrom": f"{secret}:password::"},
            {"name": "PARAMETER", "valueFrom": "/test/parameter"},
        ],
    )
    arn = start(account, family)
    task = ended(account, arn)
    [told] = [json.loads(line) for line in lines(account, family, arn)]

    assert (task["stopCode"], task["containers"][0]["exitCode"]) == ("EssentialContainerExited", 0)
    assert task["createdAt"] <= task["startedAt"] <= task["stoppedAt"]
    assert told == {
        "variables": {
            "GREETING": "good day",
            "GIVEN": "by the definition",
            "PASSWORD": "hidden",
            "PARAMETER": "kept",
            "HOME": None,
            "USER": None,
        },
        "role": role("task"),
        "data": "42",
        "folder": "app",
    }


def test_an_override_replaces_the_command_and_a_failure_keeps_its_code_and_last_words(
    account: Gateway,
) -> None:
    family = define(account, "failing")
    arn = start(account, family, "fail")
    task = ended(account, arn)

    assert task["containers"][0]["exitCode"] == 3
    assert task["stoppedReason"] == "Essential container in task exited"
    assert lines(account, family, arn)[-1] == "the model x failed"


def test_a_stopped_task_ends_with_the_reason_given(account: Gateway) -> None:
    ecs = account.client("ecs")
    family = define(account, "sleeping")
    arn = start(account, family, "sleep")
    ecs.get_waiter("tasks_running").wait(
        cluster="test", tasks=[arn], WaiterConfig={"Delay": 1, "MaxAttempts": 30}
    )
    running = ecs.list_tasks(cluster="test", family=family, startedBy="the tests")["taskArns"]
    counted = ecs.describe_clusters(clusters=["test"])["clusters"][0]["runningTasksCount"]
    ecs.stop_task(cluster="test", task=arn, reason="enough")
    task = ended(account, arn)

    assert (running, counted) == ([arn], 1)
    assert (task["stopCode"], task["stoppedReason"]) == ("UserInitiated", "enough")
    assert task["containers"][0]["exitCode"] == 143
    assert ecs.list_tasks(cluster="test", family=family)["taskArns"] == []


@pytest.mark.parametrize(
    ("container", "reason"),
    [
        (
            {"image": f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/{REPOSITORY}:none"},
            "CannotPullContainerError",
        ),
        ({"image": "nginx:1"}, "CannotPullContainerError"),
        ({"secrets": [{"name": "A", "valueFrom": "/test/none"}]}, "ResourceInitializationError"),
    ],
)
def test_what_cannot_start_says_why(account: Gateway, container: dict[str, Any], reason: str) -> None:
    task = ended(account, start(account, define(account, "broken", **container)))

    assert task["stopCode"] == "TaskFailedToStart"
    assert task["stoppedReason"].startswith(reason)
    assert "exitCode" not in task["containers"][0]


def test_requests_that_fargate_refuses_are_refused(account: Gateway) -> None:
    ecs = account.client("ecs")
    family = define(account, "refused")
    network = {"awsvpcConfiguration": {"subnets": ["subnet-1"]}}

    with pytest.raises(ClientError, match="Cluster not found"):
        ecs.run_task(cluster="none", taskDefinition=family, networkConfiguration=network)
    with pytest.raises(ClientError, match="Network Configuration must be provided"):
        ecs.run_task(cluster="test", taskDefinition=family)
    with pytest.raises(ClientError, match="is not a container in the TaskDefinition"):
        ecs.run_task(
            cluster="test",
            taskDefinition=family,
            networkConfiguration=network,
            overrides={"containerOverrides": [{"name": "other"}]},
        )
    with pytest.raises(ClientError, match="not emulated"):
        ecs.create_service(cluster="test", serviceName="s", taskDefinition=family)
    assert ecs.describe_tasks(cluster="test", tasks=["0" * 32])["failures"][0]["reason"] == "MISSING"
