"""Flights from the US Bureau of Transportation Statistics: "Reporting Carrier On-Time Performance".

BTS publishes one zip a month, weeks after its end, for example
https://transtats.bts.gov/PREZIP/On_Time_Reporting_Carrier_On_Time_Performance_1987_present_2013_1.zip
(month not padded), 25–30 MB. There are October 1987 to December 1989 and the months from January 2000 on:
"every month in 1990-1999 404s" (basedosdados/pipelines, pull request 1956, September 2026). A zip holds
readme.html and one CSV of 200–250 MB and about 540,000 lines, all US airports: 109 quoted column names and a
trailing comma, one record per line. Dates are 2013-01-01; clock times are local, quoted, "hhmm", "2400"
included; numbers are written 5.00; an empty field is a null.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import IO

from flights.schema import RAW_FLIGHTS
from flights.sources.archives import LINE_BYTES, lines, member, opened
from flights.sources.download import Document, Downloader, NotFoundError, RetryPolicy, SourceError
from flights.sources.raw_objects import DailyObjects, RawObject, csv_line

RAW_COLUMNS = tuple(column.name for column in RAW_FLIGHTS.columns)
"""Columns kept in the raw zone, in the order of its CSV header; the names are BTS's own."""

_DATE = RAW_COLUMNS.index("FlightDate")
_ORIGIN = RAW_COLUMNS.index("Origin")
FIRST_MONTH = date(1987, 10, 1)
"""The month in which the table begins."""
_GAP = (date(1990, 1, 1), date(1999, 12, 31))


class MonthNotPublishedError(SourceError):
    """BTS has no file for a month: not yet, or not any more."""


class MonthNeverPublishedError(SourceError):
    """BTS has no file for a month and will not have one: waiting does not help."""


def month_url(base_url: str, month: date) -> str:
    """URL of the zip that holds the month of `month`; `base_url` ends in /PREZIP."""
    table = "On_Time_Reporting_Carrier_On_Time_Performance_1987_present"
    return f"{base_url.rstrip('/')}/{table}_{month.year}_{month.month}.zip"


def flights_of_month(
    base_url: str,
    days: Sequence[date],
    origins: Sequence[str],
    policy: RetryPolicy | None = None,
    *,
    downloader: Downloader | None = None,
) -> list[RawObject]:
    """Departures from `origins` on `days` (all of one month), one raw object a day, in order.

    The month's file is fetched once and read as a stream; a day without a flight gives an object with the
    header only. Values are passed on unchanged but for line ends, which become blanks: judging them is the
    curated zone's work.

    Raises MonthNotPublishedError, MonthNeverPublishedError, or SourceError when the source does not answer or
    its file is not of the layout above; DownloadUnfinishedError when the downloader's time is up. No object
    is returned unless the whole file was read and its checksum was right.
    """
    if len({(day.year, day.month) for day in days}) != 1:
        raise ValueError("flights_of_month needs days of exactly one month")
    url = month_url(base_url, days[0])

    def read(archive: Document) -> list[RawObject]:
        try:
            return _objects(url, archive.body, days, origins)
        except csv.Error as error:
            raise SourceError(f"{url} is not the CSV it should be ({error})") from error

    try:
        return (downloader or Downloader()).read(url, read, policy)
    except NotFoundError as error:
        raise _missing(url, days[0]) from error


def _missing(url: str, day: date) -> SourceError:
    """Why there is no file for the month of `day`."""
    if day < FIRST_MONTH or _GAP[0] <= day <= _GAP[1]:
        return MonthNeverPublishedError(
            f"BTS will not publish {day:%Y-%m}: it has files of October 1987 to December 1989 and of the "
            f"months from January 2000 on, and none at {url}"
        )
    return MonthNotPublishedError(
        f"BTS has not published {day:%Y-%m}: there is no file at {url}; ask for an earlier month"
    )


def _objects(url: str, archive: IO[bytes], days: Sequence[date], origins: Sequence[str]) -> list[RawObject]:
    """The raw objects of `days` from the month's zip."""
    by_text = {day.isoformat(): day for day in days}
    month = f"{days[0]:%Y-%m}-"
    header = ",".join(RAW_COLUMNS) + "\n"
    with DailyObjects("flights", days, header) as collected:
        for row in _rows(url, archive, origins):
            day = by_text.get(row[_DATE])
            if day is not None:
                collected.write(day, csv_line(row))
            elif not row[_DATE].startswith(month):
                raise SourceError(f"{url} has a flight dated {row[_DATE]!r}, outside its month")
        return collected.objects()


def _rows(url: str, archive: IO[bytes], origins: Sequence[str]) -> Iterator[list[str]]:
    """The kept columns of each record that departs from one of `origins`."""
    with opened(url, archive) as packed:
        tables = [name for name in packed.namelist() if name.lower().endswith(".csv")]
        if len(tables) != 1:
            raise SourceError(f"{url} holds {len(tables)} CSV files, not one")
        with member(url, packed, tables[0]) as content:
            header = next(csv.reader([content.readline(LINE_BYTES).decode("utf-8-sig", "replace")]), [])
            missing = [name for name in RAW_COLUMNS if name not in header]
            if missing:
                raise SourceError(f"{url} lacks the columns {', '.join(missing)}: its layout has changed")
            positions = [header.index(name) for name in RAW_COLUMNS]
            records = _records(url, lines(url, tables[0], content))
            for row in csv.reader(_mentioning(records, origins)):
                if len(row) != len(header):
                    raise SourceError(
                        f"{url} has a record of {len(row)} fields under a header of {len(header)}: {row[:12]}"
                    )
                kept = [row[position] for position in positions]
                if kept[_ORIGIN] in origins:
                    yield kept


def _records(url: str, read: Iterable[bytes]) -> Iterator[bytes]:
    """The lines, those joined that belong to one record: a quoted value may hold the end of a line."""
    begun = b""
    for line in read:
        # A quote within a value is doubled: their number is odd only where a value goes on.
        if line.count(b'"') % 2 == 0 and not begun:
            yield line
            continue
        begun += line
        if len(begun) > LINE_BYTES:
            raise SourceError(f"{url} has a quoted value of more than {LINE_BYTES:,} bytes: {begun[:200]!r}")
        if begun.count(b'"') % 2 == 0:
            yield begun
            begun = b""
    if begun:
        raise SourceError(f"{url} ends within a quoted value: {begun[:200]!r}")


def _mentioning(records: Iterable[bytes], origins: Sequence[str]) -> Iterator[str]:
    """The records that contain one of `origins` anywhere.

    Nine in ten are of other airports: leaving them out before they are split into 110 fields makes the whole
    month several times faster.
    """
    codes = [code.encode() for code in origins]
    for record in records:
        for code in codes:
            if code in record:
                yield record.decode("utf-8", "replace")
                break
