"""Download from the sources: resumed where it broke off, tried again after a passing fault, within limits.

One request seldom brings a large file: registry.faa.gov has been seen to drop its 73 MB every 7 MB and to
send 40 to 50 KB a second. A download goes on behind its last byte with `Range` and `If-Range` (RFC 9110,
sections 13.1.5 and 14.2) as long as the document is the same by its ETag or, without a strong one, its
Last-Modified; else it begins anew. Between processes its bytes are in a `Partial`.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date
from email.utils import parsedate_to_datetime
from typing import IO, TypeVar

import requests
import urllib3

from flights.sources.client import TIMEOUT_SECONDS, Client, default_client, reason
from flights.sources.errors import CertificateError, NotFoundError, PassingError, SourceError
from flights.sources.partial import DownloadUnfinishedError, Partial, TemporaryPartial
from flights.sources.retries import RetryPolicy, with_retries
from flights.sources.validator import Validator

__all__ = [
    "CertificateError",
    "Document",
    "Downloader",
    "NotFoundError",
    "PassingError",
    "RetryPolicy",
    "SourceError",
    "document",
    "download",
    "with_retries",
]

T = TypeVar("T")

CHUNK_BYTES = 1 << 20
"""Bytes that a Partial gets at a time at most; an attempt that brings as many counts as progress."""
LIMIT_BYTES = 256 << 20
"""Size of a download at most: three times the largest one, FAA's 73 MB."""


@dataclass(frozen=True)
class Document:
    """What a URL answered: its body, open at its start, and its Last-Modified as the answer has it."""

    url: str
    body: IO[bytes]
    last_modified: str | None

    @property
    def modified(self) -> date | None:
        """Day (UTC) on which the document was last modified; None if the answer has no date.

        Raises SourceError for a date that is not in the calendar.
        """
        text = self.last_modified or ""
        try:
            found = parsedate_to_datetime(text)
        except ValueError:
            return None
        years = re.findall(r"\b\d{4}\b", text)
        if years and f"{found.year:04}" not in years:
            return None  # the year 1 of a server without a clock, which Python's parser takes for 2001
        try:
            return (found.astimezone(UTC) if found.tzinfo else found).date()
        except OverflowError as error:
            raise SourceError(
                f"{self.url} was last modified on {self.last_modified!r}, which is not in the calendar"
            ) from error


