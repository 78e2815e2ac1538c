"""What a day of flights is as events, and how defects are planted."""

from __future__ import annotations

import itertools
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import fastavro
import pytest

from streaming.brokers import IAM, TLS, Brokers, NoWayInError
from streaming.events import frame, schema, unframe
from streaming.lateness import ALLOWED_LATENESS
from streaming.producer import avro_encoder
from streaming.replay import Defects, flight_events, publications
from tests.streaming.conftest import DAY, ZONES

FLIGHT = {
    "flight_date": DAY,
    "carrier": "UA",
    "flight_number": 1,
    "tail_number": "N1",
    "origin": "EWR",
    "dest": "LAX",
    "sched_dep_time": 2300,
    "dep_delay_minutes": 30,
    "sched_arr_time": 210,
    "arr_delay_minutes": -5,
    "cancelled": False,
    "diverted": False,
}


def test_a_flight_is_announced_leaves_and_arrives_in_utc() -> None:
    events = flight_events(FLIGHT, ZONES)
    assert [(event.event_type, event.event_time) for event in events] == [
        ("scheduled", datetime(2013, 3, 2, 2, 0, tzinfo=UTC)),
        ("departed", datetime(2013, 3, 2, 4, 30, tzinfo=UTC)),
        ("arrived", datetime(2013, 3, 2, 10, 5, tzinfo=UTC)),
    ]


@pytest.mark.parametrize(
    ("change", "kinds"),
    [
        ({"cancelled": True, "dep_delay_minutes": None}, ["scheduled", "cancelled"]),
        ({"diverted": True}, ["scheduled", "departed"]),
        ({"dest": "BQN"}, ["scheduled", "departed"]),
    ],
)
def test_what_did_not_happen_is_no_event(change: dict[str, Any], kinds: list[str]) -> None:
    assert [event.event_type for event in flight_events({**FLIGHT, **change}, ZONES)] == kinds


def test_midnight_as_2400_is_the_next_day() -> None:
    [first, *_] = flight_events({**FLIGHT, "sched_dep_time": 2400}, ZONES)
    assert first.scheduled_time == datetime(2013, 3, 2, 5, 0, tzinfo=UTC)


def test_publications_are_in_order_and_defects_are_as_planted(flights: list[dict[str, Any]]) -> None:
    plain = [each for each in publications(flights, ZONES) if each.key is not None]
    planned = list(publications(flights, ZONES, Defects(late=0.1, duplicate=0.1, malformed=0.1)))
    times = [each.at for each in planned]
    assert times == sorted(times)
    again = list(publications(flights, ZONES, Defects(late=0.1, duplicate=0.1, malformed=0.1)))
    assert again == planned
    ids = Counter(each.event.event_id for each in planned if each.event and each.key is not None)
    assert ids.keys() == {each.event.event_id for each in plain if each.event}
    assert any(count == 2 for count in ids.values())
    assert any(each.raw is not None for each in planned)
    late = [each for each in planned if each.event and each.at - each.event.event_time > ALLOWED_LATENESS]
    assert late
    assert all(ids[each.event.event_id] == 1 for each in late if each.event)


def test_ticks_let_time_pass_evenly_and_until_all_windows_are_closed(flights: list[dict[str, Any]]) -> None:
    planned = list(publications(flights, ZONES))
    ticks = [each.at for each in planned if each.key is None]
    assert {b - a for a, b in itertools.pairwise(ticks)} == {timedelta(minutes=15)}
    assert ticks[-1] - planned[-20].at > timedelta(0)


def test_an_event_survives_its_encoding() -> None:
    event = flight_events(FLIGHT, ZONES)[1]
    identity = "11111111-2222-3333-4444-555555555555"
    found, payload = unframe(avro_encoder(identity, 2)(event))
    import io

    decoded = fastavro.schemaless_reader(io.BytesIO(payload), schema(2), None)
    assert found == identity
    assert decoded["event_time"] == event.event_time
    assert decoded["tail_number"] == "N1"
    with pytest.raises(ValueError, match="no header"):
        unframe(b"\x00" + frame(identity, b""))


def test_a_client_takes_iam_before_tls_and_nothing_else() -> None:
    both = {"BootstrapBrokerStringTls": "a:9094", "BootstrapBrokerStringSaslIam": "a:9098"}
    assert Brokers.offered(both, "us-east-1") == Brokers(IAM, "a:9098", "us-east-1")
    assert Brokers.offered({"BootstrapBrokerStringTls": "a:9094"}, "us-east-1").way == TLS
    assert Brokers(IAM, "a", "r").client_settings()["security.protocol"] == "SASL_SSL"
    assert Brokers(IAM, "a", "r").client_settings()["reconnect.backoff.ms"] == "1000"
    assert Brokers(IAM, "a", "r").spark_options()["kafka.reconnect.backoff.ms"] == "1000"
    assert Brokers(TLS, "a", "r").spark_options()["kafka.security.protocol"] == "SSL"
    with pytest.raises(NoWayInError):
        Brokers.offered({"BootstrapBrokerString": "a:9092"}, "us-east-1")
