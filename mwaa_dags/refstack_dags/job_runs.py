"""Runs of Glue jobs, told apart by the run of the DAG that they belong to."""

from __future__ import annotations

from typing import Any

RUN_KEY = "--run_key"
"""Argument of a job that names the run it works for."""
ACTIVE = frozenset({"STARTING", "WAITING", "RUNNING"})


def active_run(glue: Any, job_name: str, run_key: str) -> str | None:
    """Id of the newest of a job's runs that works for `run_key` and has not ended; None without one.

    The newest 200, one page, are looked at: what a try before this one has left behind is among the last few.
    """
    newest = glue.get_job_runs(JobName=job_name, MaxResults=200)["JobRuns"]
    active = (run["Id"] for run in newest if run["JobRunState"] in ACTIVE and _run_key(run) == run_key)
    return next(active, None)


def _run_key(run: dict[str, Any]) -> str | None:
    key: str | None = run.get("Arguments", {}).get(RUN_KEY)
    return key
