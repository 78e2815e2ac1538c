"""The first task of a DAG whose run takes a range of days that must be given."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from airflow.sdk import task

from refstack_dags import date_range
from refstack_dags.run_request import no_retry_if_refused


@task(task_id="plan", task_display_name="Check the range", multiple_outputs=True)
def checked_range(params: dict[str, Any], run_id: str) -> dict[str, str]:
    """First and last day, the run's key, and what its partitions meet."""
    with no_retry_if_refused():
        start, end = date_range.resolve(params["start"], params["end"], datetime.now(UTC).date(), 0)
    return date_range.plan(start, end, run_id)
