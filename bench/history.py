"""A platform with a year of history, and one with ten: what was loaded before the day to measure."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date
from typing import Any

from pyspark.sql import SparkSession

from bench.warehouse import Warehouse
from flights.schema import FACTS
from flights.sources.airports import airports
from flights.sources.bts import flights_of_month
from flights.sources.carriers import AIRLINES
from flights.sources.faa import AIRCRAFT
from flights.sources.open_meteo import weather_of_period
from flights.sources.period import Period
from flights.sources.raw_objects import RawObject
from flights.sources.snapshots import days_asked, snapshots
from flights.spark.jobs import build_dimensions, build_facts, curate_flights
from local import processes, runtime
from local.errors import UserFacingError
from local.layout import BUCKET_LOCATION, HOST, ROOT
from local.replay.__main__ import AIRCRAFT_PATH, AIRLINES_PATH, FLIGHTS_PATH, WEATHER_PATH
from local.toolchain import tools

HISTORY = Period(date(2013, 1, 1), date(2013, 12, 30))
DAY = Period(date(2013, 12, 31), date(2013, 12, 31))
"""The day that is loaded in addition."""
ORIGINS = ("EWR", "JFK", "LGA")
AIRPORTS = (ROOT / "flights" / "reference" / "airports.csv").as_uri()
ZONES = ("raw", "curated", "warehouse")
WRITERS = 8


class Platform:
    """Buckets and a warehouse of its own for one length of history."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.buckets = {zone: f"bench-{name}-{zone}" for zone in ZONES}
        self.warehouse = Warehouse(f"bench-{name}")
        for bucket in self.buckets.values():
            runtime.client("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration=BUCKET_LOCATION)

    def zone(self, name: str) -> str:
        """URI of a zone."""
        return f"s3://{self.buckets[name]}"

    def run(self, spark: SparkSession, period: Period, run_key: str) -> None:
        """What the DAG has Spark do for a period."""
        raw, curated, warehouse = map(self.zone, ZONES)
        curate_flights(spark, raw, curated, period, run_key)
        build_dimensions(spark, raw, curated, warehouse, AIRPORTS, period, run_key)
        build_facts(spark, curated, warehouse, period, run_key)

    def load(self, period: Period, run_key: str) -> None:
        """What the DAG has the warehouse do for what Spark delivered."""
        self.warehouse.load(self.buckets["warehouse"], period, run_key)


def make(spark: SparkSession) -> tuple[Platform, Platform]:
    """The platforms with one and with ten years of history: the year 2013 as it was, and repeated before."""
    one, ten = Platform("1-year"), Platform("10-years")
    with _replay() as url:
        days = Period(HISTORY.start, DAY.end)
        for raw in _raw_objects(url, days):
            for platform in (one, ten):
                _put(platform.buckets["raw"], raw.key, raw.body)
    one.run(spark, HISTORY, "history")
    one.load(HISTORY, "history")
    _copy(one.buckets["curated"], ten.buckets["curated"], "flights/")
    _copy(one.buckets["warehouse"], ten.buckets["warehouse"], "")
    for zone, prefix in (("raw", "flights/"), ("raw", "weather/"), ("curated", "flights/")):
        _repeat(ten.buckets[zone], prefix)
    ten.load(HISTORY, "history")
    for table in FACTS:
        ten.warehouse.repeat(table, years=9)
    for platform in (one, ten):
        platform.warehouse.settle()
    return one, ten


def _raw_objects(url: str, period: Period) -> Iterator[RawObject]:
    for days in period.months():
        yield from flights_of_month(f"{url}{FLIGHTS_PATH}", days, ORIGINS)
    yield from weather_of_period(f"{url}{WEATHER_PATH}", period, airports(ORIGINS))
    for source, path in ((AIRCRAFT, AIRCRAFT_PATH), (AIRLINES, AIRLINES_PATH)):
        archive = f"{url}{path}"
        for snapshot in snapshots(source, archive, days_asked(archive, period)):
            yield snapshot.content


@contextmanager
def _replay() -> Iterator[str]:
    port = processes.free_port(8123)
    process = processes.spawn(
        "replay", [tools().main_python, "-m", "local.replay", "--port", str(port)], cwd=ROOT
    )
    while not processes.listening(port):
        if not process.running():
            raise UserFacingError(f"The replay of the sources did not start; its log is {process.log}.")
        time.sleep(0.1)
    try:
        yield f"http://{HOST}:{port}"
    finally:
        processes.stop("replay")


def _repeat(bucket: str, prefix: str) -> None:
    """Copy the objects of 2013 to the nine years before, day by day; their content nobody reads."""
    s3 = runtime.client("s3")

    def repeat(key: str) -> None:
        body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        for year in range(2004, 2013):
            _put(bucket, key.replace("2013", str(year)), body)

    _each(_keys(bucket, prefix), repeat)


def _copy(source: str, target: str, prefix: str) -> None:
    s3 = runtime.client("s3")

    def copy(key: str) -> None:
        _put(target, key, s3.get_object(Bucket=source, Key=key)["Body"].read())

    _each(_keys(source, prefix), copy)


def _keys(bucket: str, prefix: str) -> list[str]:
    pages = runtime.client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return [found["Key"] for page in pages for found in page.get("Contents", [])]


def _each(keys: Iterable[str], work: Any) -> None:
    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(work, keys))


def _put(bucket: str, key: str, body: bytes) -> None:
    runtime.client("s3").put_object(Bucket=bucket, Key=key, Body=body)
