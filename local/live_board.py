"""The live board after a replay: waits until its function has read all, and counts what the board shows."""

from __future__ import annotations

import time
from datetime import date

import psycopg
from confluent_kafka import Consumer, TopicPartition

from local import runtime, stream
from local.errors import UserFacingError

CATCH_UP_SECONDS = 120
POLL_SECONDS = 0.25


def statuses(day: date, topic: str) -> dict[str, int]:
    """Flights of a day by status. Raises UserFacingError when the board does not catch up with the topic."""
    _catch_up(topic)
    where = runtime.write_endpoints()["database"]
    with psycopg.connect(**where, application_name="refstack") as connection:
        found = connection.execute(
            "SELECT status, count(*) FROM board.flights WHERE flight_date = %s GROUP BY status ORDER BY 1",
            (day,),
        )
        return dict(found.fetchall())


def _catch_up(topic: str) -> None:
    """Wait until the consumer group of the topic's function has committed everything that the topic has."""
    group = _group(topic)
    deadline = time.monotonic() + CATCH_UP_SECONDS
    consumer = Consumer({"bootstrap.servers": stream.bootstrap(), "group.id": group})
    try:
        while True:
            wanted = {int(one): end for one, end in stream.end_offsets(topic).items() if end}
            committed = consumer.committed([TopicPartition(topic, one) for one in wanted], timeout=30)
            left = sum(wanted[one.partition] - max(one.offset, 0) for one in committed)
            if left <= 0:
                return
            if time.monotonic() > deadline:
                raise UserFacingError(
                    f"The live board is {left:,} records behind after {CATCH_UP_SECONDS} s: the log of the "
                    "function flight_board, in CloudWatch Logs, says why."
                )
            time.sleep(POLL_SECONDS)
    finally:
        consumer.close()


def _group(topic: str) -> str:
    pages = runtime.client("lambda").get_paginator("list_event_source_mappings").paginate()
    for page in pages:
        for mapping in page["EventSourceMappings"]:
            if mapping.get("Topics") == [topic]:
                return str(mapping["AmazonManagedKafkaEventSourceConfig"]["ConsumerGroupId"])
    raise UserFacingError("No function reads the events: the stacks Database and Ingestion must be on.")
