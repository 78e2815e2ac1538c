"""What a job refuses to go on with. The message is a sentence for the person who has to act on it."""

from __future__ import annotations

from collections.abc import Sequence


class JobError(Exception):
    """The job can not do what it was asked to; its message says why and what to do."""


class UnreadableObjectError(JobError):
    """Objects that the job needs are missing or damaged."""


class AccountingError(JobError):
    """Rows were lost or invented between two stages."""


def listing(names: Sequence[str], limit: int = 5) -> str:
    """`a, b and 3 more`: at most `limit` of the names."""
    shown = ", ".join(names[:limit])
    return shown if len(names) <= limit else f"{shown} and {len(names) - limit} more"
