"""Batches of Kafka records on their way to a function: the event's shape, and what follows from a failure.

https://docs.aws.amazon.com/lambda/latest/dg/: with-msk, kafka-retry-configurations, kafka-on-failure
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

LARGEST_PAYLOAD = 6 * 2**20
ATTEMPTS_BEFORE_A_DESTINATION = 10
"""Retries without a limit of their own end here where discarded batches have a destination."""
LONGEST_PAUSE_SECONDS = 30.0
TIMESTAMP_TYPES = {1: "CREATE_TIME", 2: "LOG_APPEND_TIME"}


@dataclass(frozen=True)
class KafkaRecord:
    """A record as the broker gave it; `timestamp` in milliseconds, its type as Kafka's clients number it."""

    topic: str
    partition: int
    offset: int
    timestamp_type: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()

    @property
    def place(self) -> str:
        """Topic and partition, as events and failures name them."""
        return f"{self.topic}-{self.partition}"


@dataclass(frozen=True)
class Policy:
    """How often a failed batch is retried (None: until it succeeds), whether it is halved, and whether the
    function says which records failed.
    """

    retries: int | None = None
    bisect: bool = False
    partial: bool = False

    @classmethod
    def of(cls, mapping: Mapping[str, Any]) -> Policy:
        """The policy of an event source mapping."""
        retries = mapping.get("MaximumRetryAttempts", -1)
        if retries < 0:
            has_destination = mapping.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination")
            retries = ATTEMPTS_BEFORE_A_DESTINATION if has_destination else None
        return cls(
            retries,
            bool(mapping.get("BisectBatchOnFunctionError")),
            "ReportBatchItemFailures" in mapping.get("FunctionResponseTypes", []),
        )


@dataclass(frozen=True)
class Outcome:
    """What an invocation gave; a throttled one did not take place."""

    error: bool = False
    throttled: bool = False
    body: Any = None


@dataclass
class Delivery:
    """Hands batches to a function until each record has succeeded or been discarded."""

    invoke: Callable[[Sequence[KafkaRecord]], Outcome]
    discard: Callable[[Sequence[KafkaRecord], int], None]
    """Called with the records given up and how often they were tried."""
    policy: Policy
    stopped: Callable[[], bool] = lambda: False
    pause: Callable[[float], None] = time.sleep
    _pending: list[tuple[Sequence[KafkaRecord], int]] = field(default_factory=list)

    def deliver(self, records: Sequence[KafkaRecord]) -> bool:
        """Whether all records are done with; False when it was stopped before."""
        self._pending = [(part, 0) for part in fitting(records)]
        while self._pending:
            if self.stopped():
                return False
            batch, failures = self._pending.pop(0)
            outcome = self.invoke(batch)
            if outcome.throttled:
                self._again(batch, failures)
            elif failed := self._failed(batch, outcome):
                self._after_failure(failed, failures, outcome)
        return True

    def _after_failure(self, failed: Sequence[KafkaRecord], failures: int, outcome: Outcome) -> None:
        if outcome.error and self.policy.bisect and len(failed) > 1:
            # Halving is no retry.
            middle = len(failed) // 2
            self._pending[:0] = [(failed[:middle], failures), (failed[middle:], failures)]
        elif self.policy.retries is not None and failures >= self.policy.retries:
            self.discard(failed, failures + 1)
        else:
            self._again(failed, failures, failures + 1)

    def _again(self, batch: Sequence[KafkaRecord], before: int, after: int | None = None) -> None:
        self.pause(min(0.5 * 2.0 ** min(before, 8), LONGEST_PAUSE_SECONDS))
        self._pending.insert(0, (batch, before if after is None else after))

    def _failed(self, batch: Sequence[KafkaRecord], outcome: Outcome) -> Sequence[KafkaRecord]:
        """The records to try again: all after an error or an answer that makes no sense."""
        if outcome.error:
            return batch
        if not self.policy.partial:
            return []
        try:
            named = {
                (each["itemIdentifier"]["partition"], each["itemIdentifier"]["offset"])
                for each in (outcome.body or {}).get("batchItemFailures") or []
            }
        except (AttributeError, KeyError, TypeError):
            return batch
        failed = [record for record in batch if (record.place, record.offset) in named]
        return failed if len(failed) == len(named) else batch


def event(source_arn: str, bootstrap: str, records: Sequence[KafkaRecord]) -> dict[str, Any]:
    """The event that a function gets."""
    grouped: dict[str, list[dict[str, Any]]] = {}
    for record in records:
        grouped.setdefault(record.place, []).append(_shown(record))
    return {
        "eventSource": "aws:kafka",
        "eventSourceArn": source_arn,
        "bootstrapServers": bootstrap,
        "records": grouped,
    }


def fitting(records: Sequence[KafkaRecord]) -> list[Sequence[KafkaRecord]]:
    """The records in parts, each of which fits the payload of one invocation."""
    parts: list[list[KafkaRecord]] = []
    size = LARGEST_PAYLOAD
    for record in records:
        own = len(json.dumps(_shown(record))) + 200
        if size + own > LARGEST_PAYLOAD:
            parts.append([])
            size = 0
        parts[-1].append(record)
        size += own
    return list(parts)


def failure(
    mapping: Mapping[str, Any], bootstrap: str, records: Sequence[KafkaRecord], attempts: int, request_id: str
) -> dict[str, Any]:
    """What a queue or a topic gets about a discarded batch: where its records are, not the records."""
    places: dict[str, list[KafkaRecord]] = {}
    for record in records:
        places.setdefault(record.place, []).append(record)
    source = mapping["EventSourceArn"]
    return {
        "requestContext": {
            "requestId": request_id,
            "functionArn": mapping["FunctionArn"],
            "condition": "RetryAttemptsExhausted",
            "approximateInvokeCount": attempts,
        },
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
        "version": "1.0",
        "timestamp": _text(time.time() * 1000),
        "KafkaBatchInfo": {
            "batchSize": len(records),
            "eventSourceArn": source,
            "bootstrapServers": bootstrap,
            "payloadSize": len(json.dumps(event(source, bootstrap, records))),
            "recordsInfo": {
                place: {
                    "firstRecordOffset": str(found[0].offset),
                    "lastRecordOffset": str(found[-1].offset),
                    "firstRecordTimestamp": _text(found[0].timestamp),
                    "lastRecordTimestamp": _text(found[-1].timestamp),
                }
                for place, found in places.items()
            },
        },
    }


def _shown(record: KafkaRecord) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "timestamp": record.timestamp,
        "timestampType": TIMESTAMP_TYPES.get(record.timestamp_type, "NO_TIMESTAMP_TYPE"),
        # Java's bytes have a sign.
        "headers": [
            {name: [byte - 256 if byte > 127 else byte for byte in value]} for name, value in record.headers
        ],
    }
    for name, content in (("key", record.key), ("value", record.value)):
        if content is not None:
            shown[name] = base64.b64encode(content).decode()
    return shown


def _text(milliseconds: float) -> str:
    moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
