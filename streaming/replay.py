"""Days of real flights as the events that they would have caused, in the order in which they were published.

A flight is announced two hours before its schedule, leaves, arrives, or is cancelled. Defects are planted on
request: events published too late, events published twice, values that nobody can read.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from streaming.events import TICK, FlightEvent, to_json
from streaming.lateness import ALLOWED_LATENESS, WATERMARK_DELAY

ANNOUNCED_BEFORE = timedelta(hours=2)
TICK_EVERY = timedelta(minutes=15)
WINDOWS_CLOSE_AFTER = WATERMARK_DELAY + timedelta(hours=2)
"""How long ticks go on after the last event, so that every window is closed."""
POISON = (
    b"",
    b"\x00not a record",
    b"\x03\x00" + bytes(16) + b"\x02a",
    b'{"event_id": "cut of',
    to_json(
        FlightEvent(
            *("?", "exploded", "?", "2013-01-01", "??", 0, "???", "???"),
            datetime(2013, 1, 1, tzinfo=UTC),
            datetime(2013, 1, 1, tzinfo=UTC),
        )
    ),
)
"""Values of no, of unknown, of cut and of wrong content; the second schema id is registered nowhere."""


@dataclass(frozen=True)
class Defects:
    """Share of events to be published late, published twice, or followed by an unreadable value."""

    late: float = 0.0
    duplicate: float = 0.0
    malformed: float = 0.0
    seed: int = 2013


@dataclass(frozen=True)
class Published:
    """A value on its way: when it is published, under which key, as an event or as bytes.

    A tick has no key: it goes to every partition.
    """

    at: datetime
    key: str | None
    event: FlightEvent | None = None
    raw: bytes | None = None


def flight_events(flight: Mapping[str, Any], zones: Mapping[str, str]) -> list[FlightEvent]:
    """What happened to a curated flight, in order; no arrival where the destination's zone is unknown."""
    day: date = flight["flight_date"]
    flight_id = f"{day.isoformat()}/{flight['carrier']}/{flight['flight_number']}/{flight['origin']}"
    departure = _utc(day, flight["sched_dep_time"], zones[flight["origin"]])

    def event(kind: str, at: datetime, scheduled: datetime, delay: int | None = None) -> FlightEvent:
        return FlightEvent(
            f"{flight_id}/{kind}",
            kind,
            flight_id,
            day.isoformat(),
            flight["carrier"],
            flight["flight_number"],
            flight["origin"],
            flight["dest"],
            at,
            scheduled,
            delay,
            flight["tail_number"],
        )

    events = [event("scheduled", departure - ANNOUNCED_BEFORE, departure)]
    if flight["cancelled"]:
        return [*events, event("cancelled", departure, departure)]
    delay = flight["dep_delay_minutes"]
    if delay is not None:
        events.append(event("departed", departure + timedelta(minutes=delay), departure, delay))
    zone, delay = zones.get(flight["dest"]), flight["arr_delay_minutes"]
    if zone is not None and delay is not None and not flight["diverted"]:
        arrival = _utc(day, flight["sched_arr_time"], zone)
        while arrival <= departure:
            arrival += timedelta(days=1)
        events.append(event("arrived", arrival + timedelta(minutes=delay), arrival, delay))
    return events


def publications(
    flights: Iterable[Mapping[str, Any]], zones: Mapping[str, str], defects: Defects | None = None
) -> Iterator[Published]:
    """All publications of the flights, in order of time, with ticks between them and after them."""
    defects, chance = defects or Defects(), random.Random((defects or Defects()).seed)  # noqa: S311
    planned: list[tuple[datetime, int, Published]] = []

    def plan(at: datetime, key: str | None, event: FlightEvent | None, raw: bytes | None = None) -> None:
        planned.append((at, len(planned), Published(at, key, event, raw)))

    for event in sorted(
        (event for flight in flights for event in flight_events(flight, zones)),
        key=lambda event: (event.event_time, event.event_id),
    ):
        late = chance.random() < defects.late
        wait = ALLOWED_LATENESS * (1 + 2 * chance.random()) + timedelta(minutes=1) if late else timedelta()
        at = event.event_time + wait
        plan(at, event.flight_id, event)
        if not late and chance.random() < defects.duplicate:
            # Some come at once, some when the first is long known, none too late.
            plan(at + ALLOWED_LATENESS * (0.9 * chance.random()), event.flight_id, event)
        if chance.random() < defects.malformed:
            plan(at, event.flight_id, None, chance.choice(POISON))
    planned.sort(key=lambda each: each[:2])
    yield from _with_ticks([published for _, _, published in planned])


def _with_ticks(planned: list[Published]) -> Iterator[Published]:
    if not planned:
        return
    following = planned[0].at
    for published in planned:
        while following <= published.at:
            yield _tick(following)
            following += TICK_EVERY
        yield published
    end = planned[-1].at + WINDOWS_CLOSE_AFTER
    while following <= end + TICK_EVERY:
        yield _tick(following)
        following += TICK_EVERY


def _tick(at: datetime) -> Published:
    day = at.date().isoformat()
    return Published(
        at, None, FlightEvent(f"{TICK}/{at:%Y%m%dT%H%M%S}", TICK, TICK, day, "", 0, "", "", at, at)
    )


def _utc(day: date, hhmm: int, zone: str) -> datetime:
    """A local time as the sources have it (hhmm, 2400 is the next midnight), in UTC."""
    local = datetime.combine(day, time(), ZoneInfo(zone)) if hhmm == 2400 else None
    if local is not None:
        return (local + timedelta(days=1)).astimezone(UTC)
    return datetime.combine(day, time(hhmm // 100, hhmm % 100), ZoneInfo(zone)).astimezone(UTC)
