"""AWS Glue, as far as ministack's own is not enough: jobs that run, partitions, crawlers that look at data.

Databases, tables, connections, classifiers, security configurations, tags and triggers stay ministack's.
Here: definitions of jobs. Runs are in glue_runs, partitions in glue_partitions, crawlers in glue_crawlers.
"""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from local.services.clients import client
from local.services.service import Request, Service

service = Service("glue", fallback=True, validation_error="InvalidInputException")
jobs: dict[str, dict[str, Any]] = service.state("jobs")
"""By name: what GetJob tells of each job."""

COMMANDS = frozenset({"glueetl", "gluestreaming", "pythonshell", "glueray"})
GLUE_VERSIONS = frozenset({"2.0", "3.0", "4.0", "5.0", "5.1"})
DPU_OF_WORKER = {"G.025X": 0.25, "G.1X": 1.0, "G.2X": 2.0, "G.4X": 4.0, "G.8X": 8.0, "Standard": 1.0}
DPU_OF_WORKER |= {"G.12X": 12.0, "G.16X": 16.0, "R.1X": 1.0, "R.2X": 2.0, "R.4X": 4.0, "R.8X": 8.0}
MINUTES_BY_DEFAULT = 480


def now() -> datetime:
    """The present moment, in UTC."""
    return datetime.now(UTC)


def not_found(what: str) -> Exception:
    """The refusal of a request that names something which is not there."""
    return service.error("EntityNotFoundException", what)


def invalid(message: str) -> Exception:
    """The refusal of a request whose values make no sense."""
    return service.error("InvalidInputException", message)


def page(items: list[Any], given: dict[str, Any], key: str, largest: int = 200) -> dict[str, Any]:
    """One page of a listing, by the NextToken and MaxResults of the request."""
    start = int(given.get("NextToken") or 0)
    size = min(given.get("MaxResults") or largest, largest)
    answer: dict[str, Any] = {key: items[start : start + size]}
    if start + size < len(items):
        answer["NextToken"] = str(start + size)
    return answer


def known_job(name: str) -> dict[str, Any]:
    """The job called `name`. Raises EntityNotFoundException."""
    if name not in jobs:
        raise not_found(f"Job {name} is not found.")
    return jobs[name]


def role_arn(role: str, account: str) -> str:
    """ARN of a role given by name or ARN. Raises InvalidInputException unless Glue can take it."""
    arn = role if role.startswith("arn:") else f"arn:aws:iam::{account}:role/{role}"
    try:
        found = client("iam").get_role(RoleName=arn.rpartition("/")[2])["Role"]
    except ClientError:
        raise invalid(f"Role {arn} does not exist.") from None
    trusted = str(found["AssumeRolePolicyDocument"])
    if "glue.amazonaws.com" not in trusted:
        raise invalid(f"Role {arn} should be given assume role permissions for Glue Service.")
    return arn


@service.resource(
    "GetJob", "UpdateJob", "DeleteJob", "StartJobRun", "GetJobRun", "GetJobRuns", "BatchStopJobRun"
)
def job_arn(request: Request) -> str:
    """ARN of the job that the call names."""
    name = request.params.get("JobName") or request.params.get("Name") or "*"
    return f"arn:aws:glue:{request.region}:{request.account}:job/{name}"


@service.operation("CreateJob")
def create_job(request: Request) -> dict[str, Any]:
    given = request.params
    name = given["Name"]
    if name in jobs:
        raise service.error("AlreadyExistsException", f"Job already exists: {name}.")
    jobs[name] = _definition(given, request.account, name, now())
    if given.get("Tags"):
        ministack_tags()[f"arn:aws:glue:{request.region}:{request.account}:job/{name}"] = dict(given["Tags"])
    return {"Name": name}


