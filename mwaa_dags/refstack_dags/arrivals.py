"""Which days a run that several arrivals started is about."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

Arrival = dict[str, Any]
"""`day`, an ISO date, and `files`, the number of its notices."""


def by_day(events: Iterable[Any]) -> list[Arrival]:
    """What the events of an asset tell, one arrival a day: the one of its newest event.

    Events that come while a run is under way are left to the next one, all of them together.
    """
    newest: dict[str, Arrival] = {}
    for event in sorted(events, key=lambda each: each.timestamp):
        newest[event.extra["day"]] = event.extra
    return list(newest.values())


def prefix(arrival: Arrival) -> str:
    """Where the notices of an arrival lie in the raw bucket."""
    return f"arrivals/date={arrival['day']}/"
