"""Values of the topic as columns: each record is an event, or unreadable for one stated reason."""

from __future__ import annotations

import json
from collections.abc import Mapping

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as f
from pyspark.sql.avro.functions import from_avro

from streaming.events import (
    EARLIEST,
    HEADER_BYTES,
    LATEST,
    LONGEST_TEXT,
    PUBLISHED_AT,
    TICK,
    TYPES,
    milliseconds,
)
from streaming.lateness import AHEAD, ALLOWED_LATENESS

FIELDS = {
    "event_id": "string",
    "event_type": "string",
    "flight_id": "string",
    "flight_date": "string",
    "carrier": "string",
    "flight_number": "int",
    "origin": "string",
    "destination": "string",
    "event_time": "timestamp",
    "scheduled_time": "timestamp",
    "delay_minutes": "int",
    "tail_number": "string",
}
"""Fields of an event and their types here."""
TIMES = frozenset(name for name, kind in FIELDS.items() if kind == "timestamp")
TEXTS = tuple(name for name, kind in FIELDS.items() if kind == "string")
REQUIRED = tuple(name for name in FIELDS if name not in ("delay_minutes", "tail_number"))
ACCEPTED, LATE, DEAD_LETTER, TICKED = "accepted", "late", "dead_letter", "tick"
"""What becomes of a record. Of the accepted ones, those that come again are duplicates."""
JSON_START = "7B"
DAY = r"^\d{4}-\d{2}-\d{2}$"


def events(records: DataFrame, schemas: Mapping[str, str]) -> DataFrame:
    """Kafka records with their event's fields, `outcome`, and `reason` where that is `dead_letter`.

    `records` has Kafka's columns, headers too; `schemas` are Avro schemas by the UUID of their version. What
    is not late and not unreadable is `accepted`.
    """
    value = f.col("value")
    version = f.lower(f.regexp_replace(f.hex(f.expr("substring(value, 3, 16)")), _UUID, r"$1-$2-$3-$4-$5"))
    framed = records.select(
        "key",
        "value",
        "partition",
        "offset",
        f.coalesce(_published(), f.col("timestamp")).alias("published_at"),
        f.hex(f.expr("substring(value, 1, 2)")).alias("_head"),
        version.alias("_version"),
        f.expr(f"substring(value, {HEADER_BYTES + 1}, greatest(length(value) - {HEADER_BYTES}, 0))").alias(
            "_payload"
        ),
    )
    is_avro, is_json = f.col("_head") == "0300", f.substring("_head", 1, 2) == JSON_START
    parsed = f.when(is_json, _from_json(value))
    for identity, schema in sorted(schemas.items()):
        parsed = parsed.when(is_avro & (f.col("_version") == identity), _from_avro(schema))
    # Exploding an array of one keeps the optimizer from copying the whole parser into every use of a field.
    read = framed.select("*", f.explode(f.array(parsed)).alias("_event")).select(
        *framed.columns, *(_field(name) for name in FIELDS)
    )
    known = f.col("_version").isin(sorted(schemas)) if schemas else f.lit(False)
    reason = (
        f.when(value.isNull() | (f.length("value") == 0), "empty")
        .when(~(is_avro | is_json), "unknown_format")
        .when(is_avro & ~known, "unknown_schema")
        .when(f.col("event_id").isNull() | f.col("event_time").isNull(), "malformed")
        .when(_any_missing() | _any_wrong(), "invalid")
        .when(f.col("event_time") > f.col("published_at") + _interval(AHEAD.total_seconds()), "in_the_future")
    )
    late = f.col("published_at") > f.col("event_time") + _interval(ALLOWED_LATENESS.total_seconds())
    outcome = (
        f.when(f.col("reason").isNotNull(), DEAD_LETTER)
        .when(f.col("event_type") == TICK, TICKED)
        .when(late, LATE)
        .otherwise(ACCEPTED)
    )
    airport = f.when(f.col("event_type") == "arrived", f.col("destination")).otherwise(f.col("origin"))
    return (
        read.withColumn("reason", reason)
        .withColumn("outcome", outcome)
        .withColumn("airport", airport)
        .drop("_head", "_version", "_payload")
    )


def _published() -> Column:
    """Time of publication in the record's header; null without one, or if it is not a number."""
    found = f.expr(f"element_at(filter(headers, each -> each.key = '{PUBLISHED_AT}'), 1).value")
    return _moment(found.cast("string").cast("bigint"))


def _field(name: str) -> Column:
    value = f.col(f"_event.{name}")
    return (_moment(value) if name in TIMES else value).alias(name)


def _moment(since_epoch: Column) -> Column:
    """The moment of a number of milliseconds; null if no event may lie there."""
    possible = since_epoch.between(milliseconds(EARLIEST), milliseconds(LATEST))
    return f.when(possible, f.timestamp_millis(since_epoch))


_UUID = "^(.{8})(.{4})(.{4})(.{4})(.{12})$"


def _from_avro(schema: str) -> Column:
    """The event of a payload that was written with `schema`, times in milliseconds; null if unreadable."""
    record = from_avro(f.col("_payload"), schema, {"mode": "PERMISSIVE"})
    written = set(_names(schema))

    def field(name: str) -> Column:
        value = record[name] if name in written else f.lit(None)
        return (f.unix_millis(value) if name in TIMES else value.cast(FIELDS[name])).alias(name)

    return f.struct(*map(field, FIELDS))


def _from_json(value: Column) -> Column:
    """The event of a JSON object, times in milliseconds; null if unreadable."""
    plain = ", ".join(f"{name} {'bigint' if name in TIMES else kind}" for name, kind in FIELDS.items())
    return f.from_json(value.cast("string"), plain)


def _names(schema: str) -> list[str]:
    return [field["name"] for field in json.loads(schema)["fields"]]


def _any_missing() -> Column:
    missing = f.lit(False)
    for name in REQUIRED:
        missing = missing | f.col(name).isNull()
    return missing


def _any_wrong() -> Column:
    """Whether a field has a value that no event has."""
    day = f.col("flight_date")
    wrong = ~f.col("event_type").isin(*TYPES, TICK) | ~day.rlike(DAY) | day.cast("date").isNull()
    for name in TEXTS:
        # A text that is not there is too long for nobody.
        wrong = wrong | f.coalesce(f.length(name) > LONGEST_TEXT, f.lit(False))
    return wrong


def _interval(seconds: float) -> Column:
    return f.expr(f"INTERVAL {int(seconds)} SECONDS")
