"""A small lake on disk, its Spark session, and rows to plant in it."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import sys
from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession

from flights.schema import RAW_AIRCRAFT, RAW_AIRLINES, RAW_FLIGHTS
from flights.sources.period import Period
from flights.sources.raw_objects import flights_key, weather_key
from flights.spark.session import SETTINGS
from tests.flights.raw_lines import VALID

REFERENCE = Path(__file__).parents[3] / "flights" / "reference"
JANUARY_1, JANUARY_2, JANUARY_3 = date(2013, 1, 1), date(2013, 1, 2), date(2013, 1, 3)
PERIOD = Period(JANUARY_1, JANUARY_3)
SNAPSHOT_HEADERS = {"airlines": RAW_AIRLINES.names, "aircraft": RAW_AIRCRAFT.names}
AIRLINES = [
    {"carrier": "UA", "name": "United Air Lines Inc."},
    {"carrier": "DL", "name": "Delta Air Lines Inc."},
]


@pytest.fixture(scope="session")
def spark() -> Iterator[SparkSession]:
    """One session for all tests of a worker, the smallest that behaves like the jobs' own."""
    os.environ["PYSPARK_PYTHON"] = os.environ["PYSPARK_DRIVER_PYTHON"] = sys.executable
    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    builder = SparkSession.builder.master("local[2]").appName("tests")
    for key, value in {
        **SETTINGS,
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.shuffle.partitions": "1",
        # Tests are short: the quick compiler alone, one thread of garbage collection.
        "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
        "spark.driver.memory": "1g",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.sql.catalogImplementation": "in-memory",
    }.items():
        builder = builder.config(key, value)
    session = builder.getOrCreate()
    yield session
    session.stop()


class Lake:
    """Zones in a folder: what the buckets are on the platform."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.raw, self.curated, self.warehouse = (
            f"file://{root}/{z}" for z in ("raw", "curated", "warehouse")
        )
        self.airports = f"file://{REFERENCE}/airports.csv"

    def put(self, key: str, body: bytes) -> Path:
        """Store an object in the raw zone."""
        path = self.root / "raw" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
        return path

    def put_flights(self, day: date, rows: Iterable[dict[str, str]], header: str | None = None) -> Path:
        """Store a day's flights, under another header if one is given."""
        lines = [",".join(RAW_FLIGHTS.names) if header is None else header, *map(csv_line, rows)]
        return self.put_lines(day, lines)

    def put_lines(self, day: date, lines: Iterable[str]) -> Path:
        """Store a day's flights from its lines, header included."""
        return self.put(flights_key(day), gzip.compress("".join(f"{line}\n" for line in lines).encode()))

    def put_weather(self, day: date, hours: Iterable[dict[str, Any] | str]) -> Path:
        """Store a day's weather."""
        lines = [hour if isinstance(hour, str) else json.dumps(hour) for hour in hours]
        return self.put(weather_key(day), gzip.compress("".join(f"{line}\n" for line in lines).encode()))

    def put_snapshot(self, dataset: str, day: date, rows: Iterable[dict[str, str]]) -> Path:
        """Store the complete list of airlines or aircraft as of a day."""
        text = io.StringIO()
        writer = csv.DictWriter(text, SNAPSHOT_HEADERS[dataset], restval="NA", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        return self.put(
            f"{dataset}/snapshot={day}/{dataset}-{day}.csv.gz", gzip.compress(text.getvalue().encode())
        )


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """A lake that holds nothing but a snapshot of two airlines and two aircraft."""
    found = Lake(tmp_path)
    found.put_snapshot("airlines", JANUARY_1, AIRLINES)
    found.put_snapshot("aircraft", JANUARY_1, [aircraft("N10156"), aircraft("N14228")])
    return found


def aircraft(tail_number: str, **changes: str) -> dict[str, str]:
    """An aircraft of a snapshot; what is not given is NA."""
    built = {"year": "2004", "manufacturer": "EMBRAER", "model": "EMB-145XR", "engines": "2", "seats": "55"}
    return {"tailnum": tail_number, **built, "engine": "Turbo-fan", **changes}


def flight(day: date = JANUARY_1, **changes: str) -> dict[str, str]:
    """A valid raw flight of the day: UA 1545 from EWR to IAH at 05:15."""
    return VALID | {"FlightDate": day.isoformat()} | changes


def hour(time_hour: str, origin: str = "EWR", **changes: Any) -> dict[str, Any]:
    """The weather of an hour."""
    measured = {
        "temperature_c": 3.9,
        "humidity_pct": 59.37,
        "dew_point_c": -3.3,
        "wind_direction_deg": 270.0,
        "wind_speed_kmh": 16.7,
        "wind_gust_kmh": None,
        "precipitation_mm": 0.0,
        "pressure_hpa": 1012.0,
        "visibility_m": 16093.4,
    }
    return {"origin": origin, "time_hour": time_hour, **measured, **changes}


def csv_line(row: dict[str, str]) -> str:
    """A row as a CSV line without its line end."""
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(row[name] for name in RAW_FLIGHTS.names)
    return line.getvalue()


def sorted_rows(frame: DataFrame) -> list[tuple[Any, ...]]:
    """All rows, every column, in an order of their own."""
    return sorted((tuple(row) for row in frame.collect()), key=repr)
