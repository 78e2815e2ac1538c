"""Runs of Glue jobs: started, watched, stopped, timed out, retried; each is one Spark program."""

from __future__ import annotations

import copy
import threading
import uuid
from datetime import datetime
from hashlib import sha256
from typing import Any

from local.engines.spark import run as run_spark
from local.engines.spark_failure import failure_message
from local.layout import ACCOUNT, home
from local.services.glue import capacity_of, jobs, known_job, not_found, now, page, role_arn, service
from local.services.glue_script import JobError, deliver_logs, log_group, spark_job
from local.services.service import Request

ACTIVE = frozenset({"STARTING", "RUNNING", "STOPPING", "WAITING"})
runs: dict[str, list[dict[str, Any]]] = service.state("runs")
"""By job name: what GetJobRun tells of each run, the newest last."""

_lock = threading.RLock()
_stops: dict[str, threading.Event] = {}
"""What stops a run that is active, by run id."""


@service.operation("StartJobRun")
def start_job_run(request: Request) -> dict[str, Any]:
    given = request.params
    if given["JobName"] not in jobs:
        raise not_found("Failed to start job run due to missing metadata.")
    job = known_job(given["JobName"])
    limit = job["ExecutionProperty"].get("MaxConcurrentRuns", 1)
    with _lock:
        active = [run for run in runs.get(job["Name"], []) if run["JobRunState"] in ACTIVE]
        if len(active) >= limit:
            raise service.error(
                "ConcurrentRunsExceededException", f"Concurrent runs exceeded for {job['Name']}"
            )
        return {"JobRunId": _start(job, given, attempt=0)}


def _start(job: dict[str, Any], given: dict[str, Any], *, attempt: int, previous: str | None = None) -> str:
    """Record a run and let it go; its id."""
    base = previous.partition("_attempt_")[0] if previous else f"jr_{sha256(uuid.uuid4().bytes).hexdigest()}"
    run_id = f"{base}_attempt_{attempt}" if previous else base
    capacity = capacity_of({**job_capacity(job), **{key: given[key] for key in CAPACITY if key in given}})
    run = {
        "Id": run_id,
        "Attempt": attempt,
        "JobName": job["Name"],
        "JobMode": job["JobMode"],
        "JobRunState": "STARTING",
        "StartedOn": now(),
        "LastModifiedOn": now(),
        "Arguments": given.get("Arguments", {}),
        "PredecessorRuns": [],
        "ExecutionTime": 0,
        "Timeout": given.get("Timeout", job["Timeout"]),
        "LogGroupName": log_group(job),
        "GlueVersion": job["GlueVersion"],
        "ExecutionClass": given.get("ExecutionClass", job["ExecutionClass"]),
        **capacity,
        **({"PreviousRunId": previous} if previous else {}),
        **(
            {"SecurityConfiguration": job["SecurityConfiguration"]}
            if job.get("SecurityConfiguration")
            else {}
        ),
    }
    with _lock:
        runs.setdefault(job["Name"], []).append(run)
        _stops[run_id] = threading.Event()
    definition = copy.deepcopy(job)
    threading.Thread(target=_execute, args=(definition, run, given), name=run_id[:20], daemon=True).start()
    return run_id


CAPACITY = ("NumberOfWorkers", "WorkerType", "MaxCapacity")


def job_capacity(job: dict[str, Any]) -> dict[str, Any]:
    """Capacity members as the job's author gave them."""
    names = ("NumberOfWorkers", "WorkerType") if "WorkerType" in job else ("MaxCapacity",)
    return {name: job[name] for name in names if name in job}


def _execute(job: dict[str, Any], run: dict[str, Any], given: dict[str, Any]) -> None:
    """Run the program to its end, then deliver its logs and note how it ended."""
    started: list[datetime] = []

    def on_start() -> None:
        with _lock:
            started.append(now())
            if run["JobRunState"] == "STARTING":
                run.update(JobRunState="RUNNING", LastModifiedOn=now())

    message = ""
    try:
        folder = home() / "glue" / run["Id"]
        arn = role_arn(job["Role"], ACCOUNT)
        outcome = run_spark(spark_job(job, run, arn, folder), _stops[run["Id"]], on_start)
        if outcome.timed_out:
            ended, message = "TIMEOUT", f"Job run exceeded its timeout of {run['Timeout']} minutes."
        elif outcome.cancelled:
            ended = "STOPPED"
        elif outcome.succeeded:
            ended = "SUCCEEDED"
        else:
            ended, message = "FAILED", failure_message(outcome)
        undelivered = deliver_logs(job, run, arn, outcome)
        message = "; ".join(part for part in (message, undelivered) if part)
    except JobError as problem:
        ended, message = "FAILED", str(problem)
    except Exception as problem:
        ended, message = "FAILED", f"{type(problem).__name__}: {problem}"
    with _lock:
        del _stops[run["Id"]]
        moment = now()
        seconds = (moment - started[0]).total_seconds() if started else 0
        run.update(JobRunState=ended, CompletedOn=moment, LastModifiedOn=moment, ExecutionTime=round(seconds))
        if message:
            run["ErrorMessage"] = message
        if ended == "FAILED" and run["Attempt"] < job["MaxRetries"] and job["Name"] in jobs:
            _start(job, given, attempt=run["Attempt"] + 1, previous=run["Id"])


@service.operation("GetJobRun")
def get_job_run(request: Request) -> dict[str, Any]:
    with _lock:
        for run in runs.get(known_job(request.params["JobName"])["Name"], []):
            if run["Id"] == request.params["RunId"]:
                return {"JobRun": _shown(run)}
    raise not_found(f"Job run {request.params['RunId']} is not found.")


@service.operation("GetJobRuns")
def get_job_runs(request: Request) -> dict[str, Any]:
    """The newest run first."""
    with _lock:
        found = [_shown(run) for run in reversed(runs.get(known_job(request.params["JobName"])["Name"], []))]
    return page(found, request.params, "JobRuns")


def _shown(run: dict[str, Any]) -> dict[str, Any]:
    shown = copy.deepcopy(run)
    if run["JobRunState"] == "RUNNING":
        shown["ExecutionTime"] = round((now() - run["LastModifiedOn"]).total_seconds())
    return shown


@service.operation("BatchStopJobRun")
def batch_stop_job_run(request: Request) -> dict[str, Any]:
    name = known_job(request.params["JobName"])["Name"]
    stopped, errors = [], []
    with _lock:
        found = {run["Id"]: run for run in runs.get(name, [])}
        for run_id in request.params["JobRunIds"]:
            run = found.get(run_id)
            if run is not None and run["JobRunState"] in ACTIVE:
                run.update(JobRunState="STOPPING", LastModifiedOn=now())
                _stops[run_id].set()
                stopped.append({"JobName": name, "JobRunId": run_id})
                continue
            code = "EntityNotFoundException" if run is None else "InvalidInputException"
            text = "is not found" if run is None else f"is in state {run['JobRunState']}"
            detail = {"ErrorCode": code, "ErrorMessage": f"Job run {run_id} {text}."}
            errors.append({"JobName": name, "JobRunId": run_id, "ErrorDetail": detail})
    return {"SuccessfulSubmissions": stopped, "Errors": errors}


@service.on_restore
def resume() -> None:
    """Runs that were active when an earlier gateway stopped have failed with it."""
    for found in runs.values():
        for run in found:
            if run["JobRunState"] in ACTIVE:
                run.update(JobRunState="FAILED", CompletedOn=now(), LastModifiedOn=now())
                run["ErrorMessage"] = "The embedded AWS was stopped meanwhile."
