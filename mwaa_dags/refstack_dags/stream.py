"""The streaming job's runs on EMR Serverless: which of them share a checkpoint."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

RUN_KEY = "--run-key"
LIVE = "live"
"""Run key of a run that is given none: it goes on from the checkpoint of the one before."""
ACTIVE = ("SUBMITTED", "PENDING", "SCHEDULED", "QUEUED", "RUNNING", "CANCELLING")
"""States of a run that writes its checkpoint, or still may."""
ENDED = ("FAILED", "CANCELLED", "SUCCESS")


def run_key(job: Mapping[str, Any]) -> str:
    """Run key of a StartJobRun request, or of what GetJobRun answers."""
    arguments = job["jobDriver"]["sparkSubmit"].get("entryPointArguments", [])
    return str(arguments[arguments.index(RUN_KEY) + 1]) if RUN_KEY in arguments else LIVE


def runs_like(serverless: Any, request: Mapping[str, Any], states: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Runs in `states`, as GetJobRun tells them, that go on from the same checkpoint as `request` would."""
    application = request["applicationId"]
    pages = serverless.get_paginator("list_job_runs").paginate(applicationId=application, states=list(states))
    for page in pages:
        for listed in page["jobRuns"]:
            described = serverless.get_job_run(applicationId=application, jobRunId=listed["id"])["jobRun"]
            if run_key(described) == run_key(request):
                yield described
