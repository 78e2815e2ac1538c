"""Producer and consumer group on real Kafka: order, restarts, rebalancing."""

from __future__ import annotations

import json
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from confluent_kafka import Message

from streaming.consumer import consume
from streaming.events import PUBLISHED_AT, TICK
from streaming.producer import json_encoder, send
from streaming.replay import publications
from tests.streaming.conftest import ZONES, Streams

pytestmark = pytest.mark.timeout(180)

ORDER = ("scheduled", "departed", "arrived", "cancelled")


class Store:
    """What consumers wrote: by topic, partition and offset, so that writing again changes nothing."""

    def __init__(self) -> None:
        self.rows: dict[tuple[Any, ...], Message] = {}
        self.arrived: list[tuple[str, str]] = []
        """Flight and kind of each event in the order in which they were written first."""
        self.writers: defaultdict[str, int] = defaultdict(int)

    def writer(self, name: str) -> Callable[[Sequence[Message]], None]:
        def write(messages: Sequence[Message]) -> None:
            self.writers[name] += len(messages)
            for each in messages:
                place = (each.topic(), each.partition(), each.offset())
                event = json.loads(each.value() or b"")
                if place not in self.rows and event["event_type"] != TICK:
                    self.arrived.append((event["flight_id"], event["event_type"]))
                self.rows[place] = each

        return write

    def holds(self, count: int, seconds: float = 60) -> Callable[[], bool]:
        """Whether `count` rows are there, or time is up."""
        deadline = time.monotonic() + seconds
        return lambda: len(self.rows) >= count or time.monotonic() > deadline


def check_order(store: Store) -> None:
    """Each flight's events were written in the order in which they happen."""
    last: dict[str, int] = {}
    for flight, kind in store.arrived:
        assert ORDER.index(kind) > last.get(flight, -1), f"{kind} of {flight} came too late"
        last[flight] = ORDER.index(kind)


@pytest.fixture
def produced(streams: Streams, flights: list[dict[str, Any]]) -> tuple[str, int]:
    topic, *_ = streams.topics(partitions=4)
    sent = send(publications(flights, ZONES), streams.brokers.client_settings(), topic, json_encoder)
    return topic, sent.produced + sent.ticks


def test_a_flight_s_events_stay_on_one_partition_in_order(
    streams: Streams, produced: tuple[str, int]
) -> None:
    topic, count = produced
    store = Store()
    consume(streams.brokers.client_settings(), topic, "order", store.writer("one"), until=store.holds(count))
    assert len(store.rows) == count
    check_order(store)
    partitions = defaultdict(set)
    for (_, partition, _), message in store.rows.items():
        partitions[message.key()].add(partition)
        assert dict(message.headers() or [])[PUBLISHED_AT].isdigit()
    assert all(len(found) == 1 for key, found in partitions.items() if key is not None)


def test_a_consumer_that_dies_in_the_middle_of_a_batch_loses_nothing(
    streams: Streams, produced: tuple[str, int]
) -> None:
    topic, count = produced
    store = Store()
    written = store.writer("one")

    def fail_in_the_middle(messages: Sequence[Message]) -> None:
        if len(store.rows) > count // 3:
            written(messages[: len(messages) // 2])
            raise OSError("the disk is full")
        written(messages)

    settings = streams.brokers.client_settings()
    with pytest.raises(OSError, match="full"):
        consume(settings, topic, "dies", fail_in_the_middle, until=lambda: False, batch=50)
    assert len(store.rows) < count
    consume(settings, topic, "dies", written, until=store.holds(count))
    assert len(store.rows) == count
    assert store.writers["one"] > count, "the batch in which it died came again"


def test_a_flight_s_order_holds_when_producer_and_consumer_start_again(
    streams: Streams, flights: list[dict[str, Any]]
) -> None:
    topic, *_ = streams.topics(partitions=4)
    settings = streams.brokers.client_settings()
    planned = list(publications(flights, ZONES))
    half = len(planned) // 2
    sent = [send(part, settings, topic, json_encoder) for part in (planned[:half], planned[half:])]
    count = sum(each.produced + each.ticks for each in sent)
    store = Store()
    for share in (count // 3, count // 2, count):
        consume(settings, topic, "again", store.writer("one"), until=store.holds(share), batch=50)

    assert len(store.rows) == count
    assert len(store.arrived) == sum(each.produced for each in sent)
    check_order(store)


def test_two_members_share_and_a_rebalance_loses_nothing(streams: Streams, produced: tuple[str, int]) -> None:
    topic, count = produced
    store, left = Store(), threading.Event()
    settings = streams.brokers.client_settings()

    def member(name: str, until: Callable[[], bool]) -> threading.Thread:
        def slow(messages: Sequence[Message]) -> None:
            # Slow while there is one: the second may be long in coming.
            time.sleep(0.5 if len(store.writers) < 2 else 0.05)
            store.writer(name)(messages)

        thread = threading.Thread(
            target=consume, args=(settings, topic, "pair", slow), kwargs={"until": until, "batch": 5}
        )
        thread.start()
        return thread

    first = member("first", lambda: left.is_set() or store.holds(count)())
    second = member("second", store.holds(count))
    # Once both have read, the first one leaves: its partitions go to the second.
    deadline = time.monotonic() + 60
    while len(store.writers) < 2 and time.monotonic() < deadline:
        time.sleep(0.1)
    left.set()
    first.join()
    second.join()
    assert len(store.rows) == count
    assert set(store.writers) == {"first", "second"}
