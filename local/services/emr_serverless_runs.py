"""Job runs of EMR Serverless: each is one spark-submit with the credentials of its execution role.

A run in STREAMING mode that fails is tried again, as its retry policy says; its logs are delivered when an
attempt ends. A streaming run takes no turn among the batch programs: it would never give it back.
"""

from __future__ import annotations

import gzip
import shlex
import threading
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError

from local.engines.spark import Job, Outcome
from local.engines.spark import run as run_spark
from local.engines.spark_failure import failure_message
from local.engines.spark_submit import Submission, SubmitError, parse
from local.event_bus import publish
from local.layout import home
from local.services.clients import client
from local.services.emr_serverless import (
    RUNNING_STATES,
    STARTED,
    application_of,
    applications,
    changed,
    runs,
    service,
    start,
)
from local.services.service import Request, ServiceError

SESSION = "emr-serverless"
FAILURES_AN_HOUR = 5
"""After so many in an hour a streaming run is given up, unless its policy says otherwise."""
DRIVER_VARIABLE = "spark.emr-serverless.driverEnv."
PAGE = 50

_cancellations: dict[str, threading.Event] = {}


@service.operation("StartJobRun")
def start_job_run(request: Request) -> dict[str, Any]:
    """Submit a Spark program; an application that starts by itself is started."""
    given, application = request.params, application_of(request)
    if "sparkSubmit" not in given.get("jobDriver", {}):
        raise ServiceError("ValidationException", "Only the job driver sparkSubmit is emulated")
    if application["state"] != STARTED and not application["autoStartConfiguration"]["enabled"]:
        raise ServiceError("ValidationException", "The application is not started, and does not by itself")
    submission_of(application, given)
    identity = uuid.uuid4().hex[:16]
    now = datetime.now(UTC)
    record: dict[str, Any] = {
        "applicationId": application["applicationId"],
        "jobRunId": identity,
        "arn": f"{application['arn']}/jobruns/{identity}",
        "createdBy": request.caller,
        "createdAt": now,
        "updatedAt": now,
        "executionRole": given["executionRoleArn"],
        "state": "SUBMITTED",
        "stateDetails": "",
        "releaseLabel": application["releaseLabel"],
        "mode": "BATCH",
        "attempt": 1,
        "tags": dict(given.get("tags", {})),
        **{
            name: given[name]
            for name in (
                *("name", "mode", "configurationOverrides", "jobDriver", "executionTimeoutMinutes"),
                *("retryPolicy", "executionIamPolicy"),
            )
            if name in given
        },
    }
    if "networkConfiguration" in application:
        record["networkConfiguration"] = application["networkConfiguration"]
    with changed:
        runs[identity] = record
        _cancellations[identity] = threading.Event()
    threading.Thread(target=_live, args=(record,), name=f"emr-serverless-{identity}", daemon=True).start()
    return {"applicationId": application["applicationId"], "jobRunId": identity, "arn": record["arn"]}


@service.operation("GetJobRun")
def get_job_run(request: Request) -> dict[str, Any]:
    """One job run."""
    return {"jobRun": _run_of(request)}


@service.operation("ListJobRuns")
def list_job_runs(request: Request) -> dict[str, Any]:
    """Job runs of an application, the last one first, in some states or of a mode only if asked for."""
    given, identity = request.params, application_of(request)["applicationId"]
    shown = (
        *("applicationId", "name", "mode", "arn", "createdBy", "createdAt", "updatedAt", "executionRole"),
        *("state", "stateDetails", "releaseLabel", "attempt"),
    )
    found = [
        {"id": run["jobRunId"], "type": "SPARK_SUBMIT", **{key: run[key] for key in shown if key in run}}
        for run in reversed(list(runs.values()))
        if run["applicationId"] == identity
        and run["state"] in (given.get("states") or [run["state"]])
        and run["mode"] == given.get("mode", run["mode"])
        and given.get("createdAtAfter", run["createdAt"]) <= run["createdAt"]
        and run["createdAt"] <= given.get("createdAtBefore", run["createdAt"])
    ]
    first, size = int(given.get("nextToken") or 0), int(given.get("maxResults") or PAGE)
    more = {"nextToken": str(first + size)} if len(found) > first + size else {}
    return {"jobRuns": found[first : first + size], **more}


