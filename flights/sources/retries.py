"""When a failed request is tried again: after what, how often, after how long."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar

from tenacity import RetryCallState, RetryError, Retrying

from flights.sources.errors import PassingError, SourceError

T = TypeVar("T")


@dataclass(frozen=True)
class RetryPolicy:
    """How often to try, and how long to wait between attempts.

    The wait before attempt n+1 is drawn uniformly from [w/2, w], w = min(first_wait · 2^(n-1), longest_wait)
    in seconds: the jitter keeps parallel runs from asking again all at once. A server that asks for a longer
    wait (Retry-After) gets it, up to `longest_retry_after` seconds.
    """

    attempts: int = 5
    """Failures in a row after which to give up; an attempt that added bytes to a download starts the count
    again."""
    first_wait: float = 1.0
    longest_wait: float = 30.0
    longest_retry_after: float = 120.0

    def wait(self, failed: int) -> float:
        """Seconds to wait after the `failed`-th failure (from 1)."""
        longest = min(self.first_wait * 2.0 ** (failed - 1), self.longest_wait)
        return longest * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, not a secret


def with_retries(
    operation: Callable[[], T], policy: RetryPolicy, sleep: Callable[[float], None] = time.sleep
) -> T:
    """Result of `operation`, tried again after each PassingError as `policy` says.

    Raises SourceError when the last attempt failed too, and at once whatever else the operation raises.
    """
    if policy.attempts < 1:
        raise ValueError(f"a retry policy needs at least 1 attempt, not {policy.attempts}")
    count = _Count(policy)
    retrying = Retrying(retry=count.failed, stop=count.enough, wait=count.wait, sleep=sleep)
    try:
        return retrying(operation)
    except RetryError as given_up:
        last = given_up.last_attempt
        error = last.exception()
        raise SourceError(f"{error}; gave up after {last.attempt_number} attempts") from error


class _Count:
    """Failures in a row, for tenacity."""

    def __init__(self, policy: RetryPolicy) -> None:
        self._policy = policy
        self._failures = 0

    def failed(self, state: RetryCallState) -> bool:
        error = _error(state)
        if isinstance(error, PassingError):
            self._failures = 1 if error.progress else self._failures + 1
        return isinstance(error, PassingError)

    def enough(self, state: RetryCallState) -> bool:  # noqa: ARG002 - tenacity's signature
        return self._failures >= self._policy.attempts

    def wait(self, state: RetryCallState) -> float:
        asked = getattr(_error(state), "retry_after", None) or 0.0
        return max(self._policy.wait(self._failures), min(asked, self._policy.longest_retry_after))


def _error(state: RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome is not None else None


def retry_after(header: str | None) -> float | None:
    """Seconds that a Retry-After header asks to wait: a number of them, or an HTTP date. None without one.

    RFC 9110, section 10.2.3. A moment that has passed is 0; what is neither is as if it was not there.
    """
    if not header:
        return None
    try:
        if header.strip().isascii() and header.strip().isdigit():
            return float(header)
        moment = parsedate_to_datetime(header)
        # A date without a zone is UTC; HTTP has no other.
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return max(0.0, (moment - datetime.now(UTC)).total_seconds())
    except (ValueError, OverflowError):
        return None
