"""The three jobs, from their inputs' URIs to their accounting; the scripts only parse arguments and call."""

from __future__ import annotations

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from typing import Any

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession

from flights.accounting import Accounting, accounting_key
from flights.errors import AccountingError
from flights.schema import (
    CURATED_FLIGHTS,
    DIM_AIRCRAFT,
    DIM_AIRLINE,
    DIM_AIRPORT,
    DIM_DATE,
    DIM_WEATHER,
    FACT_AIRPORT_DAILY,
    FACT_FLIGHT,
    FACT_FLIGHT_LIFECYCLE,
    REJECTED_FLIGHTS,
)
from flights.sources.period import Period
from flights.spark.curation import classify, compact, curated, rejects
from flights.spark.days import files_by_day, read_days, replace_days
from flights.spark.delivery import FILES, deliver, read_delivery
from flights.spark.dimensions import calendar, judge_weather, weather_dimension
from flights.spark.facts import fact_airport_daily, fact_flight, fact_flight_lifecycle
from flights.spark.history import History
from flights.spark.raw import RawObjects
from flights.spark.reference import AIRPORTS, dimension, judge, read_reference
from flights.spark.rows import unknown_member
from flights.spark.snapshots import DATASETS, merge_snapshots
from flights.spark.storage import Storage
from flights.tables import Table


@dataclass(frozen=True)
class Curated:
    """What a run of curate_flights left: its accounting, and the days that have rejects."""

    accounting: Accounting
    days_with_rejects: list[date]


@dataclass(frozen=True)
class _Part:
    """What one dimension adds to the accounting: rows read by reason, None for valid ones; what these became,
    one for one; what was derived from them."""

    read: Mapping[str | None, int]
    main: dict[str, int]
    derived: dict[str, int] = field(default_factory=dict)


def curate_flights(
    spark: SparkSession, raw_zone: str, curated_zone: str, period: Period, run_key: str
) -> Curated:
    """Clean the period's raw flights into `<curated>/flights` and `<curated>/rejects/flights`.

    Nothing is written unless every object of the period is there and whole. Raises UnreadableObjectError if
    one is not, AccountingError if rows got lost.
    """
    objects = RawObjects(spark, raw_zone, "flights", period)
    classified = compact(classify(objects.lines(), len(list(period.months())))).persist()
    counts = _counts(classified, objects)
    folder, rejects_folder = f"{curated_zone}/flights", f"{curated_zone}/rejects/flights"
    replace_days(curated(classified), CURATED_FLIGHTS, folder, period)
    replace_days(rejects(classified), REJECTED_FLIGHTS, rejects_folder, period)
    classified.unpersist()
    rejected = dict[str, int]()
    _add(rejected, _counts(read_days(spark, REJECTED_FLIGHTS, rejects_folder, period)))
    accounting = Accounting(
        "curate_flights",
        run_key,
        read=sum(counts.values()),
        written={CURATED_FLIGHTS.name: read_days(spark, CURATED_FLIGHTS, folder, period).count()},
        main=(CURATED_FLIGHTS.name,),
        rejected=rejected,
    )
    _record(spark, curated_zone, accounting)
    return Curated(accounting, sorted(files_by_day(spark, rejects_folder, period)))


def build_dimensions(
    spark: SparkSession,
    raw_zone: str,
    curated_zone: str,
    warehouse_zone: str,
    airports: str,
    period: Period,
    run_key: str,
) -> Accounting:
    """Deliver all dimensions of a run: airlines and aircraft with all their versions, the airports of the CSV
    at the URI `airports`, the calendar by year, the period's weather.

    The accounting counts rows of new snapshots as `<data set>_snapshots`: they are merged, not delivered.
    """

    def versions(dataset: str) -> _Part:
        source = DATASETS[dataset]
        merged = merge_snapshots(spark, dataset, raw_zone, curated_zone)
        rows = History(source.table, source.key).versions(merged.changes)
        accepted = {f"{dataset}_snapshots": merged.counts.get(None, 0)}
        return _Part(merged.counts, accepted, delivered(rows, source.table, source.unknown))

    def places() -> _Part:
        judged = judge(read_reference(spark, AIRPORTS, airports), AIRPORTS).persist()
        counts = _counts(judged)
        written = delivered(dimension(judged, AIRPORTS), DIM_AIRPORT, AIRPORTS.unknown)
        return _Part(counts, written)

    def weather() -> _Part:
        objects = RawObjects(spark, raw_zone, "weather", period)
        hours = judge_weather(objects.lines()).persist()
        counts = _counts(hours, objects)
        return _Part(counts, delivered(weather_dimension(hours), DIM_WEATHER, {}, FILES))

    def days() -> _Part:
        return _Part({}, {}, delivered(calendar(spark, period), DIM_DATE, {}))

    def delivered(
        rows: DataFrame, table: Table, unknown: Mapping[str, Any], files: int = 1
    ) -> dict[str, int]:
        rows = rows.unionByName(unknown_member(spark, table, unknown)).coalesce(files)
        return {table.name: deliver(rows, table, warehouse_zone, run_key) - 1}

    # They need nothing of each other, and planning takes them longer than their few rows: side by side.
    with ThreadPoolExecutor() as pool:
        work = [*(partial(versions, dataset) for dataset in DATASETS), places, weather, days]
        parts = list(pool.map(lambda part: part(), work))
    rejected = dict[str, int]()
    for part in parts:
        _add(rejected, part.read)
    accounting = Accounting(
        "build_dimensions",
        run_key,
        read=sum(count for part in parts for count in part.read.values()),
        written={name: count for part in parts for name, count in (part.main | part.derived).items()},
        main=tuple(name for part in parts for name in part.main),
        rejected=rejected,
    )
    _record(spark, warehouse_zone, accounting)
    return accounting


