"""Answers of the replay: ranges and validators as web servers have them, and faults on demand."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import datetime
from email.utils import format_datetime
from http import HTTPStatus

DENIED = b"<HTML><HEAD><TITLE>Access Denied</TITLE></HEAD><BODY><H1>Access Denied</H1></BODY></HTML>"
"""What Akamai answers in front of registry.faa.gov."""
PIECES_PER_SECOND = 10


@dataclass(frozen=True)
class Answer:
    """An answer before ranges are looked at; one with `modified` has validators and answers ranges."""

    status: HTTPStatus
    kind: str
    body: bytes
    modified: datetime | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def of_request(self, asked: Mapping[str, str], *, ranges: bool = True) -> Answer:
        """The answer to a request with these headers: all of it or a range. RFC 9110, section 14."""
        if self.modified is None:
            return self
        tag = f'"{hashlib.sha256(self.body).hexdigest()[:16]}"'
        changed = format_datetime(self.modified, usegmt=True)
        headers = {"Last-Modified": changed, "ETag": tag, "Accept-Ranges": "bytes" if ranges else "none"}
        whole = replace(self, headers=headers)
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", asked.get("Range") or "")
        if wanted is None or not ranges or asked.get("If-Range", tag) not in (tag, changed):
            return whole
        start, size = int(wanted[1]), len(self.body)
        end = min(int(wanted[2] or size - 1), size - 1)
        if start > end:
            unsatisfied = {**headers, "Content-Range": f"bytes */{size}"}
            return replace(
                self, status=HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, body=b"", headers=unsatisfied
            )
        # With If-Range, headers that the client has already are left out: section 15.3.7.
        kept = {"ETag": tag} if asked.get("If-Range") else headers
        return replace(
            self,
            status=HTTPStatus.PARTIAL_CONTENT,
            body=self.body[start : end + 1],
            headers={**kept, "Content-Range": f"bytes {start}-{end}/{size}"},
        )


@dataclass
class Faults:
    """Bad habits of live sources, all of them off at first."""

    cut_after_bytes: int | None = None
    """Each connection breaks off after so many bytes of a body, as registry.faa.gov's do after some 7 MB."""
    bytes_per_second: int | None = None
    """Speed of each body."""
    busy: int = 0
    """So many of the next requests are answered 429."""
    retry_after: str | None = None
    """Retry-After of these answers: seconds or an HTTP date."""
    missing_months: list[int] = field(default_factory=list)
    """Months of flights that are not published."""
    no_ranges: bool = False
    """Every answer is whole."""

    @classmethod
    def of_json(cls, text: bytes) -> Faults:
        """The faults of a JSON object. Raises ValueError if it has any that is not here."""
        given = json.loads(text)
        if not isinstance(given, dict) or not given.keys() <= {each.name for each in fields(cls)}:
            raise ValueError(f"the faults are {', '.join(each.name for each in fields(cls))}")
        return cls(**given)

    def as_json(self) -> bytes:
        """The faults as `of_json` reads them."""
        return json.dumps(asdict(self)).encode()

    def is_busy(self) -> bool:
        """Whether this request is one of those that are answered 429."""
        self.busy = max(self.busy, 0) - 1
        return self.busy >= 0

    def pieces(self, body: bytes) -> Iterator[bytes]:
        """What is sent of a body, piece by piece; with a speed, some of them a second."""
        sent = body if self.cut_after_bytes is None else body[: self.cut_after_bytes]
        size = max(1, self.bytes_per_second // PIECES_PER_SECOND) if self.bytes_per_second else len(sent)
        for start in range(0, len(sent), max(1, size)):
            yield sent[start : start + size]
