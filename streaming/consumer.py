"""A member of a consumer group that loses nothing: offsets are committed after what was read is written.

A crash between writing and committing has the batch read again: the write must be one that can be repeated.
When the group gives a partition to another member, what was read of it is written and committed before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

SETTINGS = {
    "enable.auto.commit": False,
    "auto.offset.reset": "earliest",
    "session.timeout.ms": 6_000,
    "partition.assignment.strategy": "cooperative-sticky",
}

REBALANCING = frozenset(
    {KafkaError.ILLEGAL_GENERATION, KafkaError.REBALANCE_IN_PROGRESS, KafkaError.UNKNOWN_MEMBER_ID}
)

Write = Callable[[Sequence[Message]], None]


class ReadError(Exception):
    """The brokers answered with an error that polling again does not mend."""


def consume(
    settings: dict[str, Any],
    topic: str,
    group: str,
    write: Write,
    *,
    until: Callable[[], bool],
    batch: int = 500,
    wait_seconds: float = 0.5,
) -> int:
    """Read `topic` as a member of `group` and hand batches to `write`, until `until` says so; rows written.

    Raises ReadError, and whatever `write` raises: then nothing of that batch is committed.
    """
    consumer = Consumer({**SETTINGS, **settings, "group.id": group})
    pending: list[Message] = []
    written = 0

    def flush() -> None:
        nonlocal written
        if pending:
            write(pending)
            written += len(pending)
            offsets = _behind(pending)
            pending.clear()
            try:
                consumer.commit(offsets=offsets, asynchronous=False)
            except KafkaException as problem:
                # The group is being divided anew: whoever gets the partition reads this batch again.
                if problem.args[0].code() not in REBALANCING:
                    raise

    def revoked(_: Consumer, partitions: list[TopicPartition]) -> None:
        flush()
        consumer.incremental_unassign(partitions)

    consumer.subscribe([topic], on_revoke=revoked)
    try:
        while not until():
            for message in consumer.consume(batch, timeout=wait_seconds):
                error = message.error()
                if error is not None and not error.retriable():
                    raise ReadError(error.str())
                if error is None:
                    pending.append(message)
            flush()
    finally:
        pending.clear()
        consumer.close()
    return written


def _behind(messages: Sequence[Message]) -> list[TopicPartition]:
    """The offset behind the last message of each partition."""
    last: dict[tuple[str, int], int] = {}
    for message in messages:
        topic, partition, offset = message.topic(), message.partition(), message.offset()
        if topic is not None and partition is not None and offset is not None:
            last[topic, partition] = max(offset, last.get((topic, partition), -1))
    return [TopicPartition(topic, partition, offset + 1) for (topic, partition), offset in last.items()]
