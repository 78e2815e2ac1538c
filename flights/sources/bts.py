"""Flights from the US Bureau of Transportation Statistics: "Reporting Carrier On-Time Performance".

BTS publishes one zip a month, weeks after its end, for example
https://transtats.bts.gov/PREZIP/On_Time_Reporting_Carrier_On_Time_Performance_1987_present_2013_1.zip
(month not padded), 25–30 MB. It holds readme.html and one CSV of 200–250 MB and about 540,000 lines, all US
airports: 109 quoted column names and a trailing comma, one record a line. Dates are 2013-01-01; clock times
are local, quoted, "hhmm", "2400" included; numbers are written 5.00; an empty field is a null.
"""

from __future__ import annotations

import csv
import io
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import IO, cast

from flights.schema import RAW_FLIGHTS
from flights.sources.download import (
    NotFoundError,
    PassingError,
    RetryPolicy,
    SourceError,
    download,
    with_retries,
)
from flights.sources.raw_objects import DailyObjects, RawObject

RAW_COLUMNS = tuple(column.name for column in RAW_FLIGHTS.columns)
"""Columns kept in the raw zone, in the order of its CSV header; the names are BTS's own."""

_DATE = RAW_COLUMNS.index("FlightDate")
_ORIGIN = RAW_COLUMNS.index("Origin")
_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError)


class MonthNotPublishedError(SourceError):
    """BTS has no file for a month: not yet, or not any more."""


def month_url(base_url: str, month: date) -> str:
    """URL of the zip that holds the month of `month`; `base_url` ends in /PREZIP."""
    table = "On_Time_Reporting_Carrier_On_Time_Performance_1987_present"
    return f"{base_url.rstrip('/')}/{table}_{month.year}_{month.month}.zip"


def flights_of_month(
    base_url: str, days: Sequence[date], origins: Sequence[str], policy: RetryPolicy | None = None
) -> list[RawObject]:
    """Departures from `origins` on `days` (all of one month), one raw object a day, in order.

    The month's file is fetched once and read as a stream; a day without a flight gives an object with the
    header only. Values are passed on unchanged: judging them is the curated zone's work.

    Raises MonthNotPublishedError, or SourceError when the source does not answer or its file is not of the
    layout above. No object is returned unless the whole file was read and its checksum was right.
    """
    if len({(day.year, day.month) for day in days}) != 1:
        raise ValueError("flights_of_month needs days of exactly one month")
    url = month_url(base_url, days[0])

    def attempt() -> list[RawObject]:
        with download(url) as archive:
            try:
                return _objects(url, archive, days, origins)
            except _DAMAGED as error:
                raise PassingError(f"{url} arrived damaged ({error})") from error
            except csv.Error as error:
                raise SourceError(f"{url} is not the CSV it should be ({error})") from error

    try:
        return with_retries(attempt, policy or RetryPolicy())
    except NotFoundError as error:
        raise MonthNotPublishedError(
            f"BTS has not published {days[0]:%Y-%m}: there is no file at {url}; ask for an earlier month"
        ) from error


def _objects(url: str, archive: IO[bytes], days: Sequence[date], origins: Sequence[str]) -> list[RawObject]:
    """The raw objects of `days` from the month's zip."""
    by_text = {day.isoformat(): day for day in days}
    month = f"{days[0]:%Y-%m}-"
    header = ",".join(RAW_COLUMNS) + "\n"
    line = io.StringIO()
    writer = csv.writer(line, lineterminator="\n")
    with DailyObjects("flights", days, header) as collected:
        for row in _rows(url, archive, origins):
            day = by_text.get(row[_DATE])
            if day is not None:
                writer.writerow(row)
                collected.write(day, line.getvalue())
                line.seek(0)
                line.truncate()
            elif not row[_DATE].startswith(month):
                raise SourceError(f"{url} has a flight dated {row[_DATE]!r}, outside its month")
        return collected.objects()


def _rows(url: str, archive: IO[bytes], origins: Sequence[str]) -> Iterator[list[str]]:
    """The kept columns of each record that departs from one of `origins`."""
    with zipfile.ZipFile(archive) as packed:
        tables = [name for name in packed.namelist() if name.lower().endswith(".csv")]
        if len(tables) != 1:
            raise SourceError(f"{url} holds {len(tables)} CSV files, not one")
        with packed.open(tables[0]) as member:
            lines = io.BufferedReader(cast("io.RawIOBase", member), 1 << 20)
            header = next(csv.reader([lines.readline().decode("utf-8-sig")]), [])
            missing = [name for name in RAW_COLUMNS if name not in header]
            if missing:
                raise SourceError(f"{url} lacks the columns {', '.join(missing)}: its layout has changed")
            positions = [header.index(name) for name in RAW_COLUMNS]
            for row in csv.reader(_mentioning(lines, origins)):
                if len(row) != len(header):
                    raise SourceError(
                        f"{url} has a record of {len(row)} fields under a header of {len(header)}: {row[:12]}"
                    )
                kept = [row[position] for position in positions]
                if kept[_ORIGIN] in origins:
                    yield kept


def _mentioning(lines: Iterable[bytes], origins: Sequence[str]) -> Iterator[str]:
    """The lines that contain one of `origins` anywhere.

    Nine lines in ten are of other airports: leaving them out before they are split into 110 fields makes
    the whole month several times faster. BTS writes one record a line, so none is cut.
    """
    codes = [code.encode() for code in origins]
    for line in lines:
        for code in codes:
            if code in line:
                yield line.decode("utf-8", "replace")
                break