@service.operation("CancelJobRun")
def cancel_job_run(request: Request) -> dict[str, Any]:
    """Stop a job run."""
    record = _run_of(request)
    with changed:
        if record["state"] in RUNNING_STATES:
            _state(record, "CANCELLING")
            _cancellations[record["jobRunId"]].set()
    return {"applicationId": record["applicationId"], "jobRunId": record["jobRunId"]}


@service.operation("GetDashboardForJobRun")
def get_dashboard_for_job_run(request: Request) -> dict[str, Any]:
    """Refused: Spark's user interface is off here."""
    _run_of(request)
    raise ServiceError(
        "ValidationException",
        "Spark's user interface is not served here: the logs are where the run's monitoring configuration "
        "puts them, or below emr-serverless/ in the local state",
    )


@service.on_restore
def restore() -> None:
    """Runs that an earlier gateway left have failed with it."""
    for record in runs.values():
        if record["state"] in RUNNING_STATES:
            record.update(state="FAILED", stateDetails="The embedded AWS was stopped meanwhile.")


def submission_of(application: dict[str, Any], given: dict[str, Any]) -> Submission:
    """The spark-submit that a run asks for, with the application's spark-defaults beneath its own.

    Raises ServiceError (ValidationException) for options that spark-submit refuses.
    """
    driver = given["jobDriver"]["sparkSubmit"]
    overrides = given.get("configurationOverrides", {}).get("applicationConfiguration", [])
    try:
        submission = parse([*shlex.split(driver.get("sparkSubmitParameters", "")), driver["entryPoint"]])
    except SubmitError as problem:
        raise ServiceError("ValidationException", str(problem)) from None
    submission.arguments = list(driver.get("entryPointArguments", []))
    submission.properties = {
        **_spark_defaults(application.get("runtimeConfiguration", [])),
        **_spark_defaults(overrides),
        **submission.properties,
    }
    return submission


def _spark_defaults(configurations: list[dict[str, Any]]) -> dict[str, str]:
    return {
        key: value
        for each in configurations
        if each.get("classification") == "spark-defaults"
        for key, value in each.get("properties", {}).items()
    }


def _run_of(request: Request) -> dict[str, Any]:
    record = runs.get(request.params["jobRunId"])
    if record is None or record["applicationId"] != application_of(request)["applicationId"]:
        raise ServiceError(
            "ResourceNotFoundException", f"Job run {request.params['jobRunId']} does not exist"
        )
    return record


def _live(record: dict[str, Any]) -> None:
    """Take a run to its end, over as many attempts as it has."""
    cancelled = _cancellations[record["jobRunId"]]
    application = applications[record["applicationId"]]
    _state(record, "PENDING")
    start(application)
    _state(record, "SCHEDULED")
    failures: list[float] = []
    while True:
        try:
            outcome = _attempt(application, record, cancelled)
            if outcome.succeeded:
                return _end(record, "SUCCESS", "")
            if outcome.cancelled:
                return _end(record, "CANCELLED", "Job run cancelled by the user.")
            reason = "Job run timed out." if outcome.timed_out else f"Job failed: {failure_message(outcome)}"
        except Exception as error:
            reason = f"Job failed: {type(error).__name__}: {error}"
        failures.append(time.monotonic())
        if cancelled.is_set() or not _tried_again(record, failures):
            return _end(record, "FAILED", reason[:256])
        with changed:
            record["attempt"] += 1
            _state(record, "SCHEDULED", reason[:256])


