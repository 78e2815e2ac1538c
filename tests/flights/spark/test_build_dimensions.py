"""Reference tables, calendar and raw weather to dimensions."""

from __future__ import annotations

import json
from datetime import date, datetime
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from flights.accounting import Accounting
from flights.errors import UnreadableObjectError
from flights.keys import surrogate_key
from flights.schema import (
    BEGINNING,
    DIM_AIRCRAFT,
    DIM_AIRLINE,
    DIM_AIRPORT,
    DIM_DATE,
    DIM_WEATHER,
    DIMENSIONS,
    END_OF_TIME,
)
from flights.sources.period import Period
from flights.sources.raw_objects import weather_key
from flights.spark.delivery import read_delivery
from flights.spark.jobs import build_dimensions
from flights.tables import Table
from tests.flights.spark.lake import JANUARY_1, JANUARY_2, Lake, hour, sorted_rows

pytestmark = pytest.mark.spark

TWO_DAYS = Period(JANUARY_1, JANUARY_2)
NOON = "2013-01-01T17:00:00Z"


def weather(lake: Lake) -> None:
    lake.put_weather(JANUARY_1, [hour(NOON), hour(NOON, "JFK"), hour("2013-01-02T04:00:00Z")])
    lake.put_weather(JANUARY_2, [])


def build(
    spark: SparkSession, lake: Lake, period: Period = TWO_DAYS, airports: str | None = None
) -> Accounting:
    return build_dimensions(
        spark, lake.raw, lake.curated, lake.warehouse, airports or lake.airports, period, "r"
    )


def delivered(spark: SparkSession, lake: Lake, table: Table, run_key: str = "r") -> list:
    return sorted_rows(read_delivery(spark, table, lake.warehouse, run_key))


def test_delivers_every_dimension_with_its_unknown_member(spark: SparkSession, lake: Lake) -> None:
    weather(lake)

    accounting = build(spark, lake)

    assert accounting.written == {
        "airlines_snapshots": 2,
        "aircraft_snapshots": 2,
        "dim_airline": 2,
        "dim_airport": 1458,
        "dim_aircraft": 2,
        "dim_weather": 3,
        "dim_date": 365,
    }
    assert (accounting.read, accounting.rejected) == (2 + 2 + 1458 + 3, {})
    for table in DIMENSIONS:
        keys = [row[0] for row in delivered(spark, lake, table)]
        assert keys.count(-1) == 1
        assert len(set(keys)) == len(keys) == accounting.written[table.name] + 1


def test_types_reference_rows_and_keys_them_by_their_business_key(spark: SparkSession, lake: Lake) -> None:
    weather(lake)

    build(spark, lake)

    airlines = {row[0]: row[1:] for row in delivered(spark, lake, DIM_AIRLINE)}
    always = (BEGINNING, END_OF_TIME, True)
    assert airlines[surrogate_key("UA", BEGINNING)] == ("UA", "United Air Lines Inc.", *always)
    assert airlines[-1] == (None, "Unknown airline", *always)
    airports = {row[0]: row[1:] for row in delivered(spark, lake, DIM_AIRPORT)}
    assert airports[surrogate_key("EWR")] == (
        *("EWR", "Newark Liberty Intl", 40.6925, -74.168667, 18, -5.0, "A"),
        "America/New_York",
    )
    aircraft = {row[0]: row[1:] for row in delivered(spark, lake, DIM_AIRCRAFT)}
    assert aircraft[surrogate_key("N10156", BEGINNING)] == (
        *("N10156", 2004, None, "EMBRAER", "EMB-145XR", 2, 55, None, "Turbo-fan"),
        *always,
    )
    days = {row[0]: row[1:] for row in delivered(spark, lake, DIM_DATE)}
    assert days[20130105] == (date(2013, 1, 5), 2013, 1, 1, "January", 5, 6, "Saturday", 1, True)
    hours = {row[0]: row[1:] for row in delivered(spark, lake, DIM_WEATHER)}
    assert hours[surrogate_key("EWR", NOON)][:4] == ("EWR", datetime(2013, 1, 1, 17), 3.9, 59.37)


