"""Which runs make up a backfill, and which backfills are refused."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from . import date_range

MOST_DAYS = 366
MONTHLY_FILE = "On_Time_Reporting_Carrier_On_Time_Performance_1987_present_{year}_{month}.zip"
"""BTS' name of a month's file, its month without leading zero."""


def monthly_runs(start: str, end: str, today: date, lag_days: int) -> list[dict[str, Any]]:
    """What the run of each month is triggered with: the arguments of a TriggerDagRunOperator.

    Airflow reserves ids that begin with `backfill__` for backfills of its own.

    Raises ValueError when the range is empty, longer than MOST_DAYS, or not published yet.
    """
    first, last = date_range.resolve(start, end, today, 0)
    days = (last - first).days + 1
    if days > MOST_DAYS:
        raise ValueError(f"{days} days are more than the {MOST_DAYS} of one backfill: split the range.")
    newest = today - timedelta(days=lag_days)
    if last > newest:
        raise ValueError(f"{last} is not published yet: the last day that may be backfilled is {newest}.")
    return [
        {
            "trigger_run_id": f"days__{since}_{until}",
            "conf": {"start": since.isoformat(), "end": until.isoformat()},
        }
        for since, until in date_range.months(first, last)
    ]


def monthly_file(day: str) -> str:
    """Name of the source's file that holds the month of `day`, an ISO date."""
    month = date.fromisoformat(day)
    return MONTHLY_FILE.format(year=month.year, month=month.month)
