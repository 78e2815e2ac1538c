"""What a run was asked for, where that cannot be done: the same at the next try, so there is none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from airflow.exceptions import AirflowFailException


@contextmanager
def no_retry_if_refused() -> Iterator[None]:
    """Fail the task at once, without another try, when the request is refused by a ValueError.

    The error's own sentence becomes the alert's. Runs go one after the other: a try that cannot succeed
    keeps every arrival waiting.
    """
    try:
        yield
    except ValueError as refused:
        raise AirflowFailException(str(refused)) from refused
