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
from streaming.events import PUBLISHED_AT
from streaming.producer import json_encoder, send
from streaming.replay import publications
from tests.streaming.conftest import ZONES, Streams

pytestmark = pytest.mark.timeout(180)


class Store:
    """What consumers wrote: by topic, partition and offset, so that writing again changes nothing."""

    def __init__(self) -> None:
        self.rows: dict[tuple[Any, ...], Message] = {}
        self.writers: defaultdict[str, int] = defaultdict(int)

    def writer(self, name: str) -> Callable[[Sequence[Message]], None]:
        def write(messages: Sequence[Message]) -> None:
            self.writers[name] += len(messages)
            self.rows.update({(each.topic(), each.partition(), each.offset()): each for each in messages})

        return write

    def holds(self, count: int, seconds: float = 60) -> Callable[[], bool]:
        """Whether `count` rows are there, or time is up."""
        deadline = time.monotonic() + seconds
        return lambda: len(self.rows) >= count or time.monotonic() > deadline

    def flights(self) -> dict[str, list[str]]:
        """Kinds of events of each flight, in order of offset."""
        found: dict[str, list[str]] = {}
        for _, message in sorted(self.rows.items(), key=lambda item: item[0]):
            event = json.loads(message.value() or b"")
            if event["event_type"] != "tick":
                found.setdefault(event["flight_id"], []).append(event["event_type"])
        return found


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
    order = ["scheduled", "departed", "arrived", "cancelled"]
    for kinds in store.flights().values():
        assert kinds == sorted(kinds, key=order.index)
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


def test_two_members_share_and_a_rebalance_loses_nothing(streams: Streams, produced: tuple[str, int]) -> None:
    topic, count = produced
    store, left = Store(), threading.Event()
    settings = streams.brokers.client_settings()

    def member(name: str, until: Callable[[], bool]) -> threading.Thread:
        def slow(messages: Sequence[Message]) -> None:
            time.sleep(0.05)
            store.writer(name)(messages)

        thread = threading.Thread(
            target=consume, args=(settings, topic, "pair", slow), kwargs={"until": until, "batch": 5}
        )
        thread.start()
        return thread

    first = member("first", lambda: left.is_set() or store.holds(count)())
    second = member("second", store.holds(count))
    # Once both have read, the first one leaves: its partitions go to the second.
    deadline = time.monotonic() + 30
    while len(store.writers) < 2 and time.monotonic() < deadline:
        time.sleep(0.1)
    left.set()
    first.join()
    second.join()
    assert len(store.rows) == count
    assert set(store.writers) == {"first", "second"}
