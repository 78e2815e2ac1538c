"""The live board's row of a flight, made of the flight's events in whatever order and number they come.

A row is divided into groups of columns, and each group is the greatest of those that the events tell, by time
first. The greatest of a set depends on neither order nor repetition, so neither does the row: an event that
comes late adds what only it knows, and overwrites nothing newer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from streaming.events import TICK, TYPES, FlightEvent

Row = Mapping[str, Any]
"""Column → value; every column of GROUPS, and flight_id."""

LATEST = (
    *("last_event_time", "status", "last_event_id"),
    *("flight_date", "carrier", "flight_number", "origin", "destination", "tail_number"),
)
DEPARTURE_SCHEDULE = ("schedule_told_at", "scheduled_departure")
DEPARTURE = ("departed_at", "departure_delay_minutes")
ARRIVAL = ("arrived_at", "scheduled_arrival", "arrival_delay_minutes")
GROUPS = (LATEST, DEPARTURE_SCHEDULE, DEPARTURE, ARRIVAL)
COLUMNS = ("flight_id", *(column for group in GROUPS for column in group))

STATUSES = ("scheduled", "departed", "arrived", "cancelled")
"""What an event makes of a flight; of two at the same moment the later one here counts."""
if set(STATUSES) != set(TYPES):
    raise RuntimeError("the board's statuses are not the types of events")


def row(event: FlightEvent) -> Row:
    """The row of a flight of which only this event is known."""
    known: dict[str, Any] = {
        **dict.fromkeys(COLUMNS),
        "flight_id": event.flight_id,
        "status": event.event_type,
        "last_event_time": event.event_time,
        "last_event_id": event.event_id,
        "flight_date": event.flight_date,
        "carrier": event.carrier,
        "flight_number": event.flight_number,
        "origin": event.origin,
        "destination": event.destination,
        "tail_number": event.tail_number,
    }
    if event.event_type == "arrived":
        told = (event.event_time, event.scheduled_time, event.delay_minutes)
        return known | dict(zip(ARRIVAL, told, strict=True))
    known |= dict(zip(DEPARTURE_SCHEDULE, (event.event_time, event.scheduled_time), strict=True))
    if event.event_type == "departed":
        known |= dict(zip(DEPARTURE, (event.event_time, event.delay_minutes), strict=True))
    return known


def merged(one: Row, other: Row) -> Row:
    """What two rows of one flight know together."""
    found = {"flight_id": one["flight_id"]}
    for group in GROUPS:
        newer = max((one, other), key=lambda each: _age(each, group))
        found |= {column: newer[column] for column in group}
    return found


def board(events: Iterable[FlightEvent], known: Iterable[Row] = ()) -> dict[str, Row]:
    """Rows by flight: those that are known, with the events added; ticks are of no flight."""
    rows = {each["flight_id"]: each for each in known}
    for event in events:
        if event.event_type != TICK:
            told = row(event)
            before = rows.get(event.flight_id)
            rows[event.flight_id] = told if before is None else merged(before, told)
    return rows


def _age(known: Row, group: tuple[str, ...]) -> tuple[Any, ...]:
    """What a group is ordered by: its values in order, nulls first, statuses by their rank."""
    return tuple(
        (value is not None, STATUSES.index(value) if column == "status" and value is not None else value)
        for column in group
        for value in (known[column],)
    )