@service.operation("UpdateJob")
def update_job(request: Request) -> dict[str, Any]:
    """Replaces the whole definition, as AWS does: what the update leaves out gets its default again."""
    job = known_job(request.params["JobName"])
    update = request.params["JobUpdate"]
    if "Role" not in update or "Command" not in update:
        raise invalid("JobUpdate must have a Role and a Command.")
    jobs[job["Name"]] = _definition(update, request.account, job["Name"], job["CreatedOn"])
    return {"JobName": job["Name"]}


@service.operation("GetJob")
def get_job(request: Request) -> dict[str, Any]:
    return {"Job": copy.deepcopy(known_job(request.params["JobName"]))}


@service.operation("GetJobs")
def get_jobs(request: Request) -> dict[str, Any]:
    return page([copy.deepcopy(jobs[name]) for name in sorted(jobs)], request.params, "Jobs")


@service.operation("ListJobs")
def list_jobs(request: Request) -> dict[str, Any]:
    return page(sorted(jobs), request.params, "JobNames")


@service.operation("BatchGetJobs")
def batch_get_jobs(request: Request) -> dict[str, Any]:
    names = request.params["JobNames"]
    return {
        "Jobs": [copy.deepcopy(jobs[name]) for name in names if name in jobs],
        "JobsNotFound": [name for name in names if name not in jobs],
    }


@service.operation("DeleteJob")
def delete_job(request: Request) -> dict[str, Any]:
    """Deleting what is not there is no error, as on AWS."""
    name = request.params["JobName"]
    jobs.pop(name, None)
    ministack_tags().pop(f"arn:aws:glue:{request.region}:{request.account}:job/{name}", None)
    return {"JobName": name}


def _definition(given: dict[str, Any], account: str, name: str, created: datetime) -> dict[str, Any]:
    """A job as GetJob tells it, from the members of CreateJob or JobUpdate. Raises InvalidInputException."""
    role_arn(given["Role"], account)
    command = given["Command"]
    if command.get("Name") not in COMMANDS:
        raise invalid(f"Unsupported command name: {command.get('Name')}.")
    version = given.get("GlueVersion", "0.9")
    if version not in GLUE_VERSIONS:
        raise invalid(
            f"GlueVersion {version} is not supported here; supported: {', '.join(sorted(GLUE_VERSIONS))}."
        )
    capacity = capacity_of(given)
    kept = {
        member: value
        for member, value in given.items()
        if member not in {"Tags", "Name", "AllocatedCapacity", "MaxCapacity"}
    }
    return {
        "ExecutionProperty": {"MaxConcurrentRuns": 1},
        "MaxRetries": 0,
        "Timeout": MINUTES_BY_DEFAULT,
        "JobMode": "SCRIPT",
        "ExecutionClass": "STANDARD",
        **kept,
        **capacity,
        "Name": name,
        "CreatedOn": created,
        "LastModifiedOn": now(),
    }


def capacity_of(given: dict[str, Any]) -> dict[str, Any]:
    """Capacity members of a job or run. Raises InvalidInputException when they contradict each other."""
    workers, kind = given.get("NumberOfWorkers"), given.get("WorkerType")
    if (workers is None) != (kind is None):
        raise invalid("Please set both Worker Type and Number of Workers.")
    if workers is not None and "MaxCapacity" in given:
        raise invalid("Please do not set Max Capacity if using Worker Type and Number of Workers.")
    if workers is None:
        units = float(given.get("MaxCapacity", 10.0))
        return {"MaxCapacity": units, "AllocatedCapacity": int(units)}
    if workers < 2 and kind != "G.025X":
        raise invalid("Number of Workers must be at least 2.")
    units = workers * DPU_OF_WORKER.get(str(kind), 1.0)
    return {
        "NumberOfWorkers": workers,
        "WorkerType": kind,
        "MaxCapacity": units,
        "AllocatedCapacity": int(units),
    }


def ministack_tags() -> dict[str, dict[str, str]]:
    """Tags by ARN, where ministack's TagResource and GetTags look."""
    from ministack.services import glue

    tags: dict[str, dict[str, str]] = glue._tags
    return tags
