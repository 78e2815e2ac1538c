"""AWS CodeBuild, for projects that build a container image; see codebuild_image for what a build does."""

from __future__ import annotations

import copy
import threading
import uuid
from datetime import UTC, datetime
from typing import Any

from local.event_bus import publish
from local.services import service_quotas
from local.services.codebuild_image import FailedBuildError, build_image
from local.services.service import Request, Service

service = Service("codebuild", validation_error="InvalidInputException")
projects: dict[str, dict[str, Any]] = service.state("projects")
"""By name: what BatchGetProjects tells."""
builds: dict[str, dict[str, Any]] = service.state("builds")
"""By id: what BatchGetBuilds tells, the newest last."""

RUNNING_BUILDS = "L-5ED1D25B"
"""Quota of builds that run at a time on the small ARM machines that the projects ask for."""

_lock = threading.RLock()


def _now() -> datetime:
    return datetime.now(UTC)


def _project(name: str) -> dict[str, Any]:
    """The project of a name or ARN. Raises ResourceNotFoundException."""
    known = projects.get(name.rpartition("/")[2])
    if known is None:
        raise service.error("ResourceNotFoundException", f"Project cannot be found: {name}")
    return known


@service.resource("CreateProject", "UpdateProject", "DeleteProject", "StartBuild")
def project_arn(request: Request) -> str:
    """ARN of the project that the call names."""
    name = request.params.get("projectName") or request.params.get("name") or "*"
    return f"arn:aws:codebuild:{request.region}:{request.account}:project/{name.rpartition('/')[2]}"


@service.operation("CreateProject")
def create_project(request: Request) -> dict[str, Any]:
    name = request.params["name"]
    if name in projects:
        raise service.error("ResourceAlreadyExistsException", f"Project already exists: {name}")
    projects[name] = {
        "timeoutInMinutes": 60,
        **request.params,
        "arn": project_arn(request),
        "created": _now(),
        "lastModified": _now(),
    }
    return {"project": projects[name]}


@service.operation("UpdateProject")
def update_project(request: Request) -> dict[str, Any]:
    known = _project(request.params["name"])
    known.update({**request.params, "lastModified": _now()})
    return {"project": known}


@service.operation("DeleteProject")
def delete_project(request: Request) -> None:
    projects.pop(request.params["name"].rpartition("/")[2], None)


@service.operation("BatchGetProjects")
def batch_get_projects(request: Request) -> dict[str, Any]:
    names = request.params["names"]
    return {
        "projects": [copy.deepcopy(projects[name]) for name in names if name in projects],
        "projectsNotFound": [name for name in names if name not in projects],
    }


@service.operation("ListProjects")
def list_projects(request: Request) -> dict[str, Any]:
    return {"projects": sorted(projects)}


@service.operation("StartBuild")
def start_build(request: Request) -> dict[str, Any]:
    project = _project(request.params["projectName"])
    identifier = f"{project['name']}:{uuid.uuid4()}"
    with _lock:
        _refuse_above_quota()
        number = 1 + sum(1 for each in builds.values() if each["projectName"] == project["name"])
        build = {
            "id": identifier,
            "arn": f"arn:aws:codebuild:{request.region}:{request.account}:build/{identifier}",
            "buildNumber": number,
            "projectName": project["name"],
            "initiator": request.caller.rpartition(":")[2],
            "startTime": _now(),
            "buildStatus": "IN_PROGRESS",
            "buildComplete": False,
            "currentPhase": "BUILD",
            "phases": [],
            "source": project["source"],
            "environment": project["environment"],
            "serviceRole": project["serviceRole"],
            "timeoutInMinutes": project["timeoutInMinutes"],
        }
        builds[identifier] = build
    answer = copy.deepcopy(build)
    threading.Thread(target=_execute, args=(copy.deepcopy(project), build), daemon=True).start()
    return {"build": answer}


def _refuse_above_quota() -> None:
    """Raise AccountLimitExceededException when the account runs as many builds as it may.

    CodeBuild documents a queue of five times the quota; new accounts report that they have none:
    https://github.com/awslabs/landing-zone-accelerator-on-aws/issues/249
    """
    quota = round(service_quotas.applied("codebuild", RUNNING_BUILDS))
    if sum(1 for build in builds.values() if not build["buildComplete"]) >= quota:
        raise service.error(
            "AccountLimitExceededException", f"Cannot have more than {quota} builds in queue for the account"
        )


def _execute(project: dict[str, Any], build: dict[str, Any]) -> None:
    """Take a build to its end."""
    started = _now()
    try:
        build_image(project, build["id"])
        status, contexts = "SUCCEEDED", []
    except FailedBuildError as problem:
        status, contexts = "FAILED", [{"statusCode": problem.code, "message": str(problem)}]
    except Exception as problem:
        text = f"{type(problem).__name__}: {problem}"
        status, contexts = "FAILED", [{"statusCode": "COMMAND_EXECUTION_ERROR", "message": text}]
    ended = _now()
    phase = {
        "phaseType": "BUILD",
        "phaseStatus": status,
        "startTime": started,
        "endTime": ended,
        "durationInSeconds": round((ended - started).total_seconds()),
        "contexts": contexts,
    }
    with _lock:
        build.update(
            buildStatus=status, buildComplete=True, currentPhase="COMPLETED", endTime=ended, phases=[phase]
        )
    # https://docs.aws.amazon.com/codebuild/latest/userguide/sample-build-notifications.html
    detail = {
        "build-status": status,
        "project-name": project["name"],
        "build-id": build["arn"],
        "current-phase": "COMPLETED",
        "current-phase-context": f"[: {contexts[0]['message']}]" if contexts else "[]",
        "version": "1",
    }
    publish("aws.codebuild", "CodeBuild Build State Change", detail, [build["arn"]])


@service.operation("BatchGetBuilds")
def batch_get_builds(request: Request) -> dict[str, Any]:
    ids = request.params["ids"]
    with _lock:
        return {
            "builds": [copy.deepcopy(builds[each]) for each in ids if each in builds],
            "buildsNotFound": [each for each in ids if each not in builds],
        }


@service.operation("ListBuildsForProject")
def list_builds_for_project(request: Request) -> dict[str, Any]:
    """The newest first."""
    name = _project(request.params["projectName"])["name"]
    found = [identifier for identifier, build in builds.items() if build["projectName"] == name]
    return {"ids": found if request.params.get("sortOrder") == "ASCENDING" else found[::-1]}


@service.on_restore
def resume() -> None:
    """Builds that ran when an earlier gateway stopped have ended with it."""
    for build in builds.values():
        if not build["buildComplete"]:
            build.update(buildStatus="STOPPED", buildComplete=True, currentPhase="COMPLETED", endTime=_now())
