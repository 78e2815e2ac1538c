"""Curated flights to facts."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import Row, SparkSession

from flights.errors import AccountingError, UnreadableObjectError
from flights.keys import surrogate_key
from flights.schema import (
    BEGINNING,
    DIM_AIRLINE,
    FACT_AIRPORT_DAILY,
    FACT_FLIGHT,
    FACT_FLIGHT_LIFECYCLE,
    FACTS,
)
from flights.sources.period import Period
from flights.spark.delivery import read_delivery, run_folder
from flights.spark.jobs import build_dimensions, build_facts, curate_flights
from flights.tables import Table
from tests.flights.raw_lines import CANCELLED, DIVERTED, TURNED_BACK
from tests.flights.spark.lake import (
    JANUARY_1,
    JANUARY_2,
    JANUARY_3,
    PERIOD,
    Lake,
    aircraft,
    flight,
    hour,
    sorted_rows,
)

pytestmark = pytest.mark.spark

DAY = Period(JANUARY_1, JANUARY_1)


def run(spark: SparkSession, lake: Lake, period: Period, run_key: str = "r") -> None:
    curate_flights(spark, lake.raw, lake.curated, period, run_key)
    build_dimensions(spark, lake.raw, lake.curated, lake.warehouse, lake.airports, period, run_key)
    build_facts(spark, lake.curated, lake.warehouse, period, run_key)


def delivered(spark: SparkSession, lake: Lake, table: Table, run_key: str = "r") -> list[Row]:
    return read_delivery(spark, table, lake.warehouse, run_key).collect()


def by_number(spark: SparkSession, lake: Lake) -> dict[int, Any]:
    return {row.flight_number: row for row in delivered(spark, lake, FACT_FLIGHT)}


def numbered(*changes: dict[str, str]) -> list[dict[str, str]]:
    return [
        flight(Flight_Number_Reporting_Airline=str(n), **change) for n, change in enumerate(changes, start=1)
    ]


def test_keys_a_flight_by_its_dimensions(spark: SparkSession, lake: Lake) -> None:
    lake.put_flights(JANUARY_1, [flight(Tail_Number="N10156")])
    lake.put_weather(JANUARY_1, [hour("2013-01-01T10:00:00Z")])

    run(spark, lake, DAY)

    (row,) = delivered(spark, lake, FACT_FLIGHT)
    assert row.flight_key == surrogate_key(JANUARY_1, "UA", 1545, "EWR")
    assert row.date_key == 20130101
    assert row.airline_key == surrogate_key("UA", BEGINNING)
    assert (row.origin_airport_key, row.dest_airport_key) == (surrogate_key("EWR"), surrogate_key("IAH"))
    assert row.aircraft_key == surrogate_key("N10156", BEGINNING)
    assert row.sched_dep_hour_utc == datetime(2013, 1, 1, 10), "05:15 in New York"
    assert row.weather_key == surrogate_key("EWR", "2013-01-01T10:00:00Z")
    assert (row.dep_delay_minutes, row.arr_delay_minutes, row.distance_miles) == (2, 11, 1400)


def test_keeps_flights_whose_airport_aircraft_airline_or_weather_is_unknown(
    spark: SparkSession, lake: Lake
) -> None:
    rows = numbered(
        {"Dest": "SJU"},
        {"Tail_Number": "N99999"},
        {"Tail_Number": ""},
        {"Reporting_Airline": "ZZ"},
        {"Origin": "QQQ"},
    )
    lake.put_flights(JANUARY_1, rows)
    lake.put_weather(JANUARY_1, [])

    run(spark, lake, DAY)

    facts = by_number(spark, lake)
    assert len(facts) == 5
    assert (facts[1].dest_airport_key, facts[1].dest) == (-1, "SJU")
    assert (facts[2].aircraft_key, facts[3].aircraft_key) == (-1, -1)
    assert facts[4].airline_key == -1
    assert (facts[5].origin_airport_key, facts[5].sched_dep_hour_utc) == (-1, None), "no time zone"
    assert {row.weather_key for row in facts.values()} == {-1}


def test_schedules_in_utc_over_midnight_and_the_clock_change(spark: SparkSession, lake: Lake) -> None:
    lake.put_flights(JANUARY_1, numbered({"CRSDepTime": "2400"}, {"CRSDepTime": "1959"}, {"Origin": "HNL"}))
    lake.put_weather(JANUARY_1, [])
    july = JANUARY_1.replace(month=7)
    lake.put_flights(july, [flight(july)])
    lake.put_weather(july, [])

    run(spark, lake, DAY)
    facts = by_number(spark, lake)
    run(spark, lake, Period(july, july), "july")

    assert [facts[n].sched_dep_hour_utc for n in (1, 2, 3)] == [
        datetime(2013, 1, 2, 5),
        datetime(2013, 1, 2, 0),
        datetime(2013, 1, 1, 15),
    ]
    (summer,) = delivered(spark, lake, FACT_FLIGHT, "july")
    assert summer.sched_dep_hour_utc == datetime(2013, 7, 1, 9)


def test_keys_a_flight_by_the_version_of_its_date(spark: SparkSession, lake: Lake) -> None:
    lake.put_snapshot("aircraft", JANUARY_2, [aircraft("N14228", seats="60"), aircraft("N99999")])
    lake.put_snapshot("airlines", JANUARY_3, [{"carrier": "UA", "name": "United Airlines"}])
    for day in PERIOD.days():
        lake.put_flights(
            day,
            numbered(
                {"FlightDate": f"{day}"},
                {"FlightDate": f"{day}", "Tail_Number": "N10156"},
                {"FlightDate": f"{day}", "Tail_Number": "N99999", "Reporting_Airline": "DL"},
            ),
        )
        lake.put_weather(day, [])

    run(spark, lake, PERIOD)

    keys = {(row.flight_number, row.flight_date.day): row for row in delivered(spark, lake, FACT_FLIGHT)}
    first, second = surrogate_key("N14228", BEGINNING), surrogate_key("N14228", JANUARY_2)
    assert [keys[1, day].aircraft_key for day in (1, 2, 3)] == [first, second, second]
    assert [keys[2, day].aircraft_key for day in (1, 2, 3)] == [surrogate_key("N10156", BEGINNING), -1, -1]
    assert {keys[3, day].aircraft_key for day in (1, 2, 3)} == {surrogate_key("N99999", BEGINNING)}
    united = [surrogate_key("UA", BEGINNING)] * 2 + [surrogate_key("UA", JANUARY_3)]
    assert [keys[1, day].airline_key for day in (1, 2, 3)] == united
    assert [keys[3, day].airline_key for day in (1, 2, 3)] == [surrogate_key("DL", BEGINNING)] * 2 + [-1]


def test_tells_how_far_each_flight_has_come(spark: SparkSession, lake: Lake) -> None:
    lake.put_flights(
        JANUARY_1,
        numbered(
            {},
            CANCELLED,
            DIVERTED,
            {"ArrTime": "", "ArrDelay": ""},
            {"DepTime": "", "DepDelay": "", "ArrTime": "", "ArrDelay": ""},
        ),
    )
    lake.put_weather(JANUARY_1, [])

    run(spark, lake, DAY)

    rows = {row.flight_key: row for row in delivered(spark, lake, FACT_FLIGHT_LIFECYCLE)}
    arrived, cancelled, diverted, departed, scheduled = (
        rows[surrogate_key(JANUARY_1, "UA", n, "EWR")] for n in (1, 2, 3, 4, 5)
    )
    assert [arrived.scheduled_departure_utc, arrived.departed_at_utc] == [
        datetime(2013, 1, 1, 10, 15),
        datetime(2013, 1, 1, 10, 17),
    ]
    assert [arrived.scheduled_arrival_utc, arrived.arrived_at_utc] == [
        datetime(2013, 1, 1, 14, 19),
        datetime(2013, 1, 1, 14, 30),
    ]
    assert (arrived.departure_lag_minutes, arrived.arrival_lag_minutes, arrived.gate_to_gate_minutes) == (
        2,
        11,
        253,
    )
    assert arrived.status == "arrived"
    for row, status, milestones in (
        (cancelled, "cancelled", (False, False)),
        (diverted, "diverted", (True, False)),
        (departed, "departed", (True, False)),
        (scheduled, "scheduled", (False, False)),
    ):
        assert row.status == status
        assert (row.departed_at_utc is not None, row.arrived_at_utc is not None) == milestones, status
        assert row.scheduled_arrival_utc == datetime(2013, 1, 1, 14, 19)
        assert row.gate_to_gate_minutes is None


def test_an_arrival_is_scheduled_for_the_first_such_time_after_the_departure(
    spark: SparkSession, lake: Lake
) -> None:
    lake.put_flights(
        JANUARY_1,
        numbered(
            {"CRSDepTime": "2359", "CRSArrTime": "0315"},
            {"CRSDepTime": "1000", "CRSArrTime": "1540", "Dest": "HNL"},
            {"Origin": "IAH", "Dest": "EWR", "CRSDepTime": "2200", "CRSArrTime": "2400"},
            {"Dest": "SJU"},
            {"ArrDelay": "2000.00", "DepDelay": "-30.00"},
        ),
    )
    lake.put_weather(JANUARY_1, [])

    run(spark, lake, DAY)

    rows = {row.flight_key: row for row in delivered(spark, lake, FACT_FLIGHT_LIFECYCLE)}
    night, west, midnight, unknown, late = (
        rows[surrogate_key(JANUARY_1, "UA", n, "IAH" if n == 3 else "EWR")] for n in (1, 2, 3, 4, 5)
    )
    assert night.scheduled_arrival_utc == datetime(2013, 1, 2, 9, 15)
    assert west.scheduled_arrival_utc == datetime(2013, 1, 2, 1, 40)
    assert midnight.scheduled_arrival_utc == datetime(2013, 1, 2, 5, 0)
    assert (unknown.scheduled_arrival_utc, unknown.arrived_at_utc) == (None, None), "no time zone"
    assert (unknown.status, unknown.arrival_lag_minutes) == ("arrived", 11)
    assert late.departed_at_utc == datetime(2013, 1, 1, 9, 45)
    assert late.arrived_at_utc == datetime(2013, 1, 2, 23, 39)


def test_sums_up_each_airport_s_day(spark: SparkSession, lake: Lake) -> None:
    lake.put_flights(
        JANUARY_1,
        numbered(
            {"DepDelay": "0.00", "ArrDelay": "-10.00"},
            {"DepDelay": "15.00", "ArrDelay": "14.00"},
            {"DepDelay": "100.00", "ArrDelay": "90.00"},
            {**CANCELLED, **TURNED_BACK},
            DIVERTED,
            {"Dest": "SJU"},
            {"Origin": "IAH", "Dest": "EWR"},
        ),
    )
    lake.put_weather(JANUARY_1, [])

    run(spark, lake, DAY)

    rows = {row.airport: row.asDict() for row in delivered(spark, lake, FACT_AIRPORT_DAILY)}
    assert set(rows) == {"EWR", "IAH", "SJU"}
    departing, arriving = rows["EWR"], rows["IAH"]
    figures = ("scheduled", "", "cancelled", "delayed")
    assert [departing[f"departures_{name}".rstrip("_")] for name in figures] == [6, 5, 1, 2]
    assert departing["mean_dep_delay_minutes"] == pytest.approx((0 + 15 + 100 + 2 + 2) / 5)
    assert departing["max_dep_delay_minutes"] == 100
    assert departing["p95_dep_delay_minutes"] == pytest.approx(83.0)
    figures = ("scheduled", "", "cancelled", "diverted", "delayed")
    assert [arriving[f"arrivals_{name}".rstrip("_")] for name in figures] == [5, 3, 1, 1, 1]
    assert arriving["mean_arr_delay_minutes"] == pytest.approx((-10 + 14 + 90) / 3)
    assert (arriving["departures_scheduled"], arriving["airport_key"]) == (1, surrogate_key("IAH"))
    assert (rows["SJU"]["airport_key"], rows["SJU"]["departures_scheduled"]) == (-1, 0)
    assert rows["SJU"]["mean_dep_delay_minutes"] is None


def three_days(lake: Lake) -> None:
    for day in PERIOD.days():
        flights = [
            flight(day),
            flight(day, Origin="JFK", CRSDepTime="2300"),
            flight(day, Reporting_Airline="DL"),
        ]
        lake.put_flights(day, flights if day != JANUARY_3 else [])
        lake.put_weather(
            day, [hour(f"{day}T10:00:00Z"), hour(f"{day.replace(day=day.day + 1)}T04:00:00Z", "JFK")]
        )


def test_day_by_day_equals_the_whole_range_and_a_repetition(spark: SparkSession, lake: Lake) -> None:
    three_days(lake)
    period = Period(JANUARY_2, JANUARY_3)

    run(spark, lake, period)
    whole = [sorted_rows(read_delivery(spark, table, lake.warehouse, "r")) for table in FACTS]
    build_facts(spark, lake.curated, lake.warehouse, period, "r")
    again = [sorted_rows(read_delivery(spark, table, lake.warehouse, "r")) for table in FACTS]
    for day in period.days():
        run(spark, lake, Period(day, day), f"r{day.day}")
    runs = [
        sorted((tuple(row) for day in (2, 3) for row in delivered(spark, lake, table, f"r{day}")), key=repr)
        for table in FACTS
    ]

    assert again == whole
    assert runs == whole
    assert len(whole[0]) == 3
    assert all(row[6] != -1 for row in whole[0] if row[8] == "UA"), "late evening flights find their weather"


def test_a_day_without_flights_delivers_a_file_for_copy(spark: SparkSession, lake: Lake) -> None:
    three_days(lake)

    run(spark, lake, Period(JANUARY_3, JANUARY_3))

    for table in FACTS:
        folder = Path(run_folder(lake.warehouse, table, "r").removeprefix("file://"))
        assert delivered(spark, lake, table) == []
        assert len(list(folder.glob("*.parquet"))) == 1
        assert not (folder / "_SUCCESS").exists()


def test_fails_when_curated_flights_are_not_those_that_were_counted(spark: SparkSession, lake: Lake) -> None:
    three_days(lake)
    run(spark, lake, PERIOD)
    curate_flights(spark, lake.raw, lake.curated, Period(JANUARY_2, JANUARY_2), "other")
    lake.put_flights(JANUARY_1, [])
    curate_flights(spark, lake.raw, lake.curated, DAY, "correction")

    with pytest.raises(AccountingError, match=r"wrote 6 flights in run r .* but build_facts read 3"):
        build_facts(spark, lake.curated, lake.warehouse, PERIOD, "r")


def test_fails_when_a_dimension_doubles_flights_and_says_how_many(spark: SparkSession, lake: Lake) -> None:
    three_days(lake)
    run(spark, lake, PERIOD)
    airlines = read_delivery(spark, DIM_AIRLINE, lake.warehouse, "r").where("carrier = 'DL'").collect()
    twice = spark.createDataFrame(airlines, DIM_AIRLINE.ddl)
    twice.write.mode("append").parquet(run_folder(lake.warehouse, DIM_AIRLINE, "r"))

    with pytest.raises(AccountingError, match="2 rows are too many"):
        build_facts(spark, lake.curated, lake.warehouse, PERIOD, "r")

    recorded = json.loads((lake.root / "warehouse" / "accounting" / "build_facts" / "r.json").read_text())
    assert (recorded["read"], recorded["written"]["fact_flight"]) == (6, 8)


def test_fails_without_the_run_s_dimensions(spark: SparkSession, lake: Lake) -> None:
    three_days(lake)
    curate_flights(spark, lake.raw, lake.curated, PERIOD, "r")

    with pytest.raises(UnreadableObjectError, match="run build_dimensions with this run key first"):
        build_facts(spark, lake.curated, lake.warehouse, PERIOD, "r")
