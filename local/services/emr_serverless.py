"""EMR Serverless: applications. Their job runs are in emr_serverless_runs.py, and run on Apache Spark."""

from __future__ import annotations

import threading
import time
import uuid
from datetime import UTC, datetime
from typing import Any

from local.services.emr_requests import NOT_RUN_HERE
from local.services.service import Request, Service, ServiceError

service = Service("emr-serverless")
applications: dict[str, dict[str, Any]] = service.state("applications")
runs: dict[str, dict[str, Any]] = service.state("runs")
"""By id of the run, in the order that they were started."""
changed = threading.Condition(threading.RLock())
"""Held by whoever changes a record, notified of each change."""

START_SECONDS = 0.3
RUNNING_STATES = frozenset({"SUBMITTED", "PENDING", "SCHEDULED", "QUEUED", "RUNNING", "CANCELLING"})
STARTED, STOPPED = "STARTED", "STOPPED"
GIVEN = (
    *("initialCapacity", "maximumCapacity", "networkConfiguration", "architecture", "runtimeConfiguration"),
    *("monitoringConfiguration", "schedulerConfiguration", "interactiveConfiguration"),
    *("autoStartConfiguration", "autoStopConfiguration", "releaseLabel", "diskEncryptionConfiguration"),
)
"""Members that an application has as they were given."""


@service.operation("CreateApplication")
def create_application(request: Request) -> dict[str, Any]:
    """Make a Spark application; it is CREATED at once."""
    given = request.params
    if given["releaseLabel"].startswith(NOT_RUN_HERE):
        raise _invalid(f"{given['releaseLabel']} is not run here: it has another Spark than the one that is")
    if given["type"].lower() != "spark":
        raise _invalid(f"Applications of type {given['type']} are not emulated, those of Spark are")
    if "imageConfiguration" in given or "workerTypeSpecifications" in given:
        raise _invalid("Custom images are not emulated")
    identity = uuid.uuid4().hex[:16]
    arn = f"arn:aws:emr-serverless:{request.region}:{request.account}:/applications/{identity}"
    now = datetime.now(UTC)
    record: dict[str, Any] = {
        "applicationId": identity,
        "arn": arn,
        "type": "Spark",
        "state": "CREATED",
        "createdAt": now,
        "updatedAt": now,
        "architecture": "X86_64",
        "autoStartConfiguration": {"enabled": True},
        "autoStopConfiguration": {"enabled": True, "idleTimeoutMinutes": 15},
        "tags": dict(given.get("tags", {})),
        **({"name": given["name"]} if "name" in given else {}),
    }
    _apply(record, given)
    with changed:
        applications[identity] = record
    return {key: record[key] for key in ("applicationId", "name", "arn") if key in record}


@service.operation("GetApplication")
def get_application(request: Request) -> dict[str, Any]:
    """One application."""
    return {"application": application_of(request)}


@service.operation("ListApplications")
def list_applications(request: Request) -> dict[str, Any]:
    """Applications, in some states only if states are given."""
    states = request.params.get("states") or []
    shown = ("name", "arn", "releaseLabel", "type", "state", "createdAt", "updatedAt", "architecture")
    return {
        "applications": [
            {"id": identity, **{key: record[key] for key in shown if key in record}}
            for identity, record in applications.items()
            if not states or record["state"] in states
        ]
    }


@service.operation("UpdateApplication")
def update_application(request: Request) -> dict[str, Any]:
    """Change an application that does not run."""
    with changed:
        record = application_of(request)
        if record["state"] not in {"CREATED", STOPPED}:
            raise _invalid(f"The application is {record['state']}: stop it before it is updated")
        _apply(record, request.params)
        record["updatedAt"] = datetime.now(UTC)
    return {"application": record}


@service.operation("StartApplication")
def start_application(request: Request) -> dict[str, Any]:
    """Start an application, as the first job run of one that starts by itself does."""
    start(application_of(request))
    return {}


@service.operation("StopApplication")
def stop_application(request: Request) -> dict[str, Any]:
    """Stop an application that has no run any more."""
    with changed:
        record = application_of(request)
        if _busy(record):
            raise _invalid("The application has running jobs: cancel them first")
        _state(record, STOPPED)
    return {}


@service.operation("DeleteApplication")
def delete_application(request: Request) -> dict[str, Any]:
    """Delete an application that does not run."""
    with changed:
        record = application_of(request)
        if record["state"] == STARTED and _busy(record):
            raise _invalid("The application has running jobs: cancel them first")
        if record["state"] == STARTED and not record["autoStopConfiguration"]["enabled"]:
            raise _invalid("The application is STARTED: stop it first")
        _state(record, "TERMINATED")
        del applications[record["applicationId"]]
    return {}


@service.operation("TagResource")
def tag_resource(request: Request) -> dict[str, Any]:
    """Add tags to an application or a run."""
    _tagged(request).update(request.params["tags"])
    return {}


@service.operation("UntagResource")
def untag_resource(request: Request) -> dict[str, Any]:
    """Take tags from an application or a run."""
    for key in request.params["tagKeys"]:
        _tagged(request).pop(key, None)
    return {}


@service.operation("ListTagsForResource")
def list_tags_for_resource(request: Request) -> dict[str, Any]:
    """Tags of an application or a run."""
    return {"tags": _tagged(request)}


@service.resource(
    *("GetApplication", "UpdateApplication", "StartApplication", "StopApplication", "DeleteApplication"),
    *("StartJobRun", "ListJobRuns"),
)
def application_arn(request: Request) -> str:
    """The application that policies are held against."""
    identity = request.params.get("applicationId", "*")
    return f"arn:aws:emr-serverless:{request.region}:{request.account}:/applications/{identity}"


@service.resource("GetJobRun", "CancelJobRun", "GetDashboardForJobRun")
def run_arn(request: Request) -> str:
    """The run that policies are held against."""
    return f"{application_arn(request)}/jobruns/{request.params.get('jobRunId', '*')}"


def application_of(request: Request) -> dict[str, Any]:
    """The application that the call names."""
    identity = request.params["applicationId"]
    if identity not in applications:
        raise ServiceError("ResourceNotFoundException", f"Application {identity} does not exist")
    return applications[identity]


def start(record: dict[str, Any]) -> None:
    """Bring an application to STARTED."""
    with changed:
        if record["state"] == STARTED:
            return
        _state(record, "STARTING")
    time.sleep(START_SECONDS)
    with changed:
        _state(record, STARTED)


def _apply(record: dict[str, Any], given: dict[str, Any]) -> None:
    record.update({name: given[name] for name in GIVEN if name in given})


def _busy(record: dict[str, Any]) -> bool:
    return any(
        run["applicationId"] == record["applicationId"] and run["state"] in RUNNING_STATES
        for run in runs.values()
    )


def _state(record: dict[str, Any], state: str) -> None:
    record.update(state=state, updatedAt=datetime.now(UTC))
    changed.notify_all()


def _tagged(request: Request) -> dict[str, str]:
    arn = request.params["resourceArn"]
    for record in (*applications.values(), *runs.values()):
        if record["arn"] == arn:
            found: dict[str, str] = record["tags"]
            return found
    raise ServiceError("ResourceNotFoundException", f"{arn} does not exist")


def _invalid(message: str) -> ServiceError:
    return ServiceError("ValidationException", message)
