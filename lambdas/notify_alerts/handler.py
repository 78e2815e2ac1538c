"""Tell people what the stream warns of: publish each alert of the Kafka topic to the alerts topic of SNS.

An alert's id is the same each time that it comes. It is noted in a table after it was published, and one that
is noted is not published again: no alert is lost, and one is told twice only if the function ends between
publishing and noting. A record that is no alert goes to the dead-letter queue with the reason.
"""

from __future__ import annotations

import json
import math
import os
import time
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from flights.sources.settings import required
from streaming.kafka_event import Record, put_aside, records

TOPIC_ARN, TABLE, DEAD_LETTERS = required(os.environ, "ALERTS_TOPIC_ARN", "TABLE", "DEAD_LETTER_QUEUE_URL")
REMEMBERED_SECONDS = 14 * 86_400
"""Longer than Kafka keeps a record: a topic that is read again from its start tells nothing twice."""
NUMBERS = ("departures", "mean_delay_minutes", "max_delay_minutes")
TEXTS = ("alert_id", "airport", "window_start", "window_end")
LONGEST_TEXT = 64

DYNAMODB = boto3.client("dynamodb")
SNS = boto3.client("sns")
SQS = boto3.client("sqs")
logger = Logger(service="notify_alerts")


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, int]:  # noqa: ARG001 - Lambda's signature
    """Publish what is new; return how many alerts were told, known already, or unreadable."""
    told = known = 0
    poison: list[tuple[Record, str]] = []
    for record in records(event):
        alert = parsed(record.value)
        if alert is None:
            poison.append((record, "malformed"))
        elif _noted(alert["alert_id"]):
            known += 1
        else:
            SNS.publish(TopicArn=TOPIC_ARN, Subject=subject(alert), Message=json.dumps(alert, indent=2))
            _note(alert["alert_id"])
            told += 1
    put_aside(SQS, DEAD_LETTERS, poison)
    result = {"told": told, "known": known, "dead_letters": len(poison)}
    logger.info("alerts handled", extra=result)
    return result


def parsed(value: bytes | None) -> dict[str, Any] | None:
    """The alert of a record, with what DynamoDB and SNS take as key and subject; None if it is none."""
    try:
        found = json.loads(value or b"")
        alert = {name: found[name] for name in (*TEXTS, *NUMBERS)}
        texts = all(_is_line(alert[name]) for name in TEXTS)
        numbers = all(type(alert[name]) in (int, float) and math.isfinite(alert[name]) for name in NUMBERS)
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return None
    return alert if texts and numbers else None


def subject(alert: dict[str, Any]) -> str:
    """One line of at most a hundred characters, as SNS wants it."""
    delay = round(alert["mean_delay_minutes"])
    return f"{alert['airport']}: departures {delay} min late on average since {alert['window_start']}"[:100]


def _is_line(text: Any) -> bool:
    """Whether it is a short printable text of ASCII: an airport, a moment, an id."""
    return isinstance(text, str) and 0 < len(text) <= LONGEST_TEXT and text.isascii() and text.isprintable()


def _noted(alert_id: str) -> bool:
    found = DYNAMODB.get_item(TableName=TABLE, Key={"alert_id": {"S": alert_id}}, ConsistentRead=True)
    return "Item" in found


def _note(alert_id: str) -> None:
    expires = str(int(time.time()) + REMEMBERED_SECONDS)
    DYNAMODB.put_item(TableName=TABLE, Item={"alert_id": {"S": alert_id}, "expires": {"N": expires}})
