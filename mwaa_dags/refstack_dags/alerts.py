"""An alert to the platform's topic when a task has failed for good."""

from __future__ import annotations

import re
from typing import Any

from airflow.providers.amazon.aws.hooks.sns import SnsHook
from airflow.sdk import Context

from refstack_dags.settings import cfg

LONGEST_SUBJECT = 100
LONGEST_CAUSE = 4_000
"""Characters; SNS takes subjects of at most 100, in ASCII, and messages of 256 KB."""


def alert(context: Context) -> None:
    """Publish which task failed, when, at which try, why, and where its log is.

    For `on_failure_callback` in a DAG's default arguments: Airflow calls that when no try is left, not for a
    failure that it retries, and not for the tasks that could not start because of it. It is called in the
    task's own process or, when its worker is gone, in the DAG processor, which knows neither its exception
    nor its log. There Airflow 3.0 calls it although it will try again, which is no failure yet.
    """
    if will_be_tried_again(context):
        return
    SnsHook(aws_conn_id=None).publish_to_target(
        target_arn=cfg["alerts_topic_arn"], subject=subject(context), message=message(context)
    )


def will_be_tried_again(context: Context) -> bool:
    """Whether the task was lost with its worker, and has a try left."""
    ti = context["ti"]
    lost = context.get("exception") is None
    return lost and ti.try_number <= getattr(ti, "max_tries", 0)


def subject(context: Context) -> str:
    """One line within SNS' limits."""
    ti = context["ti"]
    line = re.sub(r"[^\x20-\x7e]", "?", f"Failed: {ti.dag_id} / {ti.task_id}")
    return line[:LONGEST_SUBJECT]


def message(context: Context) -> str:
    """The alert's text, a fact a line."""
    ti = context["ti"]
    logical_date = context.get("logical_date")
    tries = f"{ti.try_number} of {getattr(ti, 'max_tries', ti.try_number - 1) + 1}"
    facts: dict[str, Any] = {
        "DAG": ti.dag_id,
        "Task": ti.task_id,
        "Run": ti.run_id,
        "Logical date": "none" if logical_date is None else logical_date.isoformat(),
        "Try": tries,
        "Log": getattr(ti, "log_url", None) or "in Airflow, under this task and try",
        "Likely cause": cause(context.get("exception"), getattr(ti, "task", None)),
    }
    return "\n".join(f"{name}: {value}" for name, value in facts.items())


def cause(exception: BaseException | str | None, task: Any = None) -> str:
    """What the exception says, with what it is called where that tells more."""
    kind = type(exception).__name__
    if kind == "AirflowTaskTimeout":
        limit = getattr(task, "execution_timeout", None)
        seconds = "" if limit is None else f" of {limit.total_seconds():.0f} s"
        return f"the task took longer than its limit{seconds}, and was stopped"
    if kind == "AirflowSensorTimeout":
        limit = getattr(task, "timeout", None)
        seconds = "" if limit is None else f" of {limit:.0f} s"
        return f"what the task waits for did not come within its limit{seconds}"
    if exception is None or str(exception) == "":
        name = "" if exception is None else f" ({kind})"
        return f"the task's process ended without saying why{name}: look for lack of memory, or a time-out"
    known = kind in {"str", "AirflowException", "AirflowFailException"}
    text = str(exception) if known else f"{kind}: {exception}"
    return text[:LONGEST_CAUSE]
