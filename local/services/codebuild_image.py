"""What a build does here: it makes the image of a Dockerfile without Docker, and puts it in ECR.

The commands of the project's build specification are not run. A project is taken for what the platform makes
of it: its source is a zipped build context in S3, its variables REPOSITORY and TAG name the image. All calls
are made with the project's service role.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

import yaml  # type: ignore[import-untyped]
from botocore.exceptions import BotoCoreError, ClientError

from local.engines.image import BuildError, build
from local.services.clients import client
from local.services.ecs_start import SOURCE
from local.services.log_batches import batches

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
BAD_YAML = "YAML_FILE_ERROR"
EMPTY = "application/vnd.oci.empty.v1+json"


class FailedBuildError(Exception):
    """A build that failed; the text is its phase's message, `code` the phase's status code."""

    def __init__(self, message: str, code: str = "COMMAND_EXECUTION_ERROR") -> None:
        super().__init__(message)
        self.code = code


def build_image(project: dict[str, Any], build_id: str) -> None:
    """Make and push the image that a project names, unless its tag is there. Raises FailedBuildError."""
    variables = {one["name"]: one["value"] for one in project["environment"].get("environmentVariables", [])}
    repository, tag = variables.get("REPOSITORY"), variables.get("TAG")
    source = project["source"]
    if "buildspec" in source:
        _check(source["buildspec"])
    if source["type"] != "S3" or not repository or not tag:
        raise FailedBuildError(
            "Only builds of an image are emulated: a build context in S3, variables REPOSITORY and TAG."
        )
    session = f"AWSCodeBuild-{build_id.rpartition(':')[2]}"
    try:
        said = _push(project["serviceRole"], session, repository, tag, source["location"])
        _log(project, session, build_id, [said])
    except (ClientError, BotoCoreError, BuildError) as problem:
        _log(project, session, build_id, [str(problem)])
        raise FailedBuildError(str(problem)) from problem


def _check(text: str) -> None:
    """Refuse a build specification that CodeBuild could not read. Raises FailedBuildError.

    https://docs.aws.amazon.com/codebuild/latest/userguide/build-spec-ref.html
    """
    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError as problem:
        raise FailedBuildError(f"The build specification is not YAML: {problem}", BAD_YAML) from problem
    if not isinstance(found, dict) or not isinstance(found.get("phases"), dict):
        raise FailedBuildError("The build specification has no phases", BAD_YAML)
    if str(found.get("version")) not in ("0.1", "0.2"):
        raise FailedBuildError("The build specification has no known version", BAD_YAML)


def _push(role: str, session: str, repository: str, tag: str, location: str) -> str:
    ecr = client("ecr", role_arn=role, session_name=session)
    if _there(ecr, repository, tag):
        return f"{repository}:{tag} is there already"
    bucket, _, key = location.partition("/")
    s3 = client("s3", role_arn=role, session_name=session)
    context = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {
                "mediaType": EMPTY,
                "digest": f"sha256:{hashlib.sha256(b'{}').hexdigest()}",
                "size": 2,
            },
            "layers": [],
            "annotations": {SOURCE: f"s3://{location}"},
        }
    )
    build(context, f"sha256:{hashlib.sha256(manifest.encode()).hexdigest()}")
    ecr.put_image(
        repositoryName=repository, imageManifest=manifest, imageManifestMediaType=MANIFEST, imageTag=tag
    )
    return f"{repository}:{tag} is pushed"


def _there(ecr: Any, repository: str, tag: str) -> bool:
    try:
        found = ecr.describe_images(repositoryName=repository, imageIds=[{"imageTag": tag}])
    except ecr.exceptions.ImageNotFoundException:
        return False
    # AWS raises; ministack answers with an empty list.
    return bool(found["imageDetails"])


def _log(project: dict[str, Any], session: str, build_id: str, lines: list[str]) -> None:
    """Put lines in the build's stream of the project's log group."""
    group = project.get("logsConfig", {}).get("cloudWatchLogs", {}).get("groupName")
    if group is None:
        return
    logs = client("logs", role_arn=project["serviceRole"], session_name=session)
    stream = build_id.rpartition(":")[2]
    logs.create_log_stream(logGroupName=group, logStreamName=stream)
    for batch in batches(lines):
        logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=batch)
