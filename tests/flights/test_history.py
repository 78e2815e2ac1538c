"""The rule of type 2, for one member: what holds of its versions, whatever the snapshots and their order."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from flights.history import Change, Version, merge, versions
from flights.schema import BEGINNING, END_OF_TIME

DAYS = [date(2013, month, 1) for month in range(1, 9)]
SEATS, ENGINE = st.sampled_from([None, 55, 60]), st.sampled_from([None, "Turbo-fan"])
STATES = st.one_of(st.none(), st.tuples(SEATS, ENGINE))
SNAPSHOTS = st.dictionaries(st.sampled_from(DAYS), STATES, min_size=1)

Snapshots = Mapping[date, object]


def one_by_one(snapshots: Snapshots, order: list[date]) -> list[Change]:
    changes: list[Change] = []
    known: set[date] = set()
    for day in order:
        changes = merge(changes, known, {day: snapshots[day]})
        known.add(day)
    return changes


def state_on(found: list[Version], day: date) -> object:
    (state,) = [each.state for each in found if each.valid_from <= day < each.valid_to] or [None]
    return state


@given(snapshots=SNAPSHOTS, data=st.data())
def test_snapshots_in_any_order_and_any_parts_give_the_same(
    snapshots: Snapshots, data: st.DataObject
) -> None:
    order = data.draw(st.permutations(sorted(snapshots)))
    cut = data.draw(st.integers(0, len(order)))
    early, late = order[:cut], order[cut:]

    at_once = merge([], [], snapshots)

    assert one_by_one(snapshots, order) == at_once
    first = merge([], [], {day: snapshots[day] for day in early})
    assert merge(first, early, {day: snapshots[day] for day in late}) == at_once


@given(snapshots=SNAPSHOTS, data=st.data())
def test_a_snapshot_that_comes_again_changes_nothing_and_a_corrected_one_counts_as_if_it_were_the_first(
    snapshots: Snapshots, data: st.DataObject
) -> None:
    day = data.draw(st.sampled_from(sorted(snapshots)))
    corrected = data.draw(STATES)
    merged = merge([], [], snapshots)

    assert merge(merged, list(snapshots), {day: snapshots[day]}) == merged
    assert merge(merged, list(snapshots), {day: corrected}) == merge([], [], {**snapshots, day: corrected})


@given(SNAPSHOTS)
def test_each_snapshot_s_day_has_the_state_that_it_shows(snapshots: Snapshots) -> None:
    found = versions(merge([], [], snapshots))

    first = min((day for day in snapshots if snapshots[day] is not None), default=END_OF_TIME)
    for day, state in snapshots.items():
        assert state_on(found, day) == (snapshots[first] if day < first and found else state)


@given(SNAPSHOTS)
def test_versions_neither_overlap_nor_leave_a_gap_but_where_the_member_is_missing(
    snapshots: Snapshots,
) -> None:
    found = versions(merge([], [], snapshots))

    for one, following in pairwise(found):
        assert one.valid_from < one.valid_to <= following.valid_from
        gap = one.valid_to < following.valid_from
        assert gap == (snapshots[one.valid_to] is None)
        assert gap or one.state != following.state


@given(SNAPSHOTS)
def test_the_first_version_has_no_start_and_the_last_no_end_unless_the_member_is_gone(
    snapshots: Snapshots,
) -> None:
    found = versions(merge([], [], snapshots))

    assert bool(found) == any(state is not None for state in snapshots.values())
    if found:
        assert found[0].valid_from == BEGINNING
        current = [each for each in found if each.is_current]
        assert current == ([] if snapshots[max(snapshots)] is None else found[-1:])


def test_a_change_to_and_from_null_is_a_change() -> None:
    january, february, march = DAYS[:3]

    found = versions(merge([], [], {january: (55, None), february: (None, None), march: (55, None)}))

    assert found == [
        Version(BEGINNING, february, (55, None)),
        Version(february, march, (None, None)),
        Version(march, END_OF_TIME, (55, None)),
    ]


def test_what_was_known_of_the_days_after_a_late_snapshot_stays() -> None:
    january, february, march = DAYS[:3]
    changes = merge([], [], {january: ("old",), march: ("old",)})
    assert versions(changes) == [Version(BEGINNING, END_OF_TIME, ("old",))]

    late = merge(changes, [january, march], {february: ("repainted",)})

    assert versions(late) == [
        Version(BEGINNING, february, ("old",)),
        Version(february, march, ("repainted",)),
        Version(march, END_OF_TIME, ("old",)),
    ]


def test_a_vanished_member_ends_with_the_snapshot_that_lacks_it_and_may_come_back() -> None:
    january, february, march = DAYS[:3]

    found = versions(merge([], [], {january: ("a",), february: None, march: ("a",)}))

    assert found == [Version(BEGINNING, february, ("a",)), Version(march, END_OF_TIME, ("a",))]
    assert state_on(found, march - timedelta(days=1)) is None
