"""An alarm on tasks that were killed, mostly for lack of memory: of those Airflow itself tells nobody."""

from __future__ import annotations

from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from constructs import Construct

from stacks.constructs.alarms import PERIOD, alert_when
from stacks.settings import PROJECT

KILLED = ("Process terminated by signal", "SIGKILL")
"""What the log of such a task ends with, on Airflow 3.0 and 3.3.

No callback of it is called, and 3.0 does not try it again.
"""


def killed_task_alarm(
    scope: Construct, *, log_group: logs.ILogGroup, environment_name: str, topic: sns.ITopic
) -> None:
    """Alert `topic` when a task whose log is in `log_group` was killed."""
    killed = logs.MetricFilter(
        scope,
        "KilledTasks",
        log_group=log_group,
        filter_pattern=logs.FilterPattern.all_terms(*KILLED),
        metric_namespace=f"{PROJECT}/{environment_name}",
        metric_name="KilledTasks",
        metric_value="1",
    )
    alert_when(
        scope,
        "KilledTask",
        killed.metric(statistic="Sum", period=PERIOD),
        says=f"A task of {environment_name} was killed, most likely for lack of memory: search the logs of "
        f'its tasks for "{KILLED[0]}", clear the task',
        topic=topic,
        threshold=1,
    )
