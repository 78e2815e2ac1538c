"""The days that a run covers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby
from typing import Any


@dataclass(frozen=True)
class Period:
    """Calendar days from `start` to `end`, both included."""

    start: date
    end: date

    def __post_init__(self) -> None:
        if self.end < self.start:
            raise ValueError(f"the period ends on {self.end}, before it starts on {self.start}")

    @classmethod
    def of_event(cls, event: Mapping[str, Any]) -> Period:
        """The period of an event `{"start": "2013-01-01", "end": "2013-01-31"}`; ValueError if it is none."""
        return cls(_day(event, "start"), _day(event, "end"))

    def days(self) -> list[date]:
        """Every day, in order."""
        return [self.start + timedelta(days=n) for n in range((self.end - self.start).days + 1)]

    def months(self) -> Iterator[list[date]]:
        """The days, one list a calendar month."""
        for _, days in groupby(self.days(), key=lambda day: (day.year, day.month)):
            yield list(days)


def _day(event: Mapping[str, Any], name: str) -> date:
    value = event.get(name)
    try:
        return date.fromisoformat(value)  # type: ignore[arg-type]  # the except names what is wrong
    except (TypeError, ValueError):
        raise ValueError(f"the event's `{name}` is {value!r}, not a date such as 2013-01-31") from None
