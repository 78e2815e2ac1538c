"""Does the stream agree with the batch? One day of flights, as Athena and as Redshift know it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.providers.amazon.aws.hooks.athena import AthenaHook
from airflow.providers.amazon.aws.operators.athena import AthenaOperator
from airflow.sdk import DAG, Param, task
from refstack_dags import reconciliation
from refstack_dags.redshift_script import redshift_script
from refstack_dags.run_reports import too_late
from refstack_dags.settings import Limits, cfg
from refstack_dags.task_defaults import DEFAULT_ARGS

DOC = """
### Stream and batch: do they agree on a day?

A flight comes into the platform twice: as events on Kafka, which the streaming job keeps on S3, and as a row
of the daily batch, which ends in the warehouse. This run counts a day's flights on both sides (scheduled,
departed with their delays, cancelled) and fails with what differs.

| parameter | meaning |
|---|---|
| `day` | the flight date; `flights_batch` has to have run for it |
| `stream_run` | run key of the streaming job that read it; `live` is the one that goes on |

Events that were published late count as well: they are kept, though in no window. Arrivals are not compared.
"""

with DAG(
    dag_id="stream_reconciliation",
    dag_display_name="Stream and batch: do they agree on a day?",
    description="A day's flights on the stream against the warehouse's",
    doc_md=DOC,
    # It is started for days that both have finished.
    schedule=None,
    start_date=datetime(2013, 1, 1, tzinfo=UTC),
    catchup=False,
    is_paused_upon_creation=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=2),
    on_failure_callback=too_late,
    default_args=DEFAULT_ARGS,
    user_defined_macros={"cfg": cfg},
    params={
        "day": Param("2013-07-10", type="string", format="date", title="Day"),
        "stream_run": Param("live", type="string", pattern="^[A-Za-z0-9_-]+$", title="Run of the stream"),
    },
    tags=["flights", "stream"],
):

    @task(task_id="compare", task_display_name="Both say the same", retries=0)
    def compare(query_id: str, counted: list[dict[str, Any]]) -> dict[str, Any]:
        """Hold the stream's flights against the warehouse's; both, by kind."""
        rows = AthenaHook(aws_conn_id=None).get_query_results(query_id)["ResultSet"]["Rows"]
        return reconciliation.check(reconciliation.of_athena(rows), reconciliation.of_redshift(counted[0]))

    streamed = AthenaOperator(
        task_id="streamed_facts",
        task_display_name="Count the stream's flights (Athena)",
        query="athena/streamed_facts.sql",
        database="{{ cfg.catalog.curated_database }}",
        workgroup="{{ cfg.catalog.workgroup }}",
        pre_execute=Limits("statement"),
    )
    batch = redshift_script(
        "batch_facts", "Count the warehouse's flights", folder="sql/stream", return_sql_result=True
    )
    compare(streamed.output, batch.output)
