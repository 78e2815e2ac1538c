"""A job run that a lost worker left behind is found by the run of the DAG that it works for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from mwaa_dags.refstack_dags import job_runs


@pytest.fixture
def glue() -> Iterator[Stubber]:
    client = boto3.client(
        "glue", region_name="us-east-1", aws_access_key_id="testing", aws_secret_access_key="testing"
    )
    with Stubber(client) as stubber:
        yield stubber


def answer(glue: Stubber, *runs: tuple[str, str, str | None]) -> Any:
    """A client that answers runs, newest first: id, state and run key."""
    listed = [
        {"Id": name, "JobRunState": state, "Arguments": {} if key is None else {job_runs.RUN_KEY: key}}
        for name, state, key in runs
    ]
    asked = {"JobName": "curate", "MaxResults": 200}
    glue.add_response("get_job_runs", {"JobRuns": listed}, asked)
    return glue.client


@pytest.mark.parametrize("state", ["STARTING", "WAITING", "RUNNING"])
def test_an_active_run_of_the_same_key_is_found_among_others(glue: Stubber, state: str) -> None:
    client = answer(
        glue, ("other", "RUNNING", "2013-01-03"), ("by hand", "RUNNING", None), ("ours", state, "2013-01-02")
    )

    assert job_runs.active_run(client, "curate", "2013-01-02") == "ours"


@pytest.mark.parametrize("state", ["SUCCEEDED", "FAILED", "TIMEOUT", "STOPPED", "STOPPING", "ERROR"])
def test_a_run_that_has_ended_is_not_taken_over(glue: Stubber, state: str) -> None:
    client = answer(glue, ("ours", state, "2013-01-02"))

    assert job_runs.active_run(client, "curate", "2013-01-02") is None
