"""A streaming run is found by its checkpoint, in the states asked for, among those of other checkpoints."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from mwaa_dags.refstack_dags import stream


@pytest.fixture
def serverless(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        yield boto3.client("emr-serverless", region_name="us-east-1")


@pytest.fixture
def request_of(serverless: Any) -> dict[str, Any]:
    """The deployed request, which names no run key."""
    made = serverless.create_application(name="stream", releaseLabel="emr-7.13.0", type="SPARK")
    return {
        "applicationId": made["applicationId"],
        "executionRoleArn": "arn:aws:iam::123456789012:role/stream",
        "jobDriver": {
            "sparkSubmit": {"entryPoint": "s3://a/job.py", "entryPointArguments": ["--topic", "t"]}
        },
    }


def start(serverless: Any, request: dict[str, Any], *arguments: str) -> str:
    submit = request["jobDriver"]["sparkSubmit"]
    given = {**submit, "entryPointArguments": [*submit["entryPointArguments"], *arguments]}
    run: str = serverless.start_job_run(**{**request, "jobDriver": {"sparkSubmit": given}})["jobRunId"]
    return run


def test_a_replay_has_a_checkpoint_of_its_own(serverless: Any, request_of: dict[str, Any]) -> None:
    start(serverless, request_of, "--run-key", "20130102")
    live = start(serverless, request_of)
    states = (*stream.ACTIVE, *stream.ENDED)

    found = list(stream.runs_like(serverless, request_of, states))

    assert [run["jobRunId"] for run in found] == [live]


def test_a_cancelled_run_is_none_that_is_active(serverless: Any, request_of: dict[str, Any]) -> None:
    live = start(serverless, request_of)
    serverless.cancel_job_run(applicationId=request_of["applicationId"], jobRunId=live)
    states = [run["state"] for run in stream.runs_like(serverless, request_of, stream.ENDED)]

    assert len(states) == 1
    assert not list(stream.runs_like(serverless, request_of, stream.ACTIVE))


def test_a_run_key_is_the_one_given_or_the_live_one(request_of: dict[str, Any]) -> None:
    submit = {"entryPointArguments": ["--topic", "t", "--run-key", "x"]}

    assert stream.run_key(request_of) == "live"
    assert stream.run_key({"jobDriver": {"sparkSubmit": submit}}) == "x"
    assert stream.run_key({"jobDriver": {"sparkSubmit": {}}}) == "live"
