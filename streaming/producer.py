"""Sends publications to the topic: idempotently, to all replicas, a flight's events in order.

The key is the flight, so that its events stay on one partition; ticks go to every partition. The time of
publication is a header of the record, whose own time is today's: brokers delete records by that.
"""

from __future__ import annotations

import io
import json
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import fastavro
from confluent_kafka import KafkaException, Producer

from streaming.events import PUBLISHED_AT, FlightEvent, frame, milliseconds, schema, to_json
from streaming.replay import Published

SETTINGS = {
    "enable.idempotence": True,
    "acks": "all",
    "linger.ms": 20,
    # The one codec that every client reads without another library.
    "compression.type": "gzip",
    "queue.buffering.max.messages": 200_000,
    "delivery.timeout.ms": 120_000,
}
FLUSH_SECONDS = 120.0

Encoder = Callable[[FlightEvent], bytes]


class DeliveryError(Exception):
    """Not every value was acknowledged."""


@dataclass
class Sent:
    """What was acknowledged: flight events and defects, ticks apart, and the offsets that they got."""

    produced: int = 0
    ticks: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    first: dict[int, int] = field(default_factory=dict)
    """Partition → offset of the first record."""
    last: dict[int, int] = field(default_factory=dict)


def avro_encoder(version_id: str, version: int) -> Encoder:
    """Encode events by a version of the schema that the registry knows as `version_id`."""
    parsed = fastavro.parse_schema(schema(version))

    def encode(event: FlightEvent) -> bytes:
        buffer = io.BytesIO()
        fastavro.schemaless_writer(buffer, parsed, event.record())
        return frame(version_id, buffer.getvalue())

    return encode


def json_encoder(event: FlightEvent) -> bytes:
    """Encode events in the simple way."""
    return to_json(event)


def send(
    publications: Iterable[Published],
    settings: dict[str, Any],
    topic: str,
    encode: Encoder,
    *,
    speed_up: float | None = None,
    rate: float | None = None,
    say: Callable[[Sent], None] | None = None,
) -> Sent:
    """Send all publications, as fast as the brokers take them, or `speed_up` times faster than they happened,
    or `rate` a second. Returns what was acknowledged; DeliveryError if something was not.
    """
    producer = Producer({**SETTINGS, **settings})
    partitions = len(producer.list_topics(topic, timeout=30).topics[topic].partitions)
    sent, failures = Sent(), []

    def delivered(error: Any, message: Any) -> None:
        if error is not None:
            failures.append(str(error))
            return
        sent.first.setdefault(message.partition(), message.offset())
        sent.last[message.partition()] = message.offset()

    started, begun = time.monotonic(), None
    for published in publications:
        begun = begun or published.at
        if speed_up:
            _wait(producer, started + (published.at - begun).total_seconds() / speed_up)
        elif rate:
            _wait(producer, started + sent.produced / rate)
        value = encode(published.event) if published.event is not None else published.raw
        targets: Iterable[int | None] = range(partitions) if published.key is None else (None,)
        for partition in targets:
            _produce(producer, topic, value, published, partition, delivered)
        if published.key is None:
            sent.ticks += partitions
        else:
            sent.produced += 1
            sent.kinds[published.event.event_type if published.event else "malformed"] += 1
        producer.poll(0)
        if say is not None:
            say(sent)
    left = producer.flush(FLUSH_SECONDS)
    if left or failures:
        raise DeliveryError(f"{left + len(failures)} values were not acknowledged: {failures[:1]}")
    return sent


def summary(sent: Sent) -> str:
    """What was sent, as one JSON line."""
    return json.dumps(
        {
            "produced": sent.produced,
            "ticks": sent.ticks,
            "kinds": dict(sent.kinds),
            "first": sent.first,
            "last": sent.last,
        }
    )


def _produce(
    producer: Producer,
    topic: str,
    value: bytes | None,
    published: Published,
    partition: int | None,
    delivered: Callable[[Any, Any], None],
) -> None:
    more: dict[str, Any] = {} if partition is None else {"partition": partition}
    while True:
        try:
            producer.produce(
                topic,
                value,
                key=None if published.key is None else published.key.encode(),
                headers=[(PUBLISHED_AT, str(milliseconds(published.at)).encode())],
                on_delivery=delivered,
                **more,
            )
        except BufferError:
            producer.poll(0.1)
        except KafkaException as problem:
            raise DeliveryError(str(problem)) from problem
        else:
            return


def _wait(producer: Producer, until: float) -> None:
    while (left := until - time.monotonic()) > 0:
        producer.poll(min(left, 0.05))