def test_rejects_bad_weather_lines_and_drops_implausible_measurements(
    spark: SparkSession, lake: Lake
) -> None:
    lake.put_weather(
        JANUARY_1,
        [
            '{"origin": "EWR", "time_',
            hour(NOON, "Newark"),
            hour("2013-01-01T17:30:00Z"),
            hour("2013-02-30T17:00:00Z"),
            hour(NOON, wind_speed_kmh=1687.2),
            hour(NOON, wind_speed_kmh=None, temperature_c=None),
        ],
    )

    accounting = build(spark, lake, Period(JANUARY_1, JANUARY_1))

    assert accounting.rejected == {
        "malformed_json": 1,
        "invalid_origin": 1,
        "invalid_time_hour": 2,
        "duplicate": 1,
    }
    (kept,) = [row for row in delivered(spark, lake, DIM_WEATHER) if row[0] != -1]
    values = dict(zip(DIM_WEATHER.names, kept, strict=True))
    assert (values["temperature_c"], values["wind_speed_kmh"]) == (3.9, None)


def test_rejects_reference_rows_without_key_and_repeated_ones(
    spark: SparkSession, lake: Lake, tmp_path: Path
) -> None:
    weather(lake)
    airports = tmp_path / "airports.csv"
    rows = ("XXX,Somewhere,1,2,3,4,A,America/New_York", "XXX,NA,1,2,3,4,A,NA", ",Nowhere,1,2,3,4,A,NA")
    airports.write_text("\n".join(("faa,name,lat,lon,alt,tz,dst,tzone", *rows, "")))

    accounting = build(spark, lake, airports=f"file://{airports}")

    assert accounting.rejected == {"missing_key": 1, "duplicate": 1}
    assert [row[1:3] for row in delivered(spark, lake, DIM_AIRPORT) if row[0] != -1] == [("XXX", "Somewhere")]


def test_an_unknown_time_zone_is_null(spark: SparkSession, lake: Lake, tmp_path: Path) -> None:
    weather(lake)
    airports = tmp_path / "airports.csv"
    airports.write_text("faa,name,lat,lon,alt,tz,dst,tzone\nXXX,Nowhere,1,2,3,4,A,Mars/Olympus\n")

    build(spark, lake, airports=f"file://{airports}")

    rows = {row[1]: row[-1] for row in delivered(spark, lake, DIM_AIRPORT)}
    assert rows["XXX"] is None


def test_a_repeated_run_delivers_the_same_and_nothing_besides(spark: SparkSession, lake: Lake) -> None:
    weather(lake)
    build(spark, lake)
    before = [delivered(spark, lake, table) for table in DIMENSIONS]

    build(spark, lake)

    assert [delivered(spark, lake, table) for table in DIMENSIONS] == before
    accounting = lake.root / "warehouse" / "accounting" / "build_dimensions" / "r.json"
    assert json.loads(accounting.read_text())["written"]["dim_weather"] == 3


@pytest.mark.parametrize("damage", ["missing", "truncated"])
def test_missing_or_damaged_weather_fails_with_its_name(spark: SparkSession, lake: Lake, damage: str) -> None:
    weather(lake)
    path = lake.root / "raw" / weather_key(JANUARY_1)
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:60])

    with pytest.raises(UnreadableObjectError, match=r"weather-2013-01-01\.json\.gz"):
        build(spark, lake)


@pytest.mark.parametrize("content", [None, "faa;name\nEWR;Newark\n"])
def test_a_missing_or_foreign_reference_table_fails_with_its_name(
    spark: SparkSession, lake: Lake, tmp_path: Path, content: str | None
) -> None:
    weather(lake)
    airports = tmp_path / "airports.csv"
    if content is not None:
        airports.write_text(content)

    with pytest.raises(UnreadableObjectError, match=r"airports\.csv"):
        build(spark, lake, airports=f"file://{airports}")
