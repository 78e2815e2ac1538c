"""Raw flights to curated flights and rejects: good rows get through, bad ones are kept with a reason."""

from __future__ import annotations

import gzip
import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from flights.errors import UnreadableObjectError
from flights.schema import CURATED_FLIGHTS, RAW_FLIGHTS, REJECTED_FLIGHTS
from flights.sources.period import Period
from flights.sources.raw_objects import flights_key
from flights.spark.days import read_days
from flights.spark.jobs import curate_flights
from tests.flights.raw_lines import CANCELLED, DIVERTED
from tests.flights.spark.lake import (
    JANUARY_1,
    JANUARY_2,
    JANUARY_3,
    PERIOD,
    Lake,
    csv_line,
    flight,
    sorted_rows,
)

pytestmark = pytest.mark.spark

HEADER = ",".join(RAW_FLIGHTS.names)


def curated_rows(spark: SparkSession, lake: Lake, period: Period = PERIOD) -> list[Any]:
    return sorted_rows(read_days(spark, CURATED_FLIGHTS, f"{lake.curated}/flights", period))


def rejected_rows(spark: SparkSession, lake: Lake, period: Period = PERIOD) -> list[Any]:
    return sorted_rows(read_days(spark, REJECTED_FLIGHTS, f"{lake.curated}/rejects/flights", period))


def files(lake: Lake, folder: str) -> list[Path]:
    return sorted((lake.root / "curated" / folder).rglob("*.parquet"))


def three_days(lake: Lake) -> None:
    lake.put_flights(JANUARY_1, [flight(), flight(Reporting_Airline="AA")])
    lake.put_flights(JANUARY_2, [flight(JANUARY_2), flight(JANUARY_2, Distance="-3")])
    lake.put_flights(JANUARY_3, [flight(JANUARY_3, Tail_Number="")])


DEFECTS = {
    "invalid_flight_date": {"FlightDate": "01/01/2013"},
    "wrong_partition_day": {"FlightDate": "2013-01-05"},
    "invalid_carrier": {"Reporting_Airline": ""},
    "invalid_flight_number": {"Flight_Number_Reporting_Airline": "ABC"},
    "invalid_airport": {"Dest": "Houston"},
    "invalid_tail_number": {"Tail_Number": "N1234567890"},
    "impossible_time": {"DepTime": "2561"},
    "non_numeric_delay": {"DepDelay": "two"},
    "impossible_delay": {"ArrDelay": "99999"},
    "invalid_flag": {"Diverted": "yes"},
    "invalid_cancellation_code": {"CancellationCode": "Z"},
    "impossible_air_time": {"AirTime": "-1"},
    "impossible_distance": {"Distance": "-1400.00"},
}


def test_rejects_each_planted_defect_with_its_reason_and_keeps_the_good_rows(
    spark: SparkSession, lake: Lake
) -> None:
    planted = [flight(**changes) for changes in DEFECTS.values()]
    short, long = csv_line(flight()).rpartition(",")[0], csv_line(flight()) + ",surplus"
    lines = [HEADER, csv_line(flight(CRSDepTime="0600")), *map(csv_line, planted), short, long]
    lake.put_lines(JANUARY_1, lines)
    lake.put_flights(JANUARY_2, [flight(JANUARY_2)])

    done = curate_flights(spark, lake.raw, lake.curated, Period(JANUARY_1, JANUARY_2), "r")

    assert done.accounting.rejected == {**dict.fromkeys(DEFECTS, 1), "wrong_column_count": 2}
    assert (done.accounting.read, done.accounting.written) == (17, {"flights": 2})
    assert done.days_with_rejects == [JANUARY_1]
    rejects = read_days(spark, REJECTED_FLIGHTS, f"{lake.curated}/rejects/flights", PERIOD).collect()
    by_reason = {row.reason: row for row in rejects}
    assert by_reason["non_numeric_delay"].DepDelay == "two"
    assert {row.source_key for row in rejects} == {flights_key(JANUARY_1)}
    assert {short, long} <= {row.line for row in rejects}


def test_types_every_column(spark: SparkSession, lake: Lake) -> None:
    lake.put_flights(JANUARY_1, [flight()])

    curate_flights(spark, lake.raw, lake.curated, Period(JANUARY_1, JANUARY_1), "r")

    assert curated_rows(spark, lake) == [
        (
            *(JANUARY_1, "UA", 1545, "N14228", "EWR", "IAH", 515, 517, 2, 819, 830, 11),
            *(False, None, False, 227, 1400),
        )
    ]


