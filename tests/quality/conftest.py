"""Eight real days through the real curation, and what the gates make of them."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import duckdb
import pytest
from pyspark.sql import SparkSession

from flights.schema import RAW_FLIGHTS
from flights.sources.period import Period
from flights.spark.jobs import Curated, curate_flights
from local.engines.catalog_tables import StoredObject
from local.engines.quality_rules import Dataset, evaluate
from local.replay.bts import COLUMNS, record
from local.replay.nycflights13 import flights_by_month
from mwaa_dags.refstack_dags import quality
from tests.flights.spark.lake import Lake, csv_line, spark
from tests.local.quality_data import rules
from tests.quality.planted_lines import planted_lines

__all__ = ["spark"]

WEEK = Period(date(2013, 1, 1), date(2013, 1, 8))
DAY = WEEK.end
"""The day of the run: the first with a whole week before it."""


def real_flights() -> dict[date, list[dict[str, str]]]:
    """The flights of the week as raw lines, by day."""
    found: dict[date, list[dict[str, str]]] = {day: [] for day in WEEK.days()}
    for line in flights_by_month()[1]:
        row = dict(zip(COLUMNS, next(csv.reader([record(line)])), strict=False))
        day = date.fromisoformat(row["FlightDate"])
        if day in found:
            found[day].append({column.name: row[column.name] for column in RAW_FLIGHTS.columns})
    return found


@dataclass(frozen=True)
class CuratedWeek:
    """The week after curation: the folder of its zone, and what the job says of it."""

    lake: Lake
    real: dict[date, list[dict[str, str]]]
    done: Curated


@pytest.fixture(scope="session")
def week(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> CuratedWeek:
    """The real week, with one line of each kind of defect that curation owns planted in its last day."""
    lake = Lake(tmp_path_factory.mktemp("week"))
    real = real_flights()
    header = ",".join(RAW_FLIGHTS.names)
    for day, flights in real.items():
        lines = [header, *map(csv_line, flights)]
        if day == DAY:
            lines += [planted.text for planted in planted_lines(flights)]
        lake.put_lines(day, lines)
    return CuratedWeek(lake, real, curate_flights(spark, lake.raw, lake.curated, WEEK, "run"))


class Gate:
    """The lake's gate over the run's day, in DuckDB: its tables may be changed before it is asked."""

    def __init__(self, week: CuratedWeek) -> None:
        self.connection = duckdb.connect(config={"threads": 1})
        self.files = [StoredObject("curated", "part-0", "etag", datetime.now(UTC), ())]
        self.days = 1
        self.curation_started = datetime.now(UTC) - timedelta(minutes=1)
        zone = week.lake.root / "curated"
        for name, folder, condition in (
            ("primary", "flights", f"flight_date = '{DAY}'"),
            ("history", "flights", "TRUE"),
            ("rejects", "rejects/flights", f"day = '{DAY:%d}'"),
        ):
            self.connection.execute(
                f"CREATE TABLE \"{name}\" AS FROM read_parquet('{zone}/{folder}/**/*.parquet', "
                "hive_partitioning = true, hive_types_autocast = false) "
                f"WHERE {condition}"
            )

    def whole_week(self) -> None:
        """Make the run one of all days of the week."""
        self.connection.execute('CREATE OR REPLACE TABLE "primary" AS FROM history')
        self.days = len(list(WEEK.days()))

    def change(self, sql: str) -> None:
        """Change the run's flights; the history has them, too."""
        self.connection.execute(sql)
        self.connection.execute(
            f"DELETE FROM history WHERE flight_date >= '{DAY - timedelta(days=self.days - 1)}'"
        )
        self.connection.execute('INSERT INTO history BY NAME (FROM "primary")')

    def refused(self) -> set[str]:
        """The rules that do not pass."""
        data = Dataset(self.connection, frozenset({"history", "rejects"}), self.files)
        results: list[dict[str, Any]] = []
        for rule in rules():
            outcome = evaluate(rule, data)
            results.append(
                {"Description": rule.text, "Result": outcome.result, "EvaluatedMetrics": outcome.metrics}
            )
        source = {"GlueTable": {"DatabaseName": "curated", "TableName": "flights"}}
        records = quality.records(
            "run",
            "curated_flights",
            [{"DataSource": source, "RuleResults": results}],
            self.days,
            {file.key: file.modified for file in self.files},
            self.curation_started,
        )
        return {str(each["rule"]) for each in records if each["outcome"] != "passed"}


@pytest.fixture
def gate(week: CuratedWeek) -> Iterator[Gate]:
    """The gate over the curated day as it is."""
    opened = Gate(week)
    yield opened
    opened.connection.close()
