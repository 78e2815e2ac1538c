"""One Spark step on an EMR cluster of its own: start, run, terminate, whatever happens in between."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.sdk import DAG, Param, task
from refstack_dags import emr
from refstack_dags.plan import checked_range
from refstack_dags.run_reports import too_late
from refstack_dags.settings import cfg
from refstack_dags.task_defaults import DEFAULT_ARGS

DOC = """
### Spark: rebuild the dimensions

Builds the dimensions' files of a range of days again, on a cluster of its own, without ingestion, curation
and load: to try a changed transformation, or a new version of the reference files. The files lie under the
run's own prefix in the warehouse bucket; nothing is loaded from there.

The cluster is terminated whatever happens to its step. A failed step fails the run, with EMR's reason in the
log of *The step is done*; the step's own words end the file `stdout.gz` beside the log file that it names.

| parameter | meaning |
|---|---|
| `start`, `end` | first and last day, both included |
"""

with DAG(
    dag_id="emr_transient",
    dag_display_name="Spark: rebuild the dimensions",
    description="A transient EMR cluster for one step",
    doc_md=DOC,
    schedule=None,
    start_date=datetime(2013, 1, 1, tzinfo=UTC),
    catchup=False,
    is_paused_upon_creation=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=4),
    on_failure_callback=too_late,
    default_args=DEFAULT_ARGS,
    user_defined_macros={"cfg": cfg},
    params={
        "start": Param("2013-01-01", type="string", format="date", title="First day"),
        "end": Param("2013-01-01", type="string", format="date", title="Last day, included"),
    },
    tags=["spark", "emr"],
) as dag:

    @task(task_id="count_rows", task_display_name="How many rows were built")
    def count_rows(run_key: str) -> dict[str, int]:
        """Rows by table, as the step counted them."""
        account = S3Hook(aws_conn_id=None).read_key(
            f"accounting/build_dimensions/{run_key}.json", cfg["buckets"]["warehouse"]
        )
        rows: dict[str, int] = json.loads(account)["written"]
        return rows

    plan = checked_range()
    create_cluster = emr.create_cluster(plan["run_key"])
    submit_step = emr.submit_step(
        create_cluster,
        "build_dimensions",
        [
            *("--start-date", plan["start"], "--end-date", plan["end"], "--run-key", plan["run_key"]),
            *("--airports", "{{ cfg.emr.reference.airports }}"),
        ],
        task_id="submit_step",
        title="Submit the step",
    )
    # A step that failed stays failed: only a new one, on a new cluster, can succeed.
    step_done = emr.await_step(submit_step, task_id="step_done", title="The step is done", retries=0)
    terminate_cluster = emr.terminate_cluster(create_cluster)
    create_cluster >> submit_step >> step_done >> terminate_cluster
    # Its end, not the teardown's, is the run's: a step that failed fails the run.
    step_done >> count_rows(plan["run_key"])
