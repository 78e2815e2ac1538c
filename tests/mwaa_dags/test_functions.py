"""Functions that a DAG invokes: again while their download goes on, not again when that is of no use."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from local.layout import ROOT
from local.toolchain import tools

pytestmark = pytest.mark.airflow

PAYLOAD = {"start": "2013-01-01"}


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What Airflow's own Python makes of the cases of run_functions.py."""
    home = tmp_path_factory.mktemp("airflow")
    output = home / "runs.json"
    done = subprocess.run(
        [tools().airflow_python, Path(__file__).with_name("run_functions.py"), output],
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "AIRFLOW_HOME": str(home),
            "PYTHONPATH": str(ROOT / "mwaa_dags"),
            "PYTHONDONTWRITEBYTECODE": "1",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home / 'none.db'}",
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    found: dict[str, Any] = json.loads(output.read_text())
    return found


@pytest.fixture(scope="module")
def runs(document: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = document["runs"]
    return found


def test_each_invocation_has_one_attempt_and_an_answer_within_its_limit(runs: dict[str, Any]) -> None:
    assert {(run["read_timeout"], run["attempts"]) for run in runs.values()} == {(41, 1)}


@pytest.mark.parametrize(("case", "invocations"), [("goes on", 5), ("starts anew", 4)])
def test_a_function_is_invoked_with_the_same_payload_until_it_is_done(
    runs: dict[str, Any], case: str, invocations: int
) -> None:
    assert runs[case]["returned"] == {"rows": 3}
    assert runs[case]["payloads"] == [PAYLOAD] * invocations


def test_a_download_without_a_new_byte_in_three_invocations_is_given_up(runs: dict[str, Any]) -> None:
    assert runs["stuck"]["raised"] == "AirflowException", "another try goes on where this one was"
    assert runs["stuck"]["message"] == (
        "The download did not end: https://source/aircraft.zip: 10 of 100 bytes, and no more in 3 "
        "invocations."
    )
    assert len(runs["stuck"]["payloads"]) == 4


def test_a_download_that_outlives_its_limit_is_given_up_and_kept(runs: dict[str, Any]) -> None:
    assert "10 of 100 bytes within 40 s; they are kept" in runs["too slow"]["message"]
    assert len(runs["too slow"]["payloads"]) == 1


@pytest.mark.parametrize("case", ["stuck, optional", "too slow, optional"])
def test_what_is_optional_is_missing_and_no_error(runs: dict[str, Any], case: str) -> None:
    missing = runs[case]["returned"]["missing"]

    assert missing["airlines"] == "answered 403"
    assert missing["aircraft"].startswith("https://source/aircraft.zip: 10 of 100 bytes")


@pytest.mark.parametrize(
    ("case", "raised"),
    [
        ("not published", "AirflowFailException"),
        ("bad request", "AirflowFailException"),
        ("out of order", "AirflowException"),
    ],
)
def test_an_error_that_stays_has_no_other_try(runs: dict[str, Any], case: str, raised: str) -> None:
    assert runs[case]["raised"] == raised
    assert runs[case]["message"].startswith("function: ")
    assert runs[case]["message"].endswith("Error: no")


def test_a_run_that_goes_on_without_a_list_sends_one_notice_that_says_so(document: dict[str, Any]) -> None:
    [notice] = document["notices"]

    assert notice["subject"] == "Went on without a list: flights_batch"
    assert notice["target_arn"] == "arn:topic"
    assert notice["message"].splitlines() == [
        "DAG: flights_batch",
        "Run: manual__1",
        "Missing list of aircraft: https://source/aircraft.zip answered 403",
        "What the run does: it takes the last snapshot of the list; without any, its flights have the "
        "unknown member (-1). The next run that gets the list gives them the right one.",
    ]
