"""Flight events: their fields, their schema's versions, and the bytes of one on a topic.

A value is Avro with the header of the AWS Glue Schema Registry (a version byte, a compression byte, the UUID
of the schema's version), or, as the simple option, a JSON object with times in milliseconds.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from importlib import resources
from typing import Any, Optional

HEADER_VERSION = 3
NO_COMPRESSION = 0
HEADER_BYTES = 18
PUBLISHED_AT = "published-at"
"""Header of a replayed record: when it was published, in milliseconds; else the record's own time counts."""
TYPES = ("scheduled", "departed", "arrived", "cancelled")
EARLIEST, LATEST = datetime(1900, 1, 1, tzinfo=timezone.utc), datetime(2200, 1, 1, tzinfo=timezone.utc)  # noqa: UP017
"""Moments between which an event may lie: Parquet, Athena, PostgreSQL and Python can all hold those."""
LONGEST_TEXT = 256
"""Characters that a text of an event has at most: the board has an index on some of them."""
LARGEST_DEAD_LETTER = 2 * 1024 * 1024
"""Bytes of a dead letter: the largest record that Kafka takes otherwise, and the headers with the reason."""
TICK = "tick"
"""An event of no flight, sent to every partition: it lets time pass where no flight does anything."""
VERSIONS = (1, 2)
"""Versions of the schema in the order in which they are registered; producers write the last one."""


@dataclass(frozen=True)
class FlightEvent:
    """One event, times in UTC."""

    event_id: str
    event_type: str
    flight_id: str
    flight_date: str
    carrier: str
    flight_number: int
    origin: str
    destination: str
    event_time: datetime
    scheduled_time: datetime
    delay_minutes: Optional[int] = None  # noqa: UP045 - EMR's Python may be 3.9
    tail_number: Optional[str] = None  # noqa: UP045

    def record(self) -> dict[str, Any]:
        """Its fields, times as milliseconds since the epoch."""
        return {
            **asdict(self),
            "event_time": milliseconds(self.event_time),
            "scheduled_time": milliseconds(self.scheduled_time),
        }


def schema(version: int = VERSIONS[-1]) -> dict[str, Any]:
    """A version of the Avro schema."""
    path = resources.files("streaming") / "schemas" / f"flight_event_v{version}.avsc"
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def frame(version_id: str, payload: bytes) -> bytes:
    """The bytes of a value: the registry's header with the schema version's UUID, and the Avro payload."""
    return bytes((HEADER_VERSION, NO_COMPRESSION)) + uuid.UUID(version_id).bytes + payload


def unframe(value: bytes) -> tuple[str, bytes]:
    """UUID of the schema's version, and the payload. ValueError if the header is not the registry's."""
    if len(value) < HEADER_BYTES or value[0] != HEADER_VERSION or value[1] != NO_COMPRESSION:
        raise ValueError("the value has no header of the Glue Schema Registry, or is compressed")
    return str(uuid.UUID(bytes=value[2:HEADER_BYTES])), value[HEADER_BYTES:]


def to_json(event: FlightEvent) -> bytes:
    """The event as the simple option has it."""
    return json.dumps(event.record(), separators=(",", ":")).encode()


def milliseconds(moment: datetime) -> int:
    """A moment as Kafka and Avro count it."""
    return round(moment.timestamp() * 1000)


def moment(epoch_milliseconds: int) -> datetime:
    """The moment that `milliseconds` gives."""
    return datetime.fromtimestamp(epoch_milliseconds / 1000, timezone.utc)  # noqa: UP017
