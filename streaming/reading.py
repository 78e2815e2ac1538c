"""From a record's bytes to a flight event, without Spark: the rules and reasons are those of streaming.spark.

Avro is read by the version of the schema that wrote it; what that version lacks gets its default.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from streaming import registry
from streaming.events import (
    EARLIEST,
    HEADER_VERSION,
    LATEST,
    LONGEST_TEXT,
    PUBLISHED_AT,
    TICK,
    TYPES,
    FlightEvent,
    milliseconds,
    moment,
    schema,
    unframe,
)
from streaming.kafka_event import Record
from streaming.lateness import AHEAD

EMPTY, UNKNOWN_FORMAT, UNKNOWN_SCHEMA = "empty", "unknown_format", "unknown_schema"
MALFORMED, INVALID, IN_THE_FUTURE = "malformed", "invalid", "in_the_future"
OPTIONAL = frozenset({"delay_minutes", "tail_number"})
TIMES = frozenset({"event_time", "scheduled_time"})
NUMBERS = frozenset({"flight_number", "delay_minutes"})
LARGEST_INTEGER = 2**31 - 1


class UnreadableError(Exception):
    """The record is no flight event; the text is the reason, one of those above."""


class Reader:
    """Reads events; knows the schema's registered versions, and looks again when a new one appears."""

    def __init__(self, glue: Any, registry_name: str, schema_name: str) -> None:
        self._glue, self._registry, self._schema = glue, registry_name, schema_name
        self._definitions: dict[str, str] = {}
        self._readers: dict[str, Any] = {}
        self._unknown: set[str] = set()
        """Versions that were looked for in vain: a record's is registered before the record is written."""

    def read(self, record: Record) -> FlightEvent:
        """The record's event, of a flight or a tick. UnreadableError, and whatever the registry raises."""
        event = _checked(self._fields(record.value))
        published = _moment(_number(record.headers.get(PUBLISHED_AT))) or _moment(record.timestamp)
        if published is None:
            raise UnreadableError(INVALID)
        if event.event_time > published + AHEAD:
            raise UnreadableError(IN_THE_FUTURE)
        return event

    def _fields(self, value: bytes | None) -> Mapping[str, Any]:
        if not value:
            raise UnreadableError(EMPTY)
        if value[:1] == b"{":
            return _json(value)
        if value[0] != HEADER_VERSION:
            raise UnreadableError(UNKNOWN_FORMAT)
        try:
            version, payload = unframe(value)
        except ValueError as problem:
            raise UnreadableError(UNKNOWN_FORMAT) from problem
        return self._avro(version, payload)

    def _avro(self, version: str, payload: bytes) -> Mapping[str, Any]:
        from avro.io import BinaryDecoder

        reader = self._reader(version)
        source = io.BytesIO(payload)
        try:
            found: Mapping[str, Any] = reader.read(BinaryDecoder(source))
        except Exception as problem:
            # Bytes of anything may fail anywhere in the decoder: not only by its own exceptions.
            raise UnreadableError(MALFORMED) from problem
        if source.read(1):
            raise UnreadableError(MALFORMED)
        return found

    def _reader(self, version: str) -> Any:
        from avro.io import DatumReader
        from avro.schema import parse

        if version not in self._readers:
            if version not in self._definitions and version not in self._unknown:
                self._definitions = registry.versions(self._glue, self._registry, self._schema)
            if version not in self._definitions:
                self._unknown.add(version)
                raise UnreadableError(UNKNOWN_SCHEMA)
            self._readers[version] = DatumReader(
                parse(self._definitions[version]), parse(json.dumps(schema()))
            )
        return self._readers[version]


def _json(value: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(value)
    except (ValueError, RecursionError) as problem:
        raise UnreadableError(MALFORMED) from problem
    return {**found, **{name: _moment(found.get(name)) for name in TIMES}}


def _checked(fields: Mapping[str, Any]) -> FlightEvent:
    """The event of fields that have the right types and values that any database takes."""
    known = {name: fields.get(name) for name in FlightEvent.__dataclass_fields__}
    if known["event_id"] is None or known["event_time"] is None:
        raise UnreadableError(MALFORMED)
    for name, value in known.items():
        if value is None and name in OPTIONAL:
            continue
        if name in TIMES:
            valid = isinstance(value, datetime) and EARLIEST <= value <= LATEST
        elif name in NUMBERS:
            valid = type(value) is int and abs(value) <= LARGEST_INTEGER
        else:
            valid = isinstance(value, str) and len(value) <= LONGEST_TEXT and _storable(value)
        if not valid:
            raise UnreadableError(INVALID)
    event = FlightEvent(**known)  # type: ignore[arg-type]
    if event.event_type not in (*TYPES, TICK) or not _is_day(event.flight_date):
        raise UnreadableError(INVALID)
    return event


def _storable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text


def _is_day(text: str) -> bool:
    """Whether a text is a day as events have it: Python reads more forms than the database does."""
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _moment(since_epoch: Any) -> datetime | None:
    """The moment of a number of milliseconds; None if it is none, or no event may lie there."""
    if type(since_epoch) is not int or not milliseconds(EARLIEST) <= since_epoch <= milliseconds(LATEST):
        return None
    return moment(since_epoch)


def _number(text: bytes | None) -> int | None:
    try:
        return None if text is None else int(text)
    except ValueError:
        return None
