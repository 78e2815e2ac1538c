"""What identifies a version of a document: its ETag and its Last-Modified (RFC 9110, section 8.8)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


@dataclass(frozen=True)
class Validator:
    """The validators of an answer, as it has them; None for one that it lacks."""

    etag: str | None
    modified: str | None
    resumable: bool
    """Whether a download of this document can go on with a later request."""

    @classmethod
    def of_headers(cls, headers: Mapping[str, str]) -> Validator:
        """The validators of an answer with these headers, found whatever the case of their names."""
        etag, modified = headers.get("ETag"), headers.get("Last-Modified")
        strong = _strong_tag(etag) or _strong_date(modified, headers.get("Date"))
        return cls(etag, modified, strong and headers.get("Accept-Ranges", "bytes").lower() != "none")

    @classmethod
    def of_text(cls, text: str | None) -> Validator | None:
        """The validator that `text` has kept; None if there is none."""
        if not text:
            return None
        kept = json.loads(text)
        return cls(kept["etag"], kept["modified"], resumable=True)

    @property
    def text(self) -> str | None:
        """One line of ASCII for a later process; None if it is of no use to one."""
        return json.dumps({"etag": self.etag, "modified": self.modified}) if self.resumable else None

    def without_ranges(self) -> Validator:
        """The same of a server that answers no ranges."""
        return replace(self, resumable=False)

    def conditional(self, start: int) -> dict[str, str]:
        """Headers that ask for the document from byte `start`, or for all of it if it is a different one.

        RFC 9110, section 13.1.5: If-Range takes a strong validator only.
        """
        condition = self.etag if _strong_tag(self.etag) else self.modified
        return {"Range": f"bytes={start}-", "If-Range": str(condition)}

    def agrees_with(self, kept: Validator) -> bool:
        """Whether a partial answer is of the `kept` document; it need not repeat every validator."""
        return self.etag in (None, kept.etag) and self.modified in (None, kept.modified)

    def same_as(self, kept: Validator) -> bool:
        """Whether a whole answer is the `kept` document."""
        return (self.etag, self.modified) == (kept.etag, kept.modified)


def _strong_tag(etag: str | None) -> bool:
    return etag is not None and not etag.startswith("W/")


def _strong_date(modified: str | None, answered: str | None) -> bool:
    """Whether a second cannot have brought two versions: RFC 9110, section 8.8.2.2."""
    try:
        moment = parsedate_to_datetime(answered) if answered else datetime.now(UTC)
        return modified is not None and (moment - parsedate_to_datetime(modified)).total_seconds() >= 1
    except (TypeError, ValueError, OverflowError):
        return False