def test_keeps_cancelled_and_diverted_flights_and_midnight_as_2400(spark: SparkSession, lake: Lake) -> None:
    lake.put_flights(
        JANUARY_1,
        [
            flight(Flight_Number_Reporting_Airline="1", **CANCELLED),
            flight(Flight_Number_Reporting_Airline="2", **DIVERTED),
            flight(Flight_Number_Reporting_Airline="3", DepTime="2400"),
        ],
    )

    curate_flights(spark, lake.raw, lake.curated, Period(JANUARY_1, JANUARY_1), "r")

    rows = (
        read_days(spark, CURATED_FLIGHTS, f"{lake.curated}/flights", PERIOD)
        .orderBy("flight_number")
        .collect()
    )
    assert [(row.cancelled, row.cancellation_code, row.diverted, row.dep_time) for row in rows] == [
        (True, "B", False, None),
        (False, None, True, 517),
        (False, None, False, 2400),
    ]


@pytest.mark.parametrize("reverse", [False, True])
def test_keeps_the_fullest_of_duplicates_whatever_their_order(
    spark: SparkSession, lake: Lake, reverse: bool
) -> None:
    best = flight(DepTime="0518")
    rows = [
        flight(**CANCELLED),
        flight(Tail_Number=""),
        best,
        flight(Flight_Number_Reporting_Airline="01545"),
    ]
    lake.put_flights(JANUARY_1, [*(reversed(rows) if reverse else rows), flight(Origin="JFK")])

    done = curate_flights(spark, lake.raw, lake.curated, Period(JANUARY_1, JANUARY_1), "r")

    kept = read_days(spark, CURATED_FLIGHTS, f"{lake.curated}/flights", PERIOD).collect()
    assert {(row.origin, row.dep_time) for row in kept} == {("EWR", 518), ("JFK", 517)}
    assert done.accounting.rejected == {"duplicate": 3}


def test_an_invalid_row_is_no_duplicate_of_a_valid_one(spark: SparkSession, lake: Lake) -> None:
    lake.put_flights(JANUARY_1, [flight(Distance="0"), flight()])

    done = curate_flights(spark, lake.raw, lake.curated, Period(JANUARY_1, JANUARY_1), "r")

    assert done.accounting.rejected == {"impossible_distance": 1}


def test_rejects_all_rows_under_a_wrong_header_and_no_other_days(spark: SparkSession, lake: Lake) -> None:
    lake.put_flights(JANUARY_1, [flight(), flight()], header=HEADER.replace("Origin,Dest", "Dest,Origin"))
    lake.put_flights(JANUARY_2, [flight(JANUARY_2)])

    done = curate_flights(spark, lake.raw, lake.curated, Period(JANUARY_1, JANUARY_2), "r")

    assert (done.accounting.read, done.accounting.rejected) == (3, {"wrong_header": 2})
    assert [row[0] for row in curated_rows(spark, lake)] == [JANUARY_2]


def test_a_first_line_that_is_a_row_is_counted_as_one(spark: SparkSession, lake: Lake) -> None:
    lake.put_lines(JANUARY_1, [csv_line(flight()), csv_line(flight(Origin="JFK"))])

    done = curate_flights(spark, lake.raw, lake.curated, Period(JANUARY_1, JANUARY_1), "r")

    assert (done.accounting.read, done.accounting.rejected) == (2, {"wrong_header": 2})


def test_accepts_quotes_byte_order_mark_and_windows_line_ends(spark: SparkSession, lake: Lake) -> None:
    quoted = ['"' + line.replace(",", '","') + '"\r' for line in (HEADER, csv_line(flight()))]
    lake.put_lines(JANUARY_1, ["\ufeff" + quoted[0], quoted[1], ""])

    done = curate_flights(spark, lake.raw, lake.curated, Period(JANUARY_1, JANUARY_1), "r")

    assert (done.accounting.read, done.accounting.rejected) == (1, {})


def test_a_day_without_flights_passes_with_no_row(spark: SparkSession, lake: Lake) -> None:
    lake.put_flights(JANUARY_1, [])
    lake.put_flights(JANUARY_2, [flight(JANUARY_2)])

    both = curate_flights(spark, lake.raw, lake.curated, Period(JANUARY_1, JANUARY_2), "both")
    alone = curate_flights(spark, lake.raw, lake.curated, Period(JANUARY_1, JANUARY_1), "alone")

    assert (both.accounting.read, both.accounting.written) == (1, {"flights": 1})
    assert (alone.accounting.read, alone.accounting.written) == (0, {"flights": 0})


