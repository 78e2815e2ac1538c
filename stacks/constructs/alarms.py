"""Alarms: a metric has been beyond its threshold for a while, and the alerts topic hears of it."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_sns as sns
from constructs import Construct

PERIOD = Duration.minutes(5)
"""How much time one point of an alarm's metric stands for."""
_AT_LEAST = cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD
_AT_MOST = cloudwatch.ComparisonOperator.LESS_THAN_OR_EQUAL_TO_THRESHOLD


def alert_when(
    scope: Construct,
    construct_id: str,
    metric: cloudwatch.IMetric,
    *,
    says: str,
    topic: sns.ITopic,
    threshold: float,
    low: bool = False,
    lasting: Duration = PERIOD,
) -> cloudwatch.Alarm:
    """Tell `topic` when each point of `metric` was `threshold` or more, `lasting` so long; or less, if `low`.

    `metric` has points of five minutes. None at all is no reason to alert.
    """
    alarm = cloudwatch.Alarm(
        scope,
        construct_id,
        alarm_description=says,
        metric=metric,
        threshold=threshold,
        evaluation_periods=round(lasting.to_minutes() / PERIOD.to_minutes()),
        comparison_operator=_AT_MOST if low else _AT_LEAST,
        treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
    )
    alarm.add_alarm_action(actions.SnsAction(topic))
    return alarm
