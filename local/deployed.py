"""What follows a deploy and cannot be part of it: the database gets its roles, CodeBuild builds the images.

Rules start both on the events of their stacks. EventBridge may miss the first event after a rule is made, and
a build may fail, so this looks whether they have happened, waits, and does what is missing.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from local.errors import UserFacingError

Client = Callable[[str], Any]
"""The name of a service → a boto3 client of it."""
Say = Callable[[str], None]
PROJECT = "refstack"
PREPARES = "RolesPrepareDatabase"
"""What the logical id of the function begins with that makes the database's roles."""
PAUSE_SECONDS = 10.0
PATIENCE = 6
"""Pauses without a running build after which no rule is going to start the next one."""


def finish(client: Client, env: str, say: Say, *, pause: float = PAUSE_SECONDS) -> None:
    """Make the database's roles and wait for the images of `env`, if it has the stacks that have them.

    Raises UserFacingError when the roles cannot be made, or an image is not built in the end. Who may not do
    these things is told so: they have been started, and only the look is missing.
    """
    try:
        prepare_database(client, env, say)
        build_images(client, env, say, pause=pause)
    except ClientError as error:
        if "AccessDenied" not in error.response["Error"]["Code"]:
            raise
        say(
            "Could not check that the database has its roles and that the images are built "
            f"({error.response['Error']['Message']}): docs/containers.md says how to see it."
        )


def prepare_database(client: Client, env: str, say: Say) -> None:
    """Invoke the function that makes the database's roles; where they are it changes nothing."""
    for logical_id, function in _resources(client, env, "database", "AWS::Lambda::Function"):
        if not logical_id.startswith(PREPARES):
            continue
        answer = client("lambda").invoke(FunctionName=function, Payload=b"{}")
        found = json.loads(answer["Payload"].read())
        if "FunctionError" in answer:
            raise UserFacingError(
                f"The roles of the database could not be made: {found.get('errorMessage')}. When that is "
                f"mended: aws lambda invoke --function-name {function} /dev/stdout"
            )
        say(f"The database has the roles {', '.join(found['roles'])}.")


def build_images(client: Client, env: str, say: Say, *, pause: float = PAUSE_SECONDS) -> None:
    """Wait until each image is in its repository; start the builds that nothing else starts, once each."""
    projects = [name for _, name in _resources(client, env, "containers", "AWS::CodeBuild::Project")]
    codebuild, started, idle, told = client("codebuild"), set[str](), 0, False
    while missing := _unbuilt(client, projects):
        if not told:
            say(f"CodeBuild builds {', '.join(missing)} ...")
            told = True
        if _running(client, projects):
            idle = 0
        elif idle < PATIENCE:
            idle += 1
        else:
            left = [name for name in missing if name not in started]
            if not left:
                raise UserFacingError(
                    f"{', '.join(missing)} did not end with an image; their log groups say why. "
                    f"Start them again: aws codebuild start-build --project-name {missing[0]}"
                )
            say(f"Nothing has started {left[0]}: starting it.")
            try:
                codebuild.start_build(projectName=left[0])
            except codebuild.exceptions.AccountLimitExceededException as error:
                raise UserFacingError(
                    f"CodeBuild does not build {left[0]}: {error}. Ask for a higher quota (Service Quotas, "
                    "CodeBuild, L-5ED1D25B), then deploy again."
                ) from error
            started.add(left[0])
            idle = 0
        time.sleep(pause)


def _resources(client: Client, env: str, stack: str, kind: str) -> list[tuple[str, str]]:
    """Logical and physical ids of a deployed stack's resources of one type; none if it is not deployed."""
    cloudformation = client("cloudformation")
    pages = cloudformation.get_paginator("list_stack_resources").paginate(
        StackName=f"{PROJECT}-{env}-{stack}"
    )
    try:
        found = [each for page in pages for each in page["StackResourceSummaries"]]
    except ClientError as error:
        if "does not exist" in error.response["Error"]["Message"]:
            return []
        raise
    return [
        (each["LogicalResourceId"], each["PhysicalResourceId"])
        for each in found
        if each["ResourceType"] == kind
    ]


def _unbuilt(client: Client, projects: list[str]) -> list[str]:
    """Those of the projects whose repository lacks the tag that they build."""
    if not projects:
        return []
    ecr, unbuilt = client("ecr"), []
    for project in client("codebuild").batch_get_projects(names=projects)["projects"]:
        named = {one["name"]: one["value"] for one in project["environment"]["environmentVariables"]}
        wanted = [{"imageTag": named["TAG"]}]
        try:
            found = ecr.describe_images(repositoryName=named["REPOSITORY"], imageIds=wanted)["imageDetails"]
        except ecr.exceptions.ImageNotFoundException:
            found = []
        if not found:
            unbuilt.append(project["name"])
    return unbuilt


def _running(client: Client, projects: list[str]) -> bool:
    """Whether the last build of any of the projects has not ended."""
    codebuild = client("codebuild")
    last = [
        identifier
        for project in projects
        for identifier in codebuild.list_builds_for_project(projectName=project)["ids"][:1]
    ]
    found = codebuild.batch_get_builds(ids=last)["builds"] if last else []
    return any(build["buildStatus"] == "IN_PROGRESS" for build in found)
