"""What a run reports of itself: that it completed, what it did without, or that it took too long."""

from __future__ import annotations

import json
import logging
from typing import Any

from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook
from airflow.providers.amazon.aws.hooks.sns import SnsHook
from airflow.sdk import Context

from refstack_dags.settings import cfg

NAMESPACE = "refstack"
METRIC = "RunCompleted"
TIMED_OUT = "timed_out"
"""Why Airflow calls a DAG's failure callback when the run's own time-out has passed."""

log = logging.getLogger("refstack.runs")


def completed(context: Context, result: Any = None) -> None:
    """Log the run's summary as one line of JSON, and count the run in CloudWatch.

    For `post_execute` of the last task of a DAG; `result` is what the task returns. The alarm on late data
    waits for this metric.
    """
    ti, run = context["ti"], context["dag_run"]
    document = {
        "event": "run completed",
        "dag_id": ti.dag_id,
        "run_id": ti.run_id,
        "logical_date": None if run.logical_date is None else run.logical_date.isoformat(),
        "started": None if run.start_date is None else run.start_date.isoformat(),
        "params": dict(context["params"]),
        "summary": result,
    }
    log.info(json.dumps(document, default=str))
    AwsBaseHook(aws_conn_id=None, client_type="cloudwatch").get_conn().put_metric_data(
        Namespace=NAMESPACE,
        MetricData=[
            {
                "MetricName": METRIC,
                "Dimensions": [
                    {"Name": "Dag", "Value": ti.dag_id},
                    {"Name": "Environment", "Value": cfg["airflow_environment"]},
                ],
                "Value": 1.0,
                "Unit": "Count",
            }
        ],
    )


def lists_missing(context: Context, result: str) -> None:
    """Warn, in the log and on the alerts topic, of lists that a run goes on without.

    For `post_execute` of the task that ingests them; `result` is the function's answer.
    """
    missing: dict[str, str] = json.loads(result).get("missing", {})
    if not missing:
        return
    ti = context["ti"]
    for name, reason in missing.items():
        log.warning("The list of %s could not be had: %s", name, reason)
    facts = {
        "DAG": ti.dag_id,
        "Run": ti.run_id,
        **{f"Missing list of {name}": reason for name, reason in missing.items()},
        "What the run does": "it takes the last snapshot of the list; without any, its flights have the "
        "unknown member (-1). The next run that gets the list gives them the right one.",
    }
    SnsHook(aws_conn_id=None).publish_to_target(
        target_arn=cfg["alerts_topic_arn"],
        subject=f"Went on without a list: {ti.dag_id}"[:100],
        message="\n".join(f"{name}: {fact}" for name, fact in facts.items()),
    )


def too_late(context: Context) -> None:
    """Alert when a run was ended because it took longer than its DAG allows.

    For `on_failure_callback` of a DAG: Airflow calls it in the DAG processor, for any failed run; a task that
    failed has alerted by itself.
    """
    if context.get("reason") != TIMED_OUT:
        return
    dag, run_id = context["dag"], context["run_id"]
    SnsHook(aws_conn_id=None).publish_to_target(
        target_arn=cfg["alerts_topic_arn"],
        subject=f"Late: {dag.dag_id}"[:100],
        message=f"DAG: {dag.dag_id}\nRun: {run_id}\nLikely cause: the run took longer than the "
        f"{dag.dagrun_timeout} that its DAG allows, and was ended; the log of its last task may say why.",
    )
