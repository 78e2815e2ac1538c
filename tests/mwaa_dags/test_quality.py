"""What is kept of an evaluation, and what its gate says."""

from __future__ import annotations

import itertools
import json
import sqlite3
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flights.quality import QUALITY_RESULTS
from local.layout import ROOT
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


CURATED_AT = datetime(2013, 1, 4, 5, 0, 0, 250_000, tzinfo=UTC)
FILE = "flights/year=2013/month=01/day=01/part-0.parquet"


def records(
    results: list[dict[str, Any]], days: int, files: dict[str, datetime] | None = None
) -> list[quality.Record]:
    """The records of a run whose curation started at CURATED_AT, without the rule on its files."""
    found = quality.records("run-1", "gate", results, days, files or {}, CURATED_AT)
    assert {each["outcome"] for each in found if each["rule"] == quality.FRESHNESS} <= {"passed"}
    return [each for each in found if each["rule"] != quality.FRESHNESS]


def test_a_record_has_the_columns_of_the_table_of_results() -> None:
    [record] = records([result(rule("RowCount > 0", **{"Dataset.*.RowCount": 3.0}))], 3)

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
    found = records([result(rule("a"), rule("b", "FAIL", "no\nnot"))], 1)

    assert [json.loads(line) for line in quality.lines(found).splitlines()] == found
    assert quality.results_key("run-1", "gate") == "quality/run=run-1/gate.jsonl"


def test_flights_on_every_day_of_the_run_are_one_more_rule() -> None:
    measured = result(rule('DistinctValuesCount "flight_date" > 0', **DAYS))

    whole, lacking = (records([measured], days)[-1] for days in (3, 4))
    assert (whole["rule"], whole["outcome"]) == ('DistinctValuesCount "flight_date" = 3', "passed")
    assert (lacking["outcome"], lacking["message"]) == ("failed", "3 of the run's 4 days have flights")


@pytest.mark.parametrize(
    ("modified", "outcome"),
    [
        # S3 leaves the fraction of a second out.
        (CURATED_AT.replace(microsecond=0), "passed"),
        (CURATED_AT + timedelta(minutes=2), "passed"),
        (CURATED_AT - timedelta(seconds=1), "failed"),
    ],
)
def test_a_file_that_the_run_did_not_write_is_refused(modified: datetime, outcome: str) -> None:
    other = FILE.replace("day=01", "day=02")
    files = {FILE: modified, other: CURATED_AT + timedelta(minutes=1)}

    fresh = quality.records("run-1", "gate", [result(rule("a"))], 1, files, CURATED_AT)[-1]

    assert (fresh["rule"], fresh["outcome"]) == (quality.FRESHNESS, outcome)
    assert (fresh["message"] or FILE).startswith(FILE)


def test_the_same_files_pass_again_days_after_the_run() -> None:
    # A rule is corrected and deployed, `quality.evaluate` is cleared: nothing of it depends on the present.
    files = {FILE: CURATED_AT + timedelta(minutes=2)}
    assert datetime.now(UTC) - files[FILE] > timedelta(days=1)

    found = quality.records("run-1", "gate", [result(rule("a"))], 1, files, CURATED_AT)

    assert quality.refusal("gate", found) is None


def test_no_rule_of_the_gate_depends_on_the_present() -> None:
    assert "now()" not in (ROOT / "glue_jobs" / "quality" / "curated_flights.dqdl").read_text()


def test_the_files_of_a_run_are_those_in_its_days_folders() -> None:
    inside = ["month=01/day=31/a", "month=02/day=01/b", "month=02/day=01/c"]
    outside = ["month=01/day=30/a", "month=02/day=02/a", "month=02/", "month=02/day=01/"]
    listed = [{"Key": f"flights/year=2013/{key}", "LastModified": CURATED_AT} for key in (*inside, *outside)]

    found = quality.files_of_days(listed, "flights/", date(2013, 1, 31), date(2013, 2, 1))

    assert set(found) == {f"flights/year=2013/{key}" for key in inside}


def test_the_gate_opens_when_every_rule_passed() -> None:
    found = records([result(rule("a"), rule("b"))], 1)

    assert quality.refusal("gate", found) is None
    assert quality.summary("gate", found) == {"gate": "gate", "rules": 2, "passed": 2, "failed": 0}


def test_the_gate_names_the_rules_that_did_not_pass() -> None:
    found = records([result(rule("a"), rule("b", "FAIL", "Value: 2"), rule("c", "ERROR"))], 1)

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
