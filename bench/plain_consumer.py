"""The baseline of the stream: the same windows and dead letters in a plain consumer, without a checkpoint.

One process, one thread, everything in memory: what it read is lost with it.
"""

from __future__ import annotations

import io
import json
from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import fastavro
from confluent_kafka import Consumer, Message, Producer, TopicPartition

from streaming.events import PUBLISHED_AT, TICK, TYPES, milliseconds, moment, unframe
from streaming.lateness import ALLOWED_LATENESS

BATCH = 5_000
HOUR, QUARTER = 3_600_000, 900_000


class Windows:
    """Departures, arrivals, cancellations and delays by airport and hour, one beginning each quarter."""

    def __init__(self, schemas: Mapping[str, str]) -> None:
        self._schemas = {key: fastavro.parse_schema(json.loads(text)) for key, text in schemas.items()}
        self._seen: set[str] = set()
        self.late = 0
        self.windows: defaultdict[tuple[str, int], dict[str, int]] = defaultdict(lambda: defaultdict(int))

    @property
    def counted(self) -> int:
        """Events in tumbling windows."""
        return sum(each["events"] for (_, start), each in self.windows.items() if start % HOUR == 0)

    def add(self, message: Message) -> bool:
        """Count a record; whether it could be read."""
        event = self._event(message.value() or b"")
        if event is None:
            return False
        if event["event_type"] == TICK:
            return True
        at = milliseconds(event["event_time"])
        published = dict(message.headers() or []).get(PUBLISHED_AT)
        if int(published or message.timestamp()[1]) - at > ALLOWED_LATENESS.total_seconds() * 1000:
            self.late += 1
        elif event["event_id"] not in self._seen:
            self._seen.add(event["event_id"])
            self._count(event, at)
        return True

    def _event(self, value: bytes) -> dict[str, Any] | None:
        try:
            if value[:1] == b"{":
                event: Any = json.loads(value)
                event["event_time"] = moment(event["event_time"])
            else:
                version, payload = unframe(value)
                schema = self._schemas[version]
                event = fastavro.schemaless_reader(io.BytesIO(payload), schema, None)
            known = event["event_type"] in (*TYPES, TICK) and isinstance(event["event_time"], datetime)
        except Exception:
            return None
        return event if known else None

    def _count(self, event: Mapping[str, Any], at: int) -> None:
        kind = event["event_type"]
        airport = event["destination"] if kind == "arrived" else event["origin"]
        last = at - at % QUARTER
        for start in range(last - HOUR + QUARTER, last + 1, QUARTER):
            window = self.windows[airport, start]
            window["events"] += 1
            window[kind] += 1
            if kind == "departed":
                window["delay"] += event["delay_minutes"]
                window["greatest"] = max(window["greatest"], event["delay_minutes"])


def read(
    settings: Mapping[str, Any],
    topic: str,
    offsets: Mapping[int, tuple[int, int]],
    schemas: Mapping[str, str],
    dead_letters: str | None = None,
    until: Callable[[], bool] = lambda: False,
) -> Windows:
    """Count what lies between two offsets of each partition, or what comes until `until` says so.

    Unreadable values go on to the topic `dead_letters`, with partition and offset as headers.
    """
    consumer = Consumer({**settings, "group.id": "bench", "enable.auto.commit": False})
    consumer.assign([TopicPartition(topic, number, first) for number, (first, _) in offsets.items()])
    producer = Producer({**settings, "acks": "all"}) if dead_letters else None
    windows, left = (
        Windows(schemas),
        {number: last for number, (first, last) in offsets.items() if last > first},
    )
    while left if not dead_letters else not until():
        for message in consumer.consume(BATCH, timeout=0.05):
            partition, offset = message.partition(), message.offset()
            assert message.error() is None
            assert partition is not None
            assert offset is not None
            if not windows.add(message) and producer is not None and dead_letters is not None:
                headers: Any = [("partition", str(partition).encode()), ("offset", str(offset).encode())]
                producer.produce(dead_letters, message.value(), headers=headers)
                producer.poll(0)
            if offset + 1 >= left.get(partition, offset + 2):
                del left[partition]
    if producer is not None:
        producer.flush()
    consumer.close()
    return windows
