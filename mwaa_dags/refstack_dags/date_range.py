"""Which days a run covers, how they split into months, and where their raw objects lie."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Any

HISTORY = timedelta(days=7)
"""How far before a run's days the rules of data quality look back."""
RUN_KEY_UNSAFE = re.compile(r"[^A-Za-z0-9_-]+")


def resolve(start: str | None, end: str | None, run_day: date, lag_days: int) -> tuple[date, date]:
    """First and last day of a run, both inclusive.

    Without `start` and `end` (ISO dates) it is the one day that lies `lag_days` before `run_day`; with one of
    them, that day. Raises ValueError when a date is malformed or the range is empty.
    """
    if start is None and end is None:
        day = run_day - timedelta(days=lag_days)
        return day, day
    first = date.fromisoformat(start or end or "")
    last = date.fromisoformat(end or start or "")
    if last < first:
        raise ValueError(f"The range is empty: it starts on {first} and ends on {last}.")
    return first, last


def of_run(params: Mapping[str, Any], dag_run: Any, lag_days: int) -> tuple[date, date]:
    """The days that a DAG run's params `start` and `end` ask for, see `resolve`.

    A run that an event started has no logical date; then the day of its start counts.
    """
    run_day = (dag_run.logical_date or dag_run.run_after).date()
    return resolve(params["start"], params["end"], run_day, lag_days)


def plan(first: date, last: date, run_id: str) -> dict[str, str]:
    """What a run's tasks ask for: first and last day, the run's key, what its partitions meet.

    The history is the run's days and those before them that the rules of data quality compare with.
    """
    return {
        "start": first.isoformat(),
        "end": last.isoformat(),
        "run_key": run_key(run_id),
        "partitions": partition_predicate(first, last),
        "history": partition_predicate(first - HISTORY, last),
    }


def months(first: date, last: date) -> Iterator[tuple[date, date]]:
    """The range cut at the ends of months: first and last day of each part, both inclusive."""
    while first <= last:
        next_month = (first.replace(day=1) + timedelta(days=32)).replace(day=1)
        end = min(last, next_month - timedelta(days=1))
        yield first, end
        first = end + timedelta(days=1)


def raw_keys(day: date) -> tuple[str, str]:
    """Keys of the flights and the weather object of one day in the raw bucket."""
    folder = f"year={day:%Y}/month={day:%m}/day={day:%d}"
    return (
        f"flights/{folder}/flights-{day.isoformat()}.csv.gz",
        f"weather/{folder}/weather-{day.isoformat()}.json.gz",
    )


def run_key(run_id: str) -> str:
    """A DAG run's id in the letters that are safe in an S3 prefix, an SQL literal and a job argument."""
    return RUN_KEY_UNSAFE.sub("-", run_id).strip("-")


def partition_predicate(first: date, last: date) -> str:
    """Condition for the partitions year, month, day (text of fixed widths) of a range of days.

    It grows with no range, and both Glue's catalog and Spark take it.
    """
    return (
        f"((year > '{first:%Y}') or (year = '{first:%Y}' and month > '{first:%m}') "
        f"or (year = '{first:%Y}' and month = '{first:%m}' and day >= '{first:%d}')) and "
        f"((year < '{last:%Y}') or (year = '{last:%Y}' and month < '{last:%m}') "
        f"or (year = '{last:%Y}' and month = '{last:%m}' and day <= '{last:%d}'))"
    )
