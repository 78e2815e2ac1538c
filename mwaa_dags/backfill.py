"""A backfill of many days, one run of the daily batch a month, with limits and one at a time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.providers.amazon.aws.hooks.mwaa import MwaaHook
from airflow.providers.http.sensors.http import HttpSensor
from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import DAG, Param, task
from botocore.exceptions import ClientError
from refstack_dags.backfill_plan import monthly_file, monthly_runs
from refstack_dags.run_reports import too_late
from refstack_dags.run_request import no_retry_if_refused
from refstack_dags.settings import Limits, cfg
from refstack_dags.task_defaults import DEFAULT_ARGS

POOL = "backfill"
CONFLICT = 409

DOC = """
### Backfill: many days, month by month

Cuts a range of days into months and runs `flights_batch` for each, one after another. Running a backfill
again clears the months' runs and runs them again, which changes nothing that was right.

- At most 366 days at once, none of them in the future: days within the publication lag are refused.
- The source must have the last month, before anything starts.
- Backfills share a pool of one slot: two of them take turns, and the daily batch is not starved.

| parameter | meaning |
|---|---|
| `start`, `end` | first and last day, both included |
"""


with DAG(
    dag_id="backfill",
    dag_display_name="Backfill: many days, month by month",
    description="Runs the daily batch for a range of days, a month at a time",
    doc_md=DOC,
    schedule=None,
    start_date=datetime(2013, 1, 1, tzinfo=UTC),
    catchup=False,
    is_paused_upon_creation=False,
    max_active_runs=2,
    dagrun_timeout=timedelta(days=2),
    on_failure_callback=too_late,
    default_args=DEFAULT_ARGS,
    user_defined_macros={"cfg": cfg},
    params={
        "start": Param(type="string", format="date", title="First day"),
        "end": Param(type="string", format="date", title="Last day, included"),
    },
    tags=["flights", "backfill"],
) as dag:

    @task(task_id="plan", task_display_name="Check the range, split it into months")
    def resolve_plan(params: dict[str, Any]) -> list[dict[str, Any]]:
        """One run a month."""
        with no_retry_if_refused():
            return monthly_runs(
                params["start"], params["end"], datetime.now(UTC).date(), cfg["publication_lag_days"]
            )

    @task(task_id="last_file", task_display_name="Name the last month's file")
    def name_last_file(months: list[dict[str, Any]]) -> str:
        """The file that the source must have."""
        return monthly_file(months[-1]["conf"]["end"])

    @task(task_id="make_pool", task_display_name="Have the pool of one slot")
    def make_pool() -> None:
        """Make it where it is missing. Airflow has no other way for a DAG to bring its pool along."""
        try:
            MwaaHook(aws_conn_id=None).invoke_rest_api(
                cfg["airflow_environment"],
                "/pools",
                "POST",
                {
                    "name": POOL,
                    "slots": 1,
                    "description": "Backfills, one month at a time",
                    # A month that is waited for keeps its slot, though no worker.
                    "include_deferred": True,
                },
            )
        except ClientError as refused:
            if refused.response.get("RestApiStatusCode") != CONFLICT:
                raise

    plan = resolve_plan()
    source_has_it = HttpSensor(
        task_id="source_has_it",
        task_display_name="The source has the last month",
        http_conn_id="flights_source",
        method="HEAD",
        endpoint=name_last_file(plan),
        pre_execute=Limits("lambda"),
    )
    run_months = TriggerDagRunOperator.partial(
        task_id="run_month",
        task_display_name="Run the batch for a month",
        trigger_dag_id="flights_batch",
        logical_date=None,
        reset_dag_run=True,
        wait_for_completion=True,
        # A month takes long: the triggerer waits for it, so the smallest environment's three slots are free.
        deferrable=True,
        poke_interval=5,
        pool=POOL,
        retries=0,
        execution_timeout=timedelta(hours=12),
        max_active_tis_per_dagrun=1,
        map_index_template="{{ task.trigger_run_id }}",
    ).expand_kwargs(plan)
    [source_has_it, make_pool()] >> run_months
