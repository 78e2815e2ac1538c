"""What is kept of an evaluation, and what its gate says."""

from __future__ import annotations

import itertools
import json
import sqlite3
from datetime import UTC, date, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from flights.quality import QUALITY_RESULTS
from mwaa_dags.refstack_dags import date_range, quality

DAYS = {"Column.flight_date.DistinctValuesCount": 3.0}


def rule(text: str, result: str = "PASS", message: str | None = None, **metrics: float) -> dict[str, Any]:
    found: dict[str, Any] = {"Description": text, "Result": result, "EvaluatedMetrics": metrics}
    return found if message is None else {**found, "EvaluationMessage": message}


def result(*rules: dict[str, Any]) -> dict[str, Any]:
    """One result of BatchGetDataQualityResult."""
    return {
        "DataSource": {"GlueTable": {"DatabaseName": "curated", "TableName": "flights"}},
        "CompletedOn": datetime(2013, 1, 4, 6, 0, tzinfo=UTC),
        "RuleResults": list(rules),
    }


def test_a_record_has_the_columns_of_the_table_of_results() -> None:
    [record] = quality.records(
        "run-1", "gate", [result(rule("RowCount > 0", **{"Dataset.*.RowCount": 3.0}))], 3
    )

    assert tuple(record) == QUALITY_RESULTS.names
    assert record == {
        "run_key": "run-1",
        "gate": "gate",
        "table": "curated.flights",
        "rule": "RowCount > 0",
        "outcome": "passed",
        "observed": "Dataset.*.RowCount = 3",
        "message": None,
        "evaluated_at": "2013-01-04T06:00:00+00:00",
    }


def test_lines_are_one_json_object_a_record() -> None:
    found = quality.records("run-1", "gate", [result(rule("a"), rule("b", "FAIL", "no\nnot"))], 1)

    assert [json.loads(line) for line in quality.lines(found).splitlines()] == found
    assert quality.results_key("run-1", "gate") == "quality/run=run-1/gate.jsonl"


def test_flights_on_every_day_of_the_run_are_one_more_rule() -> None:
    measured = result(rule('DistinctValuesCount "flight_date" > 0', **DAYS))

    whole, lacking = (quality.records("run-1", "gate", [measured], days)[-1] for days in (3, 4))
    assert (whole["rule"], whole["outcome"]) == ('DistinctValuesCount "flight_date" = 3', "passed")
    assert (lacking["outcome"], lacking["message"]) == ("failed", "3 of the run's 4 days have flights")


def test_the_gate_opens_when_every_rule_passed() -> None:
    found = quality.records("run-1", "gate", [result(rule("a"), rule("b"))], 1)

    assert quality.refusal("gate", found) is None
    assert quality.summary("gate", found) == {"gate": "gate", "rules": 2, "passed": 2, "failed": 0}


def test_the_gate_names_the_rules_that_did_not_pass() -> None:
    found = quality.records(
        "run-1", "gate", [result(rule("a"), rule("b", "FAIL", "Value: 2"), rule("c", "ERROR"))], 1
    )

    refusal = quality.refusal("gate", found)
    assert refusal is not None
    assert "2 of 3 rules did not pass: b (Value: 2); c (error)" in refusal
    assert quality.summary("gate", found)["failed"] == 2


def test_nothing_evaluated_is_nothing_passed() -> None:
    assert "none was evaluated" in str(quality.refusal("gate", []))


@given(
    first=st.dates(date(2012, 11, 1), date(2014, 2, 1)),
    length=st.integers(0, 500),
)
def test_a_predicate_holds_for_the_days_of_its_range_and_no_others(first: date, length: int) -> None:
    last = first + timedelta(days=length)
    around = [first + timedelta(days=each) for each in (-400, -31, -1, 0, length // 2, length, length + 1)]
    around += [last + timedelta(days=each) for each in (28, 365)]
    rows = [(f"{day:%Y}", f"{day:%m}", f"{day:%d}") for day in around]

    with sqlite3.connect(":memory:") as database:
        database.execute("CREATE TABLE partitions (year TEXT, month TEXT, day TEXT)")
        database.executemany("INSERT INTO partitions VALUES (?, ?, ?)", rows)
        predicate = date_range.partition_predicate(first, last)
        kept = set(database.execute(f"SELECT * FROM partitions WHERE {predicate}"))

    wanted = [first <= day <= last for day in around]
    assert kept == set(itertools.compress(rows, wanted))
    assert len(predicate) < 2048
