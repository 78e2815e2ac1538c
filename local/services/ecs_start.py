"""What ECS does before a container runs: pull its image, resolve its secrets, open its log stream.

All of it with the execution role; the program itself gets the task role's credentials, as on Fargate.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from local.engines import certificates
from local.engines.container import Container
from local.engines.image import BuildError, Image, build
from local.engines.role_credentials import RoleCredentials
from local.layout import home
from local.services.clients import client
from local.services.log_batches import batches

SOURCE = "refstack.context"
"""Annotation of a manifest that CodeBuild put: the S3 URI of the image's build context."""
DEFAULT_STOP_SECONDS = 30


class StartError(Exception):
    """A task that cannot start; the text is its stoppedReason."""


@dataclass(frozen=True)
class Started:
    """A container that is ready to run."""

    container: Container
    digest: str
    write: Callable[[list[str]], None]
    """Puts lines in the container's log stream."""
    close: Callable[[], None]
    """Ends the container's credentials."""


def start(task: dict[str, Any], definition: dict[str, Any]) -> Started:
    """Prepare the one container of a task. Raises StartError."""
    [given] = definition["containerDefinitions"]
    [override] = task["overrides"].get("containerOverrides", []) or [{}]
    identifier = task["taskArn"].rpartition("/")[2]
    role = task["overrides"].get("executionRoleArn") or definition.get("executionRoleArn")
    session = f"ecs-{identifier}"
    secrets = _secrets(given.get("secrets", []), role, session)
    write = _log_stream(given.get("logConfiguration"), f"{given['name']}/{identifier}", role, session)
    image, digest = _pull(given["image"], role, session)
    task_role = task["overrides"].get("taskRoleArn") or definition.get("taskRoleArn")
    credentials = RoleCredentials(task_role, identifier) if task_role else None
    environment = {
        **_environment(given),
        **secrets,
        **_environment(override),
        **(credentials.environment() if credentials else {}),
        "AWS_EXECUTION_ENV": "AWS_ECS_FARGATE",
        "SSL_CERT_FILE": str(certificates.bundle()),
    }
    container = Container(
        name=identifier,
        image=image,
        folder=home() / "ecs" / identifier,
        command=override.get("command") or given.get("command") or [],
        environment=environment,
        mounts=[each["containerPath"] for each in given.get("mountPoints", [])] + image.stage.volumes,
        stop_seconds=given.get("stopTimeout", DEFAULT_STOP_SECONDS),
    )
    container.folder.mkdir(parents=True, exist_ok=True)
    return Started(container, digest, write, credentials.close if credentials else lambda: None)


def _environment(given: dict[str, Any]) -> dict[str, str]:
    return {one["name"]: one.get("value", "") for one in given.get("environment", [])}


def _pull(image: str, role: str | None, session: str) -> tuple[Image, str]:
    """The image of this name in the account's registry, and its digest."""
    registry, _, path = image.partition("/")
    repository, _, tag = path.partition(":")
    if ".dkr.ecr." not in registry:
        raise StartError(
            f"CannotPullContainerError: {image}: only images of this account's ECR are there here"
        )
    ecr = client("ecr", role_arn=role, session_name=session)
    try:
        ecr.get_authorization_token()
        found = ecr.batch_get_image(repositoryName=repository, imageIds=[{"imageTag": tag or "latest"}])
    except (ClientError, BotoCoreError) as problem:
        raise StartError(f"CannotPullContainerError: {image}: {problem}") from problem
    if not found["images"]:
        raise StartError(
            "CannotPullContainerError: pull image manifest has been retried 1 time(s): "
            f"failed to resolve ref {image}: {image}: not found"
        )
    digest = str(found["images"][0]["imageId"]["imageDigest"])
    known = Image.open(digest)
    if known is not None:
        return known, digest
    source = json.loads(found["images"][0]["imageManifest"]).get("annotations", {}).get(SOURCE)
    if source is None:
        raise StartError(f"CannotPullContainerError: {image}: it was not built by CodeBuild here")
    bucket, _, key = source.removeprefix("s3://").partition("/")
    try:
        # The layers are the registry's to read, not the execution role's.
        return build(client("s3").get_object(Bucket=bucket, Key=key)["Body"].read(), digest), digest
    except (ClientError, BotoCoreError, BuildError) as problem:
        raise StartError(f"CannotPullContainerError: {image}: {problem}") from problem


def _secrets(wanted: list[dict[str, str]], role: str | None, session: str) -> dict[str, str]:
    """Values of the variables that the definition takes from Secrets Manager or Systems Manager."""
    found = {}
    for one in wanted:
        try:
            found[one["name"]] = _secret(one["valueFrom"], role, session)
        except (ClientError, BotoCoreError, KeyError, ValueError) as problem:
            raise StartError(
                "ResourceInitializationError: unable to pull secrets or registry auth: execution resource "
                f"retrieval failed: unable to retrieve secret {one['valueFrom']}: {problem}"
            ) from problem
    return found


def _secret(reference: str, role: str | None, session: str) -> str:
    """The value of `arn:…:secret:name[:key[:stage[:version]]]`, or of a parameter by ARN or name."""
    parts = reference.split(":")
    if len(parts) < 7 or parts[2] != "secretsmanager":
        name = "/" + reference.partition(":parameter/")[2] if reference.startswith("arn:") else reference
        parameters = client("ssm", role_arn=role, session_name=session)
        return str(parameters.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"])
    key, stage, version = [*parts[7:], "", "", ""][:3]
    secrets = client("secretsmanager", role_arn=role, session_name=session)
    text = secrets.get_secret_value(
        SecretId=":".join(parts[:7]),
        **({"VersionStage": stage} if stage else {}),
        **({"VersionId": version} if version else {}),
    )["SecretString"]
    return str(json.loads(text)[key]) if key else str(text)


def _log_stream(
    configuration: dict[str, Any] | None, name: str, role: str | None, session: str
) -> Callable[[list[str]], None]:
    """What puts lines in the stream `<prefix>/<container>/<task id>` of the container's log group."""
    if configuration is None:
        return lambda lines: None
    options = configuration["options"]
    group, stream = options["awslogs-group"], f"{options['awslogs-stream-prefix']}/{name}"
    logs = client("logs", role_arn=role, session_name=session)
    try:
        logs.create_log_stream(logGroupName=group, logStreamName=stream)
    except (ClientError, BotoCoreError) as problem:
        raise StartError(
            f"ResourceInitializationError: failed to validate logger args: create stream {stream}: {problem}"
        ) from problem

    def write(lines: list[str]) -> None:
        for batch in batches(lines):
            logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=batch)

    return write
