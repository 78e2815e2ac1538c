"""Surrogate keys: stable hashes of business keys, the same in every run and every engine.

A key is the first 8 bytes of the SHA-256 of the parts, joined by the unit separator, as a big-endian
integer without its sign bit: 0 ≤ key < 2⁶³, so it fits a BIGINT and never meets −1, the unknown member. With
a million keys the chance of one collision is about 5·10⁻⁸. `flights.spark.keys` computes the same in Spark.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime

SEPARATOR = "\x1f"
NULL = "\x00"
MASK = 0x7FFF_FFFF_FFFF_FFFF
TIMESTAMP_FORMAT = "yyyy-MM-dd'T'HH:mm:ss'Z'"
"""How Spark writes a timestamp into a key."""

Part = str | int | date | datetime | None


def surrogate_key(*parts: Part) -> int:
    """Key of a business key: 0 ≤ key < 2⁶³.

    Dates count as `2013-01-31`, timestamps as `2013-01-31T05:00:00Z` (UTC, whole seconds), None as a part of
    its own, different from the empty string. Raises ValueError without parts or for a timestamp without zone.
    """
    if not parts:
        raise ValueError("a key needs at least one part")
    digest = hashlib.sha256(SEPARATOR.join(map(_text, parts)).encode()).digest()
    return int.from_bytes(digest[:8], "big") & MASK


def date_key(day: date) -> int:
    """Key of a calendar day, yyyymmdd: readable, and sorted as the days are."""
    return day.year * 10_000 + day.month * 100 + day.day


def _text(part: Part) -> str:
    if part is None:
        return NULL
    if isinstance(part, datetime):
        if part.tzinfo is None:
            raise ValueError(f"timestamp {part} has no time zone")
        return part.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"
    return part.isoformat() if isinstance(part, date) else str(part)
