"""What a consumer without Spark makes of the bytes on the topic."""

from __future__ import annotations

import json
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from streaming.events import PUBLISHED_AT, FlightEvent, frame, milliseconds, to_json
from streaming.kafka_event import Record
from streaming.producer import avro_encoder
from streaming.reading import Reader, UnreadableError
from streaming.replay import POISON
from tests.streaming.registry import IDS, Registry

NOW = datetime(2013, 2, 8, 14, 0, tzinfo=UTC)
EVENT = FlightEvent(
    *("e1", "departed", "f1", "2013-02-08", "UA", 1545, "EWR", "IAH", NOW, NOW - timedelta(minutes=7)),
    delay_minutes=7,
    tail_number="N14228",
)


BEFORE_1900 = milliseconds(datetime(1899, 12, 31, tzinfo=UTC))


def as_json(**changes):
    return json.dumps({**EVENT.record(), **changes}).encode()


def record(value, published=NOW, **headers):
    named = {PUBLISHED_AT: str(milliseconds(published)).encode(), **headers}
    return Record("events", 0, 7, milliseconds(NOW), b"f1", value, named)


def read(value, *registered, published=NOW):
    return Reader(Registry(*(registered or (1, 2))), "r", "s").read(record(value, published))


def reason(value, *registered, published=NOW):
    with pytest.raises(UnreadableError) as caught:
        read(value, *registered, published=published)
    return str(caught.value)


def test_avro_of_the_newest_version_is_read_whole():
    assert read(avro_encoder(IDS[2], 2)(EVENT)) == EVENT


def test_avro_of_an_older_version_gets_defaults():
    assert read(avro_encoder(IDS[1], 1)(EVENT)) == replace(EVENT, tail_number=None)


def test_json_is_read_whole():
    assert read(to_json(EVENT)) == EVENT


def test_a_version_that_was_registered_later_is_looked_up_and_kept():
    registry = Registry(1)
    reader = Reader(registry, "r", "s")
    reader.read(record(avro_encoder(IDS[1], 1)(EVENT)))
    registry.registered.append(2)
    for _ in range(3):
        assert reader.read(record(avro_encoder(IDS[2], 2)(EVENT))) == EVENT
    assert registry.asked == 2


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "empty"),
        (b"", "empty"),
        (b"\x00not a record", "unknown_format"),
        (b"\x03\x05" + bytes(16), "unknown_format"),
        (b"\x03\x00", "unknown_format"),
        (frame(str(uuid.UUID(int=9)), b"\x02a"), "unknown_schema"),
        (frame(IDS[2], b"\x02a"), "malformed"),
        (avro_encoder(IDS[2], 2)(EVENT) + b"more", "malformed"),
        (b'{"event_id": "cut of', "malformed"),
        (b'{"event_id": "no times"}', "malformed"),
        (b'{"event_time": 1e300, "scheduled_time": 0}', "malformed"),
        (as_json(event_time=2**63 - 1), "malformed"),
        (as_json(event_time=BEFORE_1900), "malformed"),
        (as_json(event_time=True), "malformed"),
        (as_json(scheduled_time=BEFORE_1900), "invalid"),
        (as_json(carrier="U" * 257), "invalid"),
        (as_json(flight_date="2013-W06-5"), "invalid"),
        (as_json(flight_date="20130208"), "invalid"),
        (to_json(replace(EVENT, event_type="exploded")), "invalid"),
        (to_json(replace(EVENT, carrier=None)), "invalid"),
        (to_json(replace(EVENT, carrier="U\0A")), "invalid"),
        (to_json(replace(EVENT, carrier="U\ud800")), "invalid"),
        (to_json(replace(EVENT, flight_number="1545")), "invalid"),
        (to_json(replace(EVENT, flight_number=2**40)), "invalid"),
        (to_json(replace(EVENT, flight_date="2013-02-30")), "invalid"),
    ],
)
def test_what_is_no_event_is_unreadable_for_one_reason(value, expected):
    assert reason(value) == expected


def test_an_event_of_the_future_is_unreadable_since_it_would_hide_all_that_follows():
    assert reason(to_json(EVENT), published=NOW - timedelta(minutes=6)) == "in_the_future"
    assert read(to_json(EVENT), published=NOW - timedelta(minutes=4)) == EVENT


@pytest.mark.parametrize("header", [b"", b"soon", b"9" * 18, b"-" + b"9" * 18])
def test_where_the_header_is_no_moment_the_record_s_own_counts(header):
    reader = Reader(Registry(1, 2), "r", "s")
    assert reader.read(record(to_json(EVENT), **{PUBLISHED_AT: header})) == EVENT
    future = replace(EVENT, event_time=NOW + timedelta(minutes=6))
    with pytest.raises(UnreadableError, match="in_the_future"):
        reader.read(record(to_json(future), **{PUBLISHED_AT: header}))


def test_a_record_of_no_time_is_unreadable():
    with pytest.raises(UnreadableError, match="invalid"):
        Reader(Registry(1, 2), "r", "s").read(Record("events", 0, 7, 2**62, b"f1", to_json(EVENT), {}))


def test_a_version_that_nobody_registered_is_looked_for_once():
    registry = Registry(1, 2)
    reader = Reader(registry, "r", "s")
    for _ in range(3):
        with pytest.raises(UnreadableError, match="unknown_schema"):
            reader.read(record(frame(str(uuid.UUID(int=9)), b"\x02a")))
    assert registry.asked == 1


@pytest.mark.parametrize("value", POISON)
def test_all_that_the_producer_plants_as_malformed_is_unreadable(value):
    assert reason(value)
