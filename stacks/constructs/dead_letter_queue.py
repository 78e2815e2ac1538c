"""A queue of what could not be handled, and an alarm as soon as there is something in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from stacks.constructs.alarms import PERIOD, alert_when
from stacks.nag import acknowledge


class DeadLetterQueue(sqs.Queue):
    """Keeps events for 14 days; `alerts_topic` hears of the first."""

    def __init__(self, scope: Construct, construct_id: str, *, alerts_topic: sns.ITopic, holds: str) -> None:
        """`holds` says, for the alarm, what is in the queue."""
        super().__init__(
            scope,
            construct_id,
            # EventBridge and Lambda write here; the key of SQS itself needs no policy for them.
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=Duration.days(14),
        )
        alert_when(
            self,
            "NotEmpty",
            self.metric_approximate_number_of_messages_visible(period=PERIOD, statistic="Maximum"),
            says=f"The dead-letter queue holds {holds}",
            topic=alerts_topic,
            threshold=1,
        )

    def keep_events(self, *, source: str, detail_type: str, detail: Mapping[str, Any]) -> None:
        """Put the account's events of this kind, those with this `detail`, into the queue."""
        events.Rule(
            self,
            "Events",
            description=f"{detail_type}: what went wrong",
            event_pattern=events.EventPattern(source=[source], detail_type=[detail_type], detail=detail),
            targets=[targets.SqsQueue(self)],
        )
        acknowledge(self, "SQS3", reason="It is the dead-letter queue itself, of what happens elsewhere.")