def _tried_again(record: dict[str, Any], failures: list[float]) -> bool:
    """Whether a run goes on after its failures, given when they were: a batch run is tried once."""
    policy = record.get("retryPolicy", {})
    if "maxAttempts" in policy or record["mode"] != "STREAMING":
        return bool(record["attempt"] < policy.get("maxAttempts", 1))
    recent = [moment for moment in failures if moment > time.monotonic() - 3600]
    return len(recent) < int(policy.get("maxFailedAttemptsPerHour", FAILURES_AN_HOUR))


def _attempt(application: dict[str, Any], record: dict[str, Any], cancelled: threading.Event) -> Outcome:
    identity, attempt = record["jobRunId"], record["attempt"]
    folder = home() / "emr-serverless" / application["applicationId"] / identity / str(attempt)
    submission = submission_of(application, record)
    variables = {
        key.removeprefix(DRIVER_VARIABLE): value
        for key, value in submission.properties.items()
        # Names of places in EMR's image mean nothing here.
        if key.startswith(DRIVER_VARIABLE) and key.rpartition(".")[2] not in {"PYSPARK_PYTHON", "JAVA_HOME"}
    }
    minutes = record.get("executionTimeoutMinutes") or None
    job = Job(
        name=f"{identity}-{attempt}",
        folder=folder,
        submission=submission,
        role_arn=record["executionRole"],
        session_name=SESSION,
        application_id=f"app-{identity}-{attempt}",
        environment=variables,
        timeout_seconds=None if minutes is None else minutes * 60.0,
        waits_for_turn=record["mode"] != "STREAMING",
    )
    started = time.monotonic()

    def running() -> None:
        with changed:
            record.setdefault("startedAt", datetime.now(UTC))
            _state(record, "RUNNING")

    outcome = run_spark(job, cancelled, running)
    record["totalExecutionDurationSeconds"] = int(time.monotonic() - started)
    _deliver_logs(application, record, folder)
    return outcome


def _deliver_logs(application: dict[str, Any], record: dict[str, Any], folder: Path) -> None:
    """Put the driver's output, gzipped, where the run or its application says in S3."""
    configured = {
        **application.get("monitoringConfiguration", {}),
        **record.get("configurationOverrides", {}).get("monitoringConfiguration", {}),
    }.get("s3MonitoringConfiguration", {})
    if "logUri" not in configured:
        return
    parts = urlsplit(configured["logUri"])
    below = f"applications/{record['applicationId']}/jobs/{record['jobRunId']}"
    if record["mode"] == "STREAMING":
        below += f"/attempts/{record['attempt']}"
    prefix = "/".join(part for part in (parts.path.strip("/"), below, "SPARK_DRIVER") if part)
    key = configured.get("encryptionKeyArn")
    encryption = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key} if key else {}
    try:
        s3 = client("s3", role_arn=record["executionRole"], session_name=SESSION)
        for name in ("stdout", "stderr"):
            content = gzip.compress((folder / name).read_bytes(), mtime=0)
            s3.put_object(Bucket=parts.netloc, Key=f"{prefix}/{name}.gz", Body=content, **encryption)
    except (ClientError, BotoCoreError) as problem:
        record["logsProblem"] = f"The logs were not delivered: {problem}"


def _end(record: dict[str, Any], state: str, details: str) -> None:
    with changed:
        record["endedAt"] = datetime.now(UTC)
        _state(record, state, details)


def _state(record: dict[str, Any], state: str, details: str | None = None) -> None:
    """Take a run into a state, and tell EventBridge so.

    https://docs.aws.amazon.com/emr/latest/EMR-Serverless-UserGuide/using-eventbridge.html
    """
    with changed:
        before = record["state"]
        record.update(state=state, updatedAt=datetime.now(UTC))
        if details is not None:
            record["stateDetails"] = details
        changed.notify_all()
    told = ("jobRunId", "name", "applicationId", "releaseLabel", "createdBy", "createdAt", "updatedAt")
    names = {"name": "jobRunName"}
    detail = {names.get(name, name): record[name] for name in told if name in record}
    detail |= {"state": state, "previousState": before}
    publish("aws.emr-serverless", "EMR Serverless Job Run State Change", detail)
