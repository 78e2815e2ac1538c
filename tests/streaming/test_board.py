"""The board's row of a flight depends on which events there are, on neither their order nor their number."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.board import COLUMNS, board
from streaming.events import FlightEvent

DEPARTURE = datetime(2013, 2, 8, 14, 0, tzinfo=UTC)
FLIGHT = "2013-02-08/UA/1545/EWR"


def event(kind, at, scheduled=DEPARTURE, delay=None, **other):
    fields = {"tail_number": "N14228", "destination": "IAH", "event_id": f"{FLIGHT}/{kind}", **other}
    return FlightEvent(
        event_type=kind,
        flight_id=FLIGHT,
        flight_date="2013-02-08",
        carrier="UA",
        flight_number=1545,
        origin="EWR",
        event_time=at,
        scheduled_time=scheduled,
        delay_minutes=delay,
        **fields,
    )


SCHEDULED = event("scheduled", DEPARTURE - timedelta(hours=2))
DEPARTED = event("departed", DEPARTURE + timedelta(minutes=7), delay=7)
LANDING = DEPARTURE + timedelta(hours=4)
ARRIVED = event("arrived", LANDING - timedelta(minutes=3), LANDING, -3)
CANCELLED = event("cancelled", DEPARTURE)

moments = st.sampled_from([DEPARTURE + timedelta(minutes=15 * step) for step in range(-8, 16)])
events = st.builds(
    event,
    st.sampled_from(["scheduled", "departed", "arrived", "cancelled"]),
    moments,
    moments,
    st.none() | st.integers(-30, 600),
    tail_number=st.none() | st.sampled_from(["N14228", "N24211"]),
    destination=st.sampled_from(["IAH", "DFW"]),
    event_id=st.sampled_from(["a", "b", "c"]),
)


@given(st.data(), st.lists(events, min_size=1, max_size=12))
def test_any_order_any_repetition_and_any_division_into_batches_gives_the_same_row(data, told):
    expected = board(told)
    again = data.draw(st.permutations(told + data.draw(st.lists(st.sampled_from(told), max_size=8))))
    cut = data.draw(st.integers(0, len(again)))
    assert board(again[cut:], board(again[:cut]).values()) == expected


@given(st.lists(events, min_size=1, max_size=12))
def test_the_status_is_that_of_the_newest_event_and_each_moment_the_newest_of_its_kind(told):
    [row] = board(told).values()
    newest = max(each.event_time for each in told)
    assert row["last_event_time"] == newest
    assert row["status"] in {each.event_type for each in told if each.event_time == newest}
    departures = [each.event_time for each in told if each.event_type == "departed"]
    assert row["departed_at"] == max(departures, default=None)


def test_a_flight_that_has_arrived_shows_both_delays():
    [row] = board([ARRIVED, SCHEDULED, DEPARTED]).values()
    assert set(row) == set(COLUMNS)
    shown = ("status", "scheduled_departure", "departed_at", "departure_delay_minutes")
    assert [row[name] for name in shown] == ["arrived", DEPARTURE, DEPARTED.event_time, 7]
    assert [row[name] for name in ("scheduled_arrival", "arrived_at", "arrival_delay_minutes")] == [
        LANDING,
        ARRIVED.event_time,
        -3,
    ]


def test_an_older_event_overwrites_nothing_newer():
    moved = event("scheduled", DEPARTURE, DEPARTURE + timedelta(hours=1), event_id="moved")
    assert board([moved, SCHEDULED])[FLIGHT]["scheduled_departure"] == DEPARTURE + timedelta(hours=1)


def test_an_event_that_comes_late_adds_what_only_it_knows():
    [row] = board([DEPARTED], board([ARRIVED]).values()).values()
    assert (row["status"], row["departure_delay_minutes"]) == ("arrived", 7)


@pytest.mark.parametrize("order", [(SCHEDULED, CANCELLED), (CANCELLED, SCHEDULED)])
def test_a_cancelled_flight_is_shown_as_such(order):
    assert board(order)[FLIGHT]["status"] == "cancelled"


def test_ticks_are_of_no_flight():
    assert board([event("tick", DEPARTURE)]) == {}