def test_a_missing_day_fails_with_its_name_and_writes_nothing(spark: SparkSession, lake: Lake) -> None:
    three_days(lake)
    (lake.root / "raw" / flights_key(JANUARY_2)).unlink()

    with pytest.raises(UnreadableObjectError, match=r"1 of 3 raw objects are missing.*flights-2013-01-02"):
        curate_flights(spark, lake.raw, lake.curated, PERIOD, "r")

    assert files(lake, "") == []


@pytest.mark.parametrize("damage", ["truncated", "not gzip", "flipped byte", "empty"])
def test_a_damaged_object_fails_with_its_name_and_a_repair_sets_all_right(
    spark: SparkSession, lake: Lake, damage: str
) -> None:
    three_days(lake)
    path = lake.root / "raw" / flights_key(JANUARY_2)
    whole = path.read_bytes()
    flipped = bytearray(whole)
    flipped[-6] ^= 0xFF
    path.write_bytes(
        {"truncated": whole[: len(whole) // 2], "not gzip": HEADER.encode(), "empty": b""}.get(
            damage, bytes(flipped)
        )
    )

    with pytest.raises(UnreadableObjectError) as failure:
        curate_flights(spark, lake.raw, lake.curated, PERIOD, "r")

    assert flights_key(JANUARY_2) in str(failure.value)
    assert flights_key(JANUARY_1) not in str(failure.value)
    assert files(lake, "") == []

    path.write_bytes(whole)
    done = curate_flights(spark, lake.raw, lake.curated, PERIOD, "r")
    assert (done.accounting.read, done.accounting.written) == (5, {"flights": 4})


def test_a_repeated_run_changes_nothing_and_leaves_one_file_a_day(spark: SparkSession, lake: Lake) -> None:
    three_days(lake)
    first = curate_flights(spark, lake.raw, lake.curated, PERIOD, "r")
    before = curated_rows(spark, lake), rejected_rows(spark, lake)

    second = curate_flights(spark, lake.raw, lake.curated, PERIOD, "r")

    assert second == first
    assert (curated_rows(spark, lake), rejected_rows(spark, lake)) == before
    days = ["year=2013/month=01/day=01", "year=2013/month=01/day=02", "year=2013/month=01/day=03"]
    folder = lake.root / "curated" / "flights"
    assert [str(path.parent.relative_to(folder)) for path in files(lake, "flights")] == days


def test_day_by_day_equals_the_whole_range(spark: SparkSession, tmp_path: Path) -> None:
    whole, daily = Lake(tmp_path / "whole"), Lake(tmp_path / "daily")
    for lake in (whole, daily):
        three_days(lake)

    curate_flights(spark, whole.raw, whole.curated, PERIOD, "r")
    for day in reversed(PERIOD.days()):
        curate_flights(spark, daily.raw, daily.curated, Period(day, day), f"r{day.day}")

    assert curated_rows(spark, daily) == curated_rows(spark, whole)
    assert rejected_rows(spark, daily) == rejected_rows(spark, whole)


def test_a_corrected_day_replaces_its_rows_and_rejects_and_no_other_day(
    spark: SparkSession, lake: Lake
) -> None:
    three_days(lake)
    curate_flights(spark, lake.raw, lake.curated, PERIOD, "r")
    others = [file for file in files(lake, "flights") if "day=02" not in str(file)]
    lake.put_flights(JANUARY_2, [])

    done = curate_flights(spark, lake.raw, lake.curated, Period(JANUARY_2, JANUARY_2), "fix")

    assert done.days_with_rejects == []
    assert files(lake, "flights") == others
    assert rejected_rows(spark, lake) == []


def test_a_whole_month_is_read_without_other_objects_in_its_folders(spark: SparkSession, lake: Lake) -> None:
    month = Period(date(2013, 2, 1), date(2013, 2, 28))
    for day in month.days():
        lake.put_flights(day, [flight(day)])
    stray = flights_key(month.start).replace("flights-2013-02-01", "copy-of-flights-2013-02-01")
    lake.put(stray, gzip.compress(f"{HEADER}\n{csv_line(flight(month.start, Origin='JFK'))}\n".encode()))

    done = curate_flights(spark, lake.raw, lake.curated, month, "r")

    assert (done.accounting.read, done.accounting.written) == (28, {"flights": 28})


def test_records_its_accounting(spark: SparkSession, lake: Lake) -> None:
    three_days(lake)

    curate_flights(spark, lake.raw, lake.curated, PERIOD, "run_1")

    path = lake.root / "curated" / "accounting" / "curate_flights" / "run_1.json"
    assert json.loads(path.read_text()) == {
        "stage": "curate_flights",
        "run_key": "run_1",
        "read": 5,
        "written": {"flights": 4},
        "main": ["flights"],
        "rejected": {"impossible_distance": 1},
    }
