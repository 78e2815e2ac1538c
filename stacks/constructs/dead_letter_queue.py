"""A queue of what could not be handled, and an alarm as soon as there is something in it."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct


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
        alarm = cloudwatch.Alarm(
            self,
            "NotEmpty",
            alarm_description=f"The dead-letter queue holds {holds}",
            metric=self.metric_approximate_number_of_messages_visible(
                period=Duration.minutes(5), statistic="Maximum"
            ),
            threshold=1,
            evaluation_periods=1,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )
        alarm.add_alarm_action(actions.SnsAction(alerts_topic))