class Downloader:
    """Downloads documents, one after the other."""

    def __init__(
        self,
        client: Client | None = None,
        *,
        policy: RetryPolicy | None = None,
        partial: Callable[[str], Partial] | None = None,
        seconds_left: Callable[[], float] | None = None,
        timeout: float = TIMEOUT_SECONDS,
        limit: int = LIMIT_BYTES,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Use this client, and this patience with faults that pass.

        `partial` gives the place where the download of a URL is kept; without it nothing outlives the call.
        `seconds_left` says how long downloading may still take; at 0, what arrived is kept and
        DownloadUnfinishedError raised, up to `timeout` seconds late if the source is silent just then.
        `timeout` is the longest silence in seconds, `limit` the largest document in bytes.
        """
        self._client = client or default_client()
        self._policy = policy or RetryPolicy()
        self._partial = partial
        self._seconds_left = seconds_left
        self._timeout = timeout
        self._limit = limit
        self._sleep = sleep

    def read(self, url: str, read: Callable[[Document], T], policy: RetryPolicy | None = None) -> T:
        """What `read` makes of the document at `url`; if it raises PassingError, of a new download.

        Raises SourceError (NotFoundError, CertificateError), and DownloadUnfinishedError when the time is up.
        """
        partial = self._partial(url) if self._partial else TemporaryPartial()

        farthest = partial.size

        def attempt() -> T:
            nonlocal farthest
            try:
                answer = self._document(url, partial)
            except PassingError as error:
                # A server that answers no ranges comes as far as before each time: that is not progress.
                error.progress = partial.size >= farthest + CHUNK_BYTES
                farthest = max(farthest, partial.size)
                raise
            with answer.body:
                return read(answer)

        def wait(seconds: float) -> None:
            self._check_time(url, partial, None, seconds)
            self._sleep(seconds)

        try:
            return with_retries(attempt, policy or self._policy, wait)
        except SourceError:
            # The source may be up again when the next process asks.
            partial.keep()
            raise

    def once(self, url: str) -> Document:
        """The document at `url`, the caller closes its body: one attempt. Raises PassingError, too."""
        return self._document(url, TemporaryPartial())

    def _document(self, url: str, partial: Partial) -> Document:
        """The whole document, resumed behind what `partial` has of it: one attempt."""
        kept, known = partial.size, Validator.of_text(partial.validator)
        self._check_time(url, partial, None)
        asked = known.conditional(kept) if kept and known else {}
        with self._client.get(url, asked, timeout=self._patience()) as answer:
            encoding = answer.headers.get("Content-Encoding", "identity")
            if encoding != "identity":
                raise SourceError(f"{url} answered in the encoding {encoding!r}, which was not asked for")
            found = Validator.of_headers(answer.headers)
            if answer.status_code == requests.codes.ok:
                if asked and known and found.same_as(known):
                    found = found.without_ranges()
                partial.begin(found.text)
                self._receive(url, answer, partial, found, _number(answer.headers.get("Content-Length")))
            else:
                start, total = _content_range(answer.headers.get("Content-Range"))
                complete = answer.status_code == requests.codes.requested_range_not_satisfiable
                if known is None or not found.agrees_with(known) or (total if complete else start) != kept:
                    partial.discard()
                    raise PassingError(f"{url} changed while it was downloaded")
                found = known
                if not complete:
                    self._receive(url, answer, partial, known, total)
        return Document(url, partial.complete(), found.modified)

    def _receive(
        self, url: str, answer: requests.Response, partial: Partial, validator: Validator, total: int | None
    ) -> None:
        """Append the answer's body to `partial`; raise PassingError if that does not make it whole."""
        if total is not None and total > self._limit:
            partial.discard()
            raise SourceError(f"{url} has {total:,} bytes, more than the limit of {self._limit:,}")
        received, waiting = partial.size, bytearray()

        def flush() -> None:
            if waiting:
                partial.append(bytes(waiting))
                waiting.clear()

        def broken(why: str) -> PassingError:
            whole = total if total is not None else "an unknown number of"
            return PassingError(f"{url} broke off after {partial.size} of {whole} bytes{why}")

        while True:
            try:
                piece = answer.raw.read1(CHUNK_BYTES - len(waiting), decode_content=False)
            except (urllib3.exceptions.HTTPError, OSError) as error:
                flush()
                raise broken(f" ({reason(error)})") from error
            if not piece:
                break
            waiting += piece
            received += len(piece)
            if received > self._limit:
                partial.discard()
                raise SourceError(f"{url} goes on after the limit of {self._limit:,} bytes")
            if len(waiting) >= CHUNK_BYTES:
                flush()
            if self._left() <= 0 and received != total:
                flush()
                self._stop(url, partial, validator, total)
        flush()
        if total is not None and received != total:
            raise broken("")

    def _stop(self, url: str, partial: Partial, validator: Validator, total: int | None) -> None:
        """The time is up: DownloadUnfinishedError, or SourceError if no later call could go on."""
        if not validator.resumable:
            partial.discard()
            raise SourceError(
                f"{url} takes longer than there is time, and cannot be continued: its answer has neither a "
                "strong ETag nor a Last-Modified, or no ranges are answered"
            )
        self._check_time(url, partial, total)

    def _check_time(self, url: str, partial: Partial, total: int | None, needed: float = 0.0) -> None:
        if self._left() <= needed:
            partial.keep()
            raise DownloadUnfinishedError(url, partial.size, total)

    def _left(self) -> float:
        return self._seconds_left() if self._seconds_left else float("inf")

    def _patience(self) -> float:
        """The longest silence, in seconds: not beyond the time that is left."""
        return max(0.001, min(self._timeout, self._left()))


def download(url: str, timeout: float = TIMEOUT_SECONDS) -> IO[bytes]:
    """Body of `url` as an open temporary file, positioned at its start; see `document`."""
    return document(url, timeout).body


def document(url: str, timeout: float = TIMEOUT_SECONDS) -> Document:
    """What `url` answers, its body as an open temporary file: one attempt, constant memory.

    Raises NotFoundError (404, 410), PassingError (a 5xx, 408, 425 or 429 answer, no connection, a time-out,
    fewer bytes than announced), CertificateError or SourceError (any other refusal).
    """
    return Downloader(timeout=timeout).once(url)


def _content_range(header: str | None) -> tuple[int | None, int | None]:
    """First byte and whole length of a Content-Range, None for what it does not say."""
    match = re.fullmatch(r"bytes (?:(\d+)-\d+|\*)/(\d+|\*)", (header or "").strip())
    return (_number(match[1]), _number(match[2])) if match else (None, None)


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() else None
