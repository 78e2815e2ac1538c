"""The operational store, for a range of days: curated flights and weather → RDS for PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.providers.amazon.aws.operators.lambda_function import LambdaInvokeFunctionOperator
from airflow.sdk import DAG, Param
from refstack_dags import date_range
from refstack_dags.container import ContainerOperator
from refstack_dags.run_reports import too_late
from refstack_dags.run_request import no_retry_if_refused
from refstack_dags.settings import Limits, cfg
from refstack_dags.task_defaults import DEFAULT_ARGS

DOC = """
### Flights and weather into the operational store

`prepare_database` makes the roles and schemas of the store where they are missing. Then one container on
Fargate (`containers/etl`) loads the days into the schema `operations` of RDS for PostgreSQL:
flights from the curated zone, so `flights_batch` has to have run for these days; weather from Open-Meteo;
airlines and airports from their lists. A month is one transaction.

| parameter | meaning |
|---|---|
| `start`, `end` | first and last day, both included; only one of them: that day |
| neither | the day that lies the publication lag before the logical date |

Running days again leaves the same rows. The task `load` returns one line of JSON that accounts for every row;
a failure ends with the container's last lines.
"""


def days_of_run(params: dict[str, Any], dag_run: Any) -> list[str]:
    """First and last day of a run, as ISO dates."""
    with no_retry_if_refused():
        return [day.isoformat() for day in date_range.of_run(params, dag_run, cfg["publication_lag_days"])]


with DAG(
    dag_id="container_etl",
    dag_display_name="Flights: operational store",
    description="Curated flights and weather to RDS for PostgreSQL, for a range of days",
    doc_md=DOC,
    # It is started for days that flights_batch has finished.
    schedule=None,
    start_date=datetime(2013, 1, 1, tzinfo=UTC),
    catchup=False,
    is_paused_upon_creation=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=6),
    on_failure_callback=too_late,
    default_args=DEFAULT_ARGS,
    user_defined_macros={"cfg": cfg, "days_of_run": days_of_run},
    params={
        "start": Param(None, type=["null", "string"], format="date", title="First day"),
        "end": Param(None, type=["null", "string"], format="date", title="Last day, included"),
    },
    tags=["flights", "containers"],
):
    prepare = LambdaInvokeFunctionOperator(
        task_id="prepare",
        task_display_name="Roles and schemas",
        function_name="{{ cfg.functions.prepare_database }}",
        payload="{}",
        # The function ends after a minute at most; a second invocation changes nothing.
        botocore_config={"read_timeout": 90},
        pre_execute=Limits("lambda"),
    )
    load = ContainerOperator(
        task_id="load",
        task_display_name="Load the operational store (Fargate)",
        container="etl",
        arguments=[
            *("--start", "{{ days_of_run(params, dag_run)[0] }}"),
            *("--end", "{{ days_of_run(params, dag_run)[1] }}"),
        ],
    )
    prepare >> load
