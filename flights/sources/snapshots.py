"""Snapshots: a source's complete list as of a day, as one raw object.

A URL with `{date}` is an archive: for an ISO day in its place it answers with the list as of that day, which
may be an older one. Any other URL has the list of today. A snapshot is as of the day on which the answer says
that it was last modified; without such a day, or with one in the future or before there were sources, of the
day that was asked for.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import IO

from flights.sources.download import Document, Downloader, RetryPolicy, SourceError
from flights.sources.period import Period
from flights.sources.raw_objects import NULL, GzipLines, RawObject, csv_line, raw_key

DATE = "{date}"
"""What the day takes the place of in the URL of an archive."""
EARLIEST = date(1987, 10, 1)
"""Day of a list at the earliest: flights are published from then on, and none of the sources is older. A
server without a clock says 1970."""

WRONG_COLUMN_COUNT = "wrong_column_count"
MISSING_KEY = "missing_key"


@dataclass(frozen=True)
class Reject:
    """A record that is not in the list: why, which file it came from, and itself."""

    reason: str
    file: str
    line: str


Record = Sequence[str] | Reject


@dataclass(frozen=True)
class ListSource:
    """A list: its data set, the columns of its raw objects, and how a source's answer is read.

    `records` gets the URL, for messages, and the body; it gives rows and rejects in the source's order.
    """

    dataset: str
    columns: tuple[str, ...]
    records: Callable[[str, IO[bytes]], Iterator[Record]]


@dataclass(frozen=True)
class Snapshot:
    """A list as of `day`; the rejected records, if there are any, as JSON lines of reason, file and line."""

    day: date
    content: RawObject
    rejects: RawObject | None
    reasons: Mapping[str, int]


def days_asked(url: str, period: Period) -> list[date]:
    """The days to ask `url` for: an archive's first and last of the period and each first of a month between.

    Of another URL there is only the list of today (UTC).
    """
    if DATE not in url:
        return [datetime.now(UTC).date()]
    return sorted({period.start, *(day for day in period.days() if day.day == 1), period.end})


def snapshots(
    source: ListSource,
    url: str,
    days: Iterable[date],
    policy: RetryPolicy | None = None,
    *,
    downloader: Downloader | None = None,
) -> Iterator[Snapshot]:
    """The snapshots that `url` has for `days`, each once.

    Raises SourceError when the source does not answer, is not of the form it should be, or has an empty list:
    that would say that whatever was in the one before is gone. Raises DownloadUnfinishedError when the
    downloader's time is up.
    """
    using = downloader or Downloader()
    found = set[date]()
    for asked in days:

        def read(answer: Document, asked: date = asked) -> Snapshot | None:
            day = _as_of(answer, asked)
            return (
                None
                if day in found
                else _collected(source, day, source.records(answer.url, answer.body), url)
            )

        snapshot = using.read(url.replace(DATE, asked.isoformat()), read, policy)
        if snapshot is not None:
            found.add(snapshot.day)
            yield snapshot


def _as_of(answer: Document, asked: date) -> date:
    """The day of a list: that of its last change, if that is credible, else the one that was asked for."""
    day = answer.modified
    return day if day is not None and EARLIEST <= day <= datetime.now(UTC).date() else asked


def _collected(source: ListSource, day: date, records: Iterable[Record], url: str) -> Snapshot:
    rows, rejects, reasons = GzipLines(csv_line(source.columns)), GzipLines(), Counter[str]()
    for record in records:
        if isinstance(record, Reject):
            reasons[record.reason] += 1
            rejects.write(json.dumps(vars(record)) + "\n")
        else:
            rows.write(csv_line(value or NULL for value in record))
    content = RawObject(raw_key(source.dataset, day), rows.close(), rows.rows)
    refused = RawObject(rejects_key(source.dataset, day), rejects.close(), rejects.rows)
    if not content.rows:
        raise SourceError(f"{url} lists no {source.dataset} ({refused.rows} records were rejected)")
    return Snapshot(day, content, refused if refused.rows else None, dict(reasons))


def rejects_key(dataset: str, day: date) -> str:
    """Key of the records that are not in the snapshot of `day`."""
    return f"rejects/{dataset}/snapshot={day.isoformat()}/{dataset}-{day.isoformat()}.json.gz"
