"""Snapshots of the raw zone to the history in the curated zone: what is merged, kept and refused."""

from __future__ import annotations

import gzip
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from flights.errors import UnreadableObjectError
from flights.schema import BEGINNING, DIM_AIRCRAFT, END_OF_TIME
from flights.spark.history import History
from flights.spark.snapshots import Merged, merge_snapshots
from tests.flights.spark.lake import AIRLINES, JANUARY_1, Lake, aircraft

pytestmark = pytest.mark.spark

APRIL, JULY = date(2013, 4, 1), date(2013, 7, 1)
HISTORY = History(DIM_AIRCRAFT, "tail_number")
LATE = [aircraft("N14228", seats="60"), aircraft("N20000")]
LATER = [aircraft("N14228", seats="60"), aircraft("N10156")]


def merge(spark: SparkSession, lake: Lake) -> Merged:
    return merge_snapshots(spark, "aircraft", lake.raw, lake.curated)


def versions(merged: Merged) -> list[tuple[Any, ...]]:
    rows = HISTORY.versions(merged.changes).collect()
    return sorted((row.tail_number, row.valid_from, row.valid_to, row.seats) for row in rows)


def state_files(lake: Lake) -> dict[Path, int]:
    folder = lake.root / "curated" / "dimensions" / "dim_aircraft"
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def test_changes_new_and_vanished_aircraft_become_versions(spark: SparkSession, lake: Lake) -> None:
    lake.put_snapshot("aircraft", APRIL, LATE)

    merged = merge(spark, lake)

    assert merged.counts == {None: 4}
    assert versions(merged) == [
        ("N10156", BEGINNING, APRIL, 55),
        ("N14228", BEGINNING, APRIL, 55),
        ("N14228", APRIL, END_OF_TIME, 60),
        ("N20000", BEGINNING, END_OF_TIME, 55),
    ]


def test_a_run_without_a_new_snapshot_reads_none_and_writes_nothing(spark: SparkSession, lake: Lake) -> None:
    first = merge(spark, lake)
    before = state_files(lake)

    again = merge(spark, lake)

    assert versions(again) == versions(first)
    assert again.counts == {}
    assert state_files(lake) == before


def test_a_late_snapshot_gives_what_the_right_order_gives(
    spark: SparkSession, lake: Lake, tmp_path: Path
) -> None:
    lake.put_snapshot("aircraft", JULY, LATER)
    merge(spark, lake)
    lake.put_snapshot("aircraft", APRIL, LATE)

    merged = merge(spark, lake)

    assert merged.counts == {None: 2}
    assert versions(merged) == [
        ("N10156", BEGINNING, APRIL, 55),
        ("N10156", JULY, END_OF_TIME, 55),
        ("N14228", BEGINNING, APRIL, 55),
        ("N14228", APRIL, END_OF_TIME, 60),
        ("N20000", BEGINNING, JULY, 55),
    ]
    fresh = Lake(tmp_path / "fresh")
    fresh.raw = lake.raw
    assert versions(merge(spark, fresh)) == versions(merged)


def test_a_corrected_and_a_deleted_snapshot_leave_no_trace_of_what_they_were(
    spark: SparkSession, lake: Lake
) -> None:
    wrong = lake.put_snapshot("aircraft", APRIL, [aircraft("N14228", seats="999")])
    lake.put_snapshot("aircraft", JULY, LATER)
    merge(spark, lake)

    lake.put_snapshot("aircraft", APRIL, LATE)
    corrected = versions(merge(spark, lake))
    wrong.unlink()
    deleted = versions(merge(spark, lake))

    assert 999 not in {seats for *_, seats in corrected}
    assert ("N20000", BEGINNING, JULY, 55) in corrected
    assert deleted == [
        ("N10156", BEGINNING, END_OF_TIME, 55),
        ("N14228", BEGINNING, JULY, 55),
        ("N14228", JULY, END_OF_TIME, 60),
    ]
    folders = {path.parent.name for path in state_files(lake) if path.suffix == ".parquet"}
    assert len(folders) == 1, "older states are deleted"


def test_rows_without_key_and_repeated_ones_are_counted_and_dropped(spark: SparkSession, lake: Lake) -> None:
    rows = [aircraft("N1", seats="NA"), aircraft("N1"), aircraft(""), aircraft(" N2 "), aircraft("NA")]
    lake.put_snapshot("aircraft", JANUARY_1, rows)

    merged = merge(spark, lake)

    assert merged.counts == {None: 3, "missing_key": 1, "duplicate": 1}
    assert versions(merged) == [(key, BEGINNING, END_OF_TIME, 55) for key in ("N1", "N2", "NA")]


def test_texts_are_cut_to_what_copy_takes_and_longer_keys_rejected(spark: SparkSession, lake: Lake) -> None:
    long = {"manufacturer": "x" * 51, "model": "é" * 50, "engine": "é" * 25}
    lake.put_snapshot("aircraft", JANUARY_1, [aircraft("N1", **long), aircraft("N1234567890")])

    merged = merge(spark, lake)

    assert merged.counts == {None: 1, "long_key": 1}
    (row,) = HISTORY.versions(merged.changes).collect()
    assert (row.manufacturer, row.model, row.engine) == ("x" * 50, "é" * 12, "é" * 25)


def test_before_the_first_snapshot_the_history_is_empty_and_nothing_is_kept(
    spark: SparkSession, tmp_path: Path
) -> None:
    lake = Lake(tmp_path)

    assert versions(merge(spark, lake)) == []
    assert merge(spark, lake).counts == {}
    assert state_files(lake) == {}

    lake.put_snapshot("aircraft", APRIL, [aircraft("N14228")])
    assert versions(merge(spark, lake)) == [("N14228", BEGINNING, END_OF_TIME, 55)]


def test_a_history_is_not_given_up_because_every_snapshot_is_gone(spark: SparkSession, lake: Lake) -> None:
    merge(spark, lake)
    kept = state_files(lake)
    for snapshot in (lake.root / "raw" / "aircraft").rglob("*.csv.gz"):
        snapshot.unlink()

    with pytest.raises(UnreadableObjectError, match="All 1 snapshots of the aircraft that had been merged"):
        merge(spark, lake)

    assert state_files(lake) == kept


@pytest.mark.parametrize("defect", ["no rows", "another header", "cut off"])
def test_a_snapshot_that_can_not_be_true_is_refused_by_name_and_leaves_the_history(
    spark: SparkSession, lake: Lake, defect: str
) -> None:
    before = versions(merge(spark, lake))
    kept = state_files(lake)
    bad = lake.put_snapshot("aircraft", APRIL, [] if defect == "no rows" else LATE)
    if defect == "another header":
        bad.write_bytes(gzip.compress(b"carrier,name\n" + str(AIRLINES).encode()))
    if defect == "cut off":
        bad.write_bytes(bad.read_bytes()[:-12])

    with pytest.raises(UnreadableObjectError, match=r"aircraft-2013-04-01\.csv\.gz"):
        merge(spark, lake)

    assert state_files(lake) == kept
    bad.unlink()
    assert versions(merge(spark, lake)) == before
