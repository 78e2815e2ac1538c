"""An alarm on runs that do not come: nothing failed, and yet the data are late."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_sns as sns
from constructs import Construct

METRIC_NAMESPACE = "refstack"
METRIC = "RunCompleted"
HOURS = 27
"""A day, and three hours for a run that takes its time."""


def late_run_alarm(scope: Construct, *, dag_id: str, environment_name: str, topic: sns.ITopic) -> None:
    """Alert `topic` when no run of a daily DAG has completed for 27 hours.

    The last task of a run counts it in the metric, see mwaa_dags/refstack_dags/run_reports.py.
    """
    metric = cloudwatch.Metric(
        namespace=METRIC_NAMESPACE,
        metric_name=METRIC,
        dimensions_map={"Dag": dag_id, "Environment": environment_name},
        period=Duration.hours(1),
        statistic="Sum",
    )
    alarm = metric.create_alarm(
        scope,
        "LateRun",
        alarm_description=f"No run of {dag_id} has completed for {HOURS} hours: look at Airflow's scheduler",
        threshold=1,
        comparison_operator=cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
        evaluation_periods=HOURS,
        # No run, no data.
        treat_missing_data=cloudwatch.TreatMissingData.BREACHING,
    )
    alarm.add_alarm_action(actions.SnsAction(topic))
    alarm.add_ok_action(actions.SnsAction(topic))
