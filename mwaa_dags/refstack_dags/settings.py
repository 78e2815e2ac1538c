"""Names and tuning of the deployment, from one Airflow variable, read when a task runs, never at parse."""

from __future__ import annotations

from datetime import timedelta
from functools import cached_property
from typing import Any

from airflow.sdk import Context, Variable

VARIABLE = "refstack"
POLL_ATTRIBUTES = ("poke_interval", "job_poll_interval", "poll_interval", "waiter_delay", "sleep_time")


class DeploymentSettings:
    """The JSON variable `refstack`, fetched once a task, when its first value is asked for.

    In templates: `{{ cfg.buckets.raw }}`. A missing value fails the rendering with its name.
    """

    @cached_property
    def _values(self) -> dict[str, Any]:
        values: dict[str, Any] = Variable.get(VARIABLE, deserialize_json=True)
        return values

    def __getitem__(self, name: str) -> Any:
        return self._values[name]


cfg = DeploymentSettings()


class Limits:
    """A pre-execute hook that gives a task this deployment's poll interval and one of its timeouts.

    `kind` is a key of the variable's `timeouts` (seconds). A sensor's time-out covers all its pokes, another
    operator's execution time-out one try.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def __call__(self, context: Context) -> None:
        task = context["ti"].task
        seconds = cfg["timeouts"][self.kind]
        for attribute in POLL_ATTRIBUTES:
            if hasattr(task, attribute):
                setattr(task, attribute, cfg["poll_seconds"])
        if hasattr(task, "poke_interval"):
            task.timeout = seconds
        else:
            task.execution_timeout = timedelta(seconds=seconds)


class EvaluationLimits(Limits):
    """The same for an evaluation by Glue Data Quality, with the number of its workers."""

    def __call__(self, context: Context) -> None:
        super().__call__(context)
        task = context["ti"].task
        seconds = cfg["timeouts"][self.kind]
        task.number_of_workers = cfg["quality"]["workers"]
        task.timeout = max(1, seconds // 60)
        task.waiter_max_attempts = max(1, seconds // cfg["poll_seconds"])
