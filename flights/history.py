"""The rule of dimensions of type 2: from complete lists of members, each true on a day, to versions.

A member's history is the days on which its state changed. What it was between two snapshots nobody knows, so
a state counts from the snapshot that shows it first until the one that shows another. It follows that the
history is a function of the set of snapshots: in which order they come, or whether one comes twice, makes no
difference. `flights.spark.history` computes the same in Spark.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from flights.schema import BEGINNING, END_OF_TIME

State = Hashable
"""A member's attributes; None if it is not in the list. Two of them are the same if they are equal."""


@dataclass(frozen=True)
class Change:
    """From the day `since` on, the member's state is `state`."""

    since: date
    state: State | None


@dataclass(frozen=True)
class Version:
    """A member's state on the days `valid_from` ≤ day < `valid_to`."""

    valid_from: date
    valid_to: date
    state: State

    @property
    def is_current(self) -> bool:
        """Whether the version has no end yet."""
        return self.valid_to == END_OF_TIME


def merge(
    changes: Sequence[Change], known: Collection[date], observed: Mapping[date, State | None]
) -> list[Change]:
    """One member's changes, in order, after new snapshots show it as `observed`, None where it is missing.

    `known` are the days of the snapshots that `changes` come from. A day of both is corrected.
    """
    restored = {day: _state_on(changes, day) for day in days_to_restore(known, observed)}
    fixed = {**observed, **restored}
    points = {change.since: change.state for change in changes if change.since not in fixed} | fixed
    merged: list[Change] = []
    for day, state in sorted(points.items(), key=lambda point: point[0]):
        if state != (merged[-1].state if merged else None):
            merged.append(Change(day, state))
    return merged


def days_to_restore(known: Collection[date], new: Collection[date]) -> set[date]:
    """The known days that come next after a new one.

    A new snapshot says nothing of them: what was known of them before must stay.
    """
    following = {min((day for day in {*known, *new} if day > each), default=None) for each in new}
    return {day for day in following if day is not None and day not in new}


def versions(changes: Sequence[Change]) -> list[Version]:
    """The versions of one member's history, in order; days on which it is not in the list are in none.

    The first one is open at its start: what was before the first snapshot nobody knows, and its state is a
    better guess than none.
    """
    ends = [*(change.since for change in changes[1:]), END_OF_TIME]
    return [
        Version(change.since if place else BEGINNING, end, change.state)
        for place, (change, end) in enumerate(zip(changes, ends, strict=False))
        if change.state is not None
    ]


def _state_on(changes: Sequence[Change], day: date) -> State | None:
    return next((change.state for change in reversed(changes) if change.since <= day), None)
