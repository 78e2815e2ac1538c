"""Same result three ways, surrogate keys included: a full build, one run a day, a backfill of a lost week."""

from __future__ import annotations

import random
import shutil
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from flights.schema import FACTS
from flights.sources.period import Period
from flights.spark.jobs import build_dimensions, build_facts, curate_flights
from tests.flights.raw_lines import CANCELLED, DIVERTED
from tests.flights.spark.lake import AIRLINES, JANUARY_1, Lake, aircraft, flight, hour
from tests.flights.warehouse import Warehouse, warehouse, warehouse_server

__all__ = ["warehouse", "warehouse_server"]

pytestmark = pytest.mark.spark

DAYS = Period(JANUARY_1, JANUARY_1 + timedelta(days=7))
SNAPSHOTS: dict[tuple[str, date], list[dict[str, str]]] = {
    ("airlines", date(2013, 1, 1)): AIRLINES,
    ("airlines", date(2013, 1, 5)): [{"carrier": "UA", "name": "United Airlines"}, AIRLINES[1]],
    ("aircraft", date(2013, 1, 1)): [aircraft("N1"), aircraft("N2"), aircraft("N3")],
    ("aircraft", date(2013, 1, 4)): [aircraft("N1", seats="NA"), aircraft("N2")],
    ("aircraft", date(2013, 1, 7)): [aircraft("N1"), aircraft("N2"), aircraft("N3"), aircraft("N4")],
}
LATE = {("aircraft", date(2013, 1, 4)): date(2013, 1, 8)}
"""Snapshots that arrive, in the day by day build, on a later day than their own."""


def plant(lake: Lake, seen: date) -> None:
    """Snapshots as they have arrived by the end of the day."""
    for (dataset, day), rows in SNAPSHOTS.items():
        if LATE.get((dataset, day), day) <= seen:
            lake.put_snapshot(dataset, day, rows)


def plant_days(lake: Lake) -> None:
    changes: list[dict[str, str]] = [{}, CANCELLED, DIVERTED, {"Dest": "SJU"}, {"Reporting_Airline": "DL"}]
    for number, day in enumerate(DAYS.days()):
        rows = [
            flight(day, Flight_Number_Reporting_Airline=str(place), Tail_Number=f"N{place}", **change)
            for place, change in enumerate(changes, start=1)
        ]
        lake.put_flights(day, rows[: 3 + number % 3])
        lake.put_weather(day, [hour(f"{day}T10:00:00Z", temperature_c=float(number))])


def run(spark: SparkSession, lake: Lake, warehouse: Warehouse, period: Period, run_key: str) -> None:
    """One run of the pipeline, from raw to the warehouse."""
    curate_flights(spark, lake.raw, lake.curated, period, run_key)
    build_dimensions(spark, lake.raw, lake.curated, lake.warehouse, lake.airports, period, run_key)
    build_facts(spark, lake.curated, lake.warehouse, period, run_key)
    warehouse.load_run(lake.root / "warehouse", run_key, f"{period.start}", f"{period.end}")


def lose(lake: Lake, warehouse: Warehouse, week: Period) -> None:
    """Delete what was made of the week's days."""
    for day in week.days():
        folder = Path("flights", f"year={day:%Y}", f"month={day:%m}", f"day={day:%d}")
        shutil.rmtree(lake.root / "curated" / folder)
    days = f"BETWEEN '{week.start}' AND '{week.end}'"
    with warehouse.session() as session:
        for table in FACTS:
            session.execute(f"DELETE FROM core.{table.name} WHERE flight_date {days}".encode())


def test_days_without_any_list_get_the_right_versions_when_the_lists_come(
    spark: SparkSession, tmp_path: Path, warehouse: Warehouse
) -> None:
    first, later = Period(DAYS.start, DAYS.days()[2]), Period(DAYS.days()[3], DAYS.days()[3])
    lake = Lake(tmp_path / "late")
    plant_days(lake)
    run(spark, lake, warehouse, first, "without")
    unknown = warehouse.tables()
    plant(lake, DAYS.end)
    run(spark, lake, warehouse, later, "with")
    late = warehouse.tables()

    warehouse.reset()
    whole = Lake(tmp_path / "whole")
    plant(whole, DAYS.end)
    plant_days(whole)
    run(spark, whole, warehouse, Period(first.start, later.end), "whole")
    expected = warehouse.tables()

    keys = warehouse_columns("fact_flight", "airline_key", "aircraft_key")
    assert {tuple(row[key] for key in keys) for row in unknown["fact_flight"]} == {(-1, -1)}
    assert len(unknown["dim_aircraft"]) == len(unknown["dim_airline"]) == 1, "the unknown member"
    assert len({row[keys[1]] for row in expected["fact_flight"]}) > 3
    for name, rows in late.items():
        assert rows == expected[name], name


def warehouse_columns(table: str, *columns: str) -> list[int]:
    """Positions of columns in a table's rows."""
    [found] = [each for each in FACTS if each.name == table]
    return [found.names.index(column) for column in columns]


def test_full_build_daily_runs_and_a_backfill_give_the_same_tables(
    spark: SparkSession, tmp_path: Path, warehouse: Warehouse
) -> None:
    results: dict[str, dict[str, list[tuple[Any, ...]]]] = {}
    whole = Lake(tmp_path / "whole")
    plant(whole, DAYS.end)
    plant_days(whole)
    run(spark, whole, warehouse, DAYS, "whole")
    results["full build"] = warehouse.tables()

    week_start = random.choice(DAYS.days()[:-6])
    week = Period(week_start, week_start + timedelta(days=6))
    lose(whole, warehouse, week)
    assert warehouse.tables() != results["full build"]
    run(spark, whole, warehouse, week, "backfill")
    results[f"backfill of {week}"] = warehouse.tables()

    warehouse.reset()
    daily = Lake(tmp_path / "daily")
    plant_days(daily)
    for day in DAYS.days():
        plant(daily, day)
        run(spark, daily, warehouse, Period(day, day), f"{day}")
    results["day by day"] = warehouse.tables()

    expected = results["full build"]
    assert len(expected["fact_flight"]) == len(expected["fact_flight_lifecycle"]) == 31
    assert len({row[5] for row in expected["fact_flight"]}) >= 6, "versions, and the unknown aircraft"
    for way, tables in results.items():
        for name, rows in tables.items():
            assert rows == expected[name], f"{name} by {way}"
