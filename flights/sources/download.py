"""Download over HTTP with retries: a passing fault is tried again, any other is one clear sentence."""

from __future__ import annotations

import http.client
import random
import shutil
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date
from email.utils import parsedate_to_datetime
from typing import IO, TypeVar

USER_AGENT = "refstack-flights/0.1"
TIMEOUT_SECONDS = 60
CHUNK_BYTES = 1 << 20
PASSING_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})

T = TypeVar("T")


class SourceError(Exception):
    """A source did not give what was asked for; the message names its URL and the cause."""


class NotFoundError(SourceError):
    """The source has no such document."""


class PassingError(SourceError):
    """A fault that may be gone at the next attempt: an overloaded server, a time-out, a damaged download."""


@dataclass(frozen=True)
class RetryPolicy:
    """How often to try, and how long to wait between attempts.

    The wait before attempt n+1 is drawn uniformly from [w/2, w], w = min(first_wait · 2^(n-1), longest_wait)
    in seconds: the jitter keeps parallel runs from asking again all at once.
    """

    attempts: int = 5
    first_wait: float = 1.0
    longest_wait: float = 30.0

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
    for attempt in range(1, policy.attempts + 1):
        try:
            return operation()
        except PassingError as error:
            if attempt == policy.attempts:
                raise SourceError(f"{error}; gave up after {attempt} attempts") from error
            sleep(policy.wait(attempt))
    raise ValueError(f"a retry policy needs at least 1 attempt, not {policy.attempts}")


@dataclass(frozen=True)
class Document:
    """What a URL answered: its body, open at its start, and the day (UTC) on which it was last modified."""

    body: IO[bytes]
    modified: date | None
    """None if the answer does not say."""


def download(url: str, timeout: float = TIMEOUT_SECONDS) -> IO[bytes]:
    """Body of `url` as an open temporary file, positioned at its start; see `document`."""
    return document(url, timeout).body


def document(url: str, timeout: float = TIMEOUT_SECONDS) -> Document:
    """What `url` answers, its body as an open temporary file: one attempt, constant memory.

    Raises NotFoundError (404, 410), PassingError (a 5xx, 408, 425 or 429 answer, no connection, a time-out,
    fewer bytes than announced) or SourceError (any other refusal).
    """
    if not url.startswith(("http://", "https://")):
        raise SourceError(f"{url!r} is not an http or https URL")
    request = urllib.request.Request(url, headers={"User-Agent": USER_AGENT})  # noqa: S310 - checked above
    body = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:  # noqa: S310 - checked above
            shutil.copyfileobj(answer, body, CHUNK_BYTES)
            announced = answer.headers.get("Content-Length")
            modified = _day(answer.headers.get("Last-Modified"))
        if announced is not None and body.tell() != int(announced):
            raise PassingError(f"{url} broke off after {body.tell()} of {announced} bytes")
    except urllib.error.HTTPError as error:
        body.close()
        raise _refusal(url, error) from error
    except (urllib.error.URLError, http.client.HTTPException, OSError) as error:
        body.close()
        reason = getattr(error, "reason", None) or error
        raise PassingError(f"{url} did not answer ({reason or type(error).__name__})") from error
    except BaseException:
        body.close()
        raise
    body.seek(0)
    return Document(body, modified)


def _day(header: str | None) -> date | None:
    """The day, UTC, of an HTTP date; None without one or if it is none."""
    try:
        return parsedate_to_datetime(header).astimezone(UTC).date() if header else None
    except ValueError:
        return None


def _refusal(url: str, error: urllib.error.HTTPError) -> SourceError:
    """The error that an HTTP status stands for, with the first words of the answer."""
    said = error.read(200).decode("utf-8", "replace").strip()
    message = f"{url} answered {error.code} {error.reason}" + (f": {said}" if said else "")
    if error.code in (404, 410):
        return NotFoundError(message)
    return PassingError(message) if error.code in PASSING_STATUS else SourceError(message)
