"""Stream meets batch: the DAG as Airflow sees it, and what it holds against what."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from mwaa_dags.refstack_dags import reconciliation
from mwaa_dags.refstack_dags.reconciliation import ReconciliationError

ROWS = [
    ("event_type", "flights", "delay_minutes"),
    ("scheduled", "10", "0"),
    ("departed", "9", "-4"),
    ("cancelled", "1", "0"),
]
FACTS = {
    "scheduled": {"flights": 10, "delay_minutes": 0},
    "departed": {"flights": 9, "delay_minutes": -4},
    "cancelled": {"flights": 1, "delay_minutes": 0},
}


def answered_by_athena(*rows: tuple[str, ...]) -> list[dict[str, Any]]:
    return [{"Data": [{"VarCharValue": value} for value in row]} for row in rows]


def answered_by_redshift(*rows: tuple[str, ...]) -> dict[str, Any]:
    header, *records = rows
    return {
        "ColumnMetadata": [{"name": name} for name in header],
        "Records": [
            [{"stringValue": kind}, {"longValue": int(flights)}, {"longValue": int(delay)}]
            for kind, flights, delay in records
        ],
    }


@pytest.mark.airflow
def test_both_sides_are_counted_before_they_are_compared(described: dict[str, Any]) -> None:
    dag = described["dags"]["stream_reconciliation"]
    tasks = dag["tasks"]

    assert tasks["compare"]["upstream"] == ["batch_facts", "streamed_facts"]
    assert tasks["streamed_facts"]["rendered"]["workgroup"] == "lake"
    assert "run_key = 'live'" in tasks["streamed_facts"]["rendered"]["query"]
    assert tasks["streamed_facts"]["limits"]["sleep_time"] == 7
    assert "flight_date = '2013-07-10'" in tasks["batch_facts"]["rendered"]["sql"]
    assert dag["schedule"] == "None"


def test_both_engines_answers_are_understood() -> None:
    assert reconciliation.of_athena(answered_by_athena(*ROWS)) == FACTS
    assert reconciliation.of_redshift(answered_by_redshift(*ROWS)) == FACTS


def test_a_kind_that_did_not_happen_counts_as_none() -> None:
    found = reconciliation.of_athena(answered_by_athena(*ROWS[:2]))

    assert found["cancelled"] == {"flights": 0, "delay_minutes": 0}


def test_what_agrees_is_reported() -> None:
    assert reconciliation.check(FACTS, FACTS) == {"streamed": FACTS, "batch": FACTS}


@pytest.mark.parametrize(("kind", "name"), [("scheduled", "flights"), ("departed", "delay_minutes")])
def test_what_differs_is_named(kind: str, name: str) -> None:
    streamed = deepcopy(FACTS)
    streamed[kind][name] -= 1

    with pytest.raises(ReconciliationError, match=f"{kind}: {name} is .* on the stream"):
        reconciliation.check(streamed, FACTS)


def test_a_day_that_the_batch_does_not_have_is_no_agreement() -> None:
    nothing = {kind: {"flights": 0, "delay_minutes": 0} for kind in reconciliation.KINDS}

    with pytest.raises(ReconciliationError, match="run flights_batch first"):
        reconciliation.check(nothing, nothing)
