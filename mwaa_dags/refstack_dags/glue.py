"""Glue: the curation job of a range of days, and the rules of data quality on what it wrote."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from airflow.providers.amazon.aws.hooks.glue import GlueJobHook
from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.providers.amazon.aws.operators.glue import (
    GlueDataQualityRuleSetEvaluationRunOperator,
    GlueJobOperator,
)
from airflow.sdk import Context

from refstack_dags import date_range, quality
from refstack_dags.job_runs import RUN_KEY, active_run
from refstack_dags.quality import curated_days
from refstack_dags.settings import EvaluationLimits, Limits

GATE = "curated_flights"
"""The quality gate before the load: its ruleset in the settings, and the name of its results."""


class CurationOperator(GlueJobOperator):
    """A GlueJobOperator that takes over what a try before it left running.

    A worker that dies leaves its job run behind. Another one beside it would write the same days at the same
    time, and the files of both would stay.
    """

    def execute(self, context: Context) -> str:
        left = active_run(self.hook.conn, self.job_name, self.script_args[RUN_KEY])
        if left is None:
            return str(super().execute(context))
        self.log.info("An earlier try left job run %s: waiting for it", left)
        self._job_run_id = left
        self.hook.job_completion(self.job_name, left, self.verbose, self.sleep_before_return)
        return left


def curate_flights(plan: Any, title: str, **kwargs: Any) -> CurationOperator:
    """The task that cleans the plan's days of flights."""
    return CurationOperator(
        task_id="curate",
        task_display_name=title,
        job_name="{{ cfg.glue.curate_flights }}",
        script_args={"--start_date": plan["start"], "--end_date": plan["end"], RUN_KEY: plan["run_key"]},
        stop_job_run_on_kill=True,
        pre_execute=Limits("glue"),
        **kwargs,
    )


def started(job_name: str, job_run: str) -> datetime:
    """When a job run started."""
    run = GlueJobHook(aws_conn_id=None).conn.get_job_run(JobName=job_name, RunId=job_run)["JobRun"]
    found: datetime = run["StartedOn"]
    return found


def curated_files(s3: S3Hook, bucket: str, first: date, last: date) -> dict[str, datetime]:
    """The files of curated flights of a range of days: key to last modification."""
    listed = (
        file
        for since, _ in date_range.months(first, last)
        for file in s3.get_file_metadata(f"flights/year={since:%Y}/month={since:%m}/", bucket)
    )
    return quality.files_of_days(listed, "flights/", first, last)


def evaluate_rules(plan: Any, **kwargs: Any) -> GlueDataQualityRuleSetEvaluationRunOperator:
    """The task that holds the plan's curated days against the gate's rules; its output is the run's id."""
    return GlueDataQualityRuleSetEvaluationRunOperator(
        task_id="evaluate",
        task_display_name="Evaluate the rules (Glue Data Quality)",
        datasource=curated_days("flights", plan["partitions"]),
        role="{{ cfg.quality.role_arn }}",
        rule_set_names=[f"{{{{ cfg.quality.ruleset.{GATE} }}}}"],
        rule_set_evaluation_run_kwargs={
            "AdditionalDataSources": {
                "history": curated_days("flights", plan["history"]),
                "rejects": curated_days("flights_rejects", plan["partitions"]),
            }
        },
        # Showing them takes pandas, which is no part of the environment.
        show_results=False,
        deferrable=False,
        pre_execute=EvaluationLimits("glue"),
        **kwargs,
    )
