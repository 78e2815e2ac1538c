"""Keep the live board: add a batch of flight events from Kafka to the operational store.

The event is Lambda's batch of Kafka records. Events may come twice, late and in any order: the board's row of
a flight is the same. A record that is no flight event goes to the dead-letter queue with the reason, after
the others have been written. Anything else that goes wrong (the store, the registry, the queue) is raised, so
that Lambda delivers the whole batch again and nothing is lost.
"""

from __future__ import annotations

import os
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext
from pg8000.native import Connection

from flights.sources.settings import required
from operational_store.connection import connect, credentials
from operational_store.live_board import add
from streaming.events import FlightEvent
from streaming.kafka_event import Record, put_aside, records
from streaming.reading import Reader, UnreadableError

HOST, PORT, DATABASE, SECRET_ARN, REGISTRY, SCHEMA, DEAD_LETTERS = required(
    os.environ,
    *("DATABASE_HOST", "DATABASE_PORT", "DATABASE_NAME", "DATABASE_SECRET_ARN"),
    *("SCHEMA_REGISTRY", "SCHEMA_NAME", "DEAD_LETTER_QUEUE_URL"),
)
SECRETS = boto3.client("secretsmanager")
SQS = boto3.client("sqs")
READER = Reader(boto3.client("glue"), REGISTRY, SCHEMA)
logger = Logger(service="flight_board")
connections: list[Connection] = []
"""The connection that the next invocation takes over, if there is one."""


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, int]:  # noqa: ARG001 - Lambda's signature
    """Add the batch to the board; return what became of its records."""
    events: list[FlightEvent] = []
    poison: list[tuple[Record, str]] = []
    for record in records(event):
        try:
            events.append(READER.read(record))
        except UnreadableError as reason:
            poison.append((record, str(reason)))
    changed = write(events)
    put_aside(SQS, DEAD_LETTERS, poison)
    result = {"events": len(events), "dead_letters": len(poison), "flights_changed": changed}
    logger.info("batch added to the board", extra=result)
    return result


def write(events: list[FlightEvent]) -> int:
    """Add events over the last invocation's connection, or over a new one where that has been lost."""
    reused = bool(connections)
    connection = connections.pop() if reused else signed_in()
    try:
        changed = add(connection, events)
    except Exception:
        _close(connection)
        if not reused:
            raise
        # The store may have been restarted, or the password changed, while this function was asleep.
        connection = signed_in()
        changed = add(connection, events)
    connections.append(connection)
    return changed


def signed_in() -> Connection:
    """A connection as the board's own role."""
    return connect(HOST, int(PORT), DATABASE, *credentials(SECRETS, SECRET_ARN), application="flight_board")


def _close(connection: Connection) -> None:
    try:
        connection.close()
    except Exception:
        logger.info("the connection was lost already")
