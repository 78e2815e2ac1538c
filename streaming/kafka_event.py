"""What Lambda hands a function from a Kafka topic, and where a function puts records that it cannot use.

https://docs.aws.amazon.com/lambda/latest/dg/with-msk.html#msk-sample-event
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

SHOWN_BYTES = 8 * 1024
"""How much of a key and of a value a dead letter shows: ten of them fit one call of SQS; the rest is in the
topic.
"""
LETTERS_A_CALL = 10


class DeliveryError(Exception):
    """A dead letter could not be put into the queue."""


@dataclass(frozen=True)
class Record:
    """One Kafka record; `timestamp` in milliseconds since the epoch, headers by name, the last one counts."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Mapping[str, bytes] = field(default_factory=dict)


def records(event: Mapping[str, Any]) -> Iterator[Record]:
    """The records of an invocation, each partition's in the order of its offsets."""
    for one_partition in event["records"].values():
        for each in one_partition:
            yield Record(
                each["topic"],
                each["partition"],
                each["offset"],
                each["timestamp"],
                _decoded(each.get("key")),
                _decoded(each.get("value")),
                {
                    name: bytes(byte % 256 for byte in value)
                    for header in each.get("headers") or []
                    for name, value in header.items()
                },
            )


def put_aside(sqs: Any, queue_url: str, poison: Sequence[tuple[Record, str]]) -> None:
    """Send records to a dead-letter queue, each with the reason; `sqs` is a boto3 client. DeliveryError."""
    letters = [_letter(record, reason) for record, reason in poison]
    for start in range(0, len(letters), LETTERS_A_CALL):
        entries = [
            {"Id": str(number), "MessageBody": letter}
            for number, letter in enumerate(letters[start : start + LETTERS_A_CALL])
        ]
        failed = sqs.send_message_batch(QueueUrl=queue_url, Entries=entries).get("Failed", [])
        if failed:
            raise DeliveryError(f"{len(failed)} dead letters were refused: {failed[0].get('Message')}")


def _letter(record: Record, reason: str) -> str:
    value = record.value or b""
    return json.dumps(
        {
            "reason": reason,
            "topic": record.topic,
            "partition": record.partition,
            "offset": record.offset,
            "timestamp": record.timestamp,
            "key": _encoded(record.key),
            "value": _encoded(record.value),
            "bytes": len(value),
        }
    )


def _decoded(text: str | None) -> bytes | None:
    return None if text is None else base64.b64decode(text)


def _encoded(value: bytes | None) -> str | None:
    return None if value is None else base64.b64encode(value[:SHOWN_BYTES]).decode()