def build_facts(
    spark: SparkSession, curated_zone: str, warehouse_zone: str, period: Period, run_key: str
) -> Accounting:
    """Deliver the period's facts, keyed by the dimensions that the same run delivered.

    Raises AccountingError if a flight was lost or doubled, or if the curated flights are not those that
    curate_flights counted in the same run.
    """
    flights = read_days(spark, CURATED_FLIGHTS, f"{curated_zone}/flights", period)
    read = flights.count()
    _compare_with_curation(spark, curated_zone, run_key, read)
    dimensions = (
        read_delivery(spark, table, warehouse_zone, run_key)
        for table in (DIM_AIRLINE, DIM_AIRPORT, DIM_AIRCRAFT, DIM_WEATHER)
    )
    written = {
        FACT_FLIGHT.name: deliver(fact_flight(flights, *dimensions), FACT_FLIGHT, warehouse_zone, run_key)
    }
    # From what was delivered: what is derived is what is loaded, and only its columns are read.
    facts = read_delivery(spark, FACT_FLIGHT, warehouse_zone, run_key)
    airports = read_delivery(spark, DIM_AIRPORT, warehouse_zone, run_key)
    lifecycle = fact_flight_lifecycle(facts, airports)
    written[FACT_FLIGHT_LIFECYCLE.name] = deliver(lifecycle, FACT_FLIGHT_LIFECYCLE, warehouse_zone, run_key)
    daily = fact_airport_daily(facts)
    written[FACT_AIRPORT_DAILY.name] = deliver(daily, FACT_AIRPORT_DAILY, warehouse_zone, run_key)
    accounting = Accounting("build_facts", run_key, read, written, (FACT_FLIGHT.name,))
    _record(spark, warehouse_zone, accounting)
    return accounting


def _counts(judged: DataFrame, objects: RawObjects | None = None) -> dict[str | None, int]:
    """Rows by reason, None for valid ones. The first action on the raw objects: a damaged one shows here."""
    try:
        return {row["reason"]: row["count"] for row in judged.groupBy("reason").count().collect()}
    except (Py4JJavaError, PySparkException) as error:
        if objects is not None and (damaged := objects.damaged()) is not None:
            raise damaged from error
        raise


def _add(total: dict[str, int], counts: Mapping[str | None, int]) -> None:
    for reason, count in counts.items():
        if reason is not None:
            total[reason] = total.get(reason, 0) + count


def _compare_with_curation(spark: SparkSession, curated_zone: str, run_key: str, read: int) -> None:
    """The run's own curation must have written what is read now; without one there is nothing to compare."""
    uri = f"{curated_zone}/{accounting_key('curate_flights', run_key)}"
    text = Storage(spark).read_text(uri)
    if text is None:
        return
    expected = json.loads(text)["written"]["flights"]
    if expected != read:
        raise AccountingError(
            f"curate_flights wrote {expected} flights in run {run_key} ({uri}), but build_facts read {read}: "
            "the curated days changed in between, or the two ran over different dates. Run both again."
        )


def _record(spark: SparkSession, zone: str, accounting: Accounting) -> None:
    """Write the accounting, right or wrong, then check it."""
    key = accounting_key(accounting.stage, accounting.run_key)
    Storage(spark).write_text(f"{zone}/{key}", accounting.to_json())
    accounting.check()
