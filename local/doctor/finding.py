"""What the doctor says: one line per thing it looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any

Clients = Callable[[str], Any]
"""A service's name → a boto3 client of the account and region that would be deployed to."""


class Verdict(Enum):
    """How a thing looks."""

    FINE = "ok"
    MISSING = "missing"
    """A deploy or a run would fail."""
    UNKNOWN = "unknown"
    """It could not be asked; a deploy may still work."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at: how it is, and what to do where it is not as it should be."""

    verdict: Verdict
    what: str
    remedy: str = ""


Findings = Iterator[Finding]


def fine(what: str) -> Finding:
    """A thing that a deploy can rely on."""
    return Finding(Verdict.FINE, what)


def missing(what: str, remedy: str) -> Finding:
    """A thing that would make a deploy or a run fail, and the remedy."""
    return Finding(Verdict.MISSING, what, remedy)


def unknown(what: str, error: Exception) -> Finding:
    """A thing that the account did not answer, usually for lack of a right."""
    return Finding(Verdict.UNKNOWN, f"{what}: not known ({error})")
