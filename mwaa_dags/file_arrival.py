"""Wait for the files that announce a day, and note in both databases that they came."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from airflow.configuration import conf
from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.providers.amazon.aws.sensors.s3 import S3KeySensor
from airflow.providers.amazon.aws.transfers.s3_to_redshift import S3ToRedshiftOperator
from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import DAG, Asset, Param, task
from refstack_dags import arrivals
from refstack_dags.operational_database import OperationalDatabaseOperator
from refstack_dags.redshift_script import redshift_script
from refstack_dags.run_reports import too_late
from refstack_dags.run_request import no_retry_if_refused
from refstack_dags.settings import Limits, cfg
from refstack_dags.task_defaults import DEFAULT_ARGS

ARRIVALS = Asset(name="arrivals", uri="refstack://raw/arrivals")
RECORDS = "sql/arrivals"

WAIT_DOC = """
### Arrivals: wait for a day's notices

Whoever delivers a day puts notices under `arrivals/date=<day>/` in the raw bucket. Their arrival starts the
batch by itself (an event, see docs/orchestration.md); this run is for who must know when they do **not**
arrive: it waits without taking a slot, and fails when none came in time. What came updates the asset
`arrivals`.

| parameter | meaning |
|---|---|
| `day` | the day; without it the one that lies the publication lag before the logical date |
"""
LOG_DOC = """
### Arrivals: keep a record of them

Runs whenever the asset `arrivals` is updated: copies the day's notices into Redshift (`staging.arrivals`) and
notes the day in PostgreSQL (`orchestration.arrivals`). Days that arrive while a run is under way are the next
run's, all of them. Again for the same day changes nothing.
"""

NOTE_ARRIVAL = [
    "CREATE TABLE IF NOT EXISTS orchestration.arrivals (day date PRIMARY KEY, files integer NOT NULL, "
    "noted_at timestamptz NOT NULL DEFAULT now())",
    "INSERT INTO orchestration.arrivals (day, files) VALUES (%(day)s, %(files)s) "
    "ON CONFLICT (day) DO UPDATE SET files = excluded.files",
]

COMMON: dict[str, Any] = {
    "start_date": datetime(2013, 1, 1, tzinfo=UTC),
    "catchup": False,
    "is_paused_upon_creation": False,
    "default_args": DEFAULT_ARGS,
    "user_defined_macros": {"cfg": cfg},
    "tags": ["arrivals"],
}


def take_stock(day: str, outlet_events: Any) -> dict[str, Any]:
    """List the day's notices, and tell the asset's consumers of them."""
    keys = S3Hook(aws_conn_id=None).list_keys(cfg["buckets"]["raw"], prefix=f"arrivals/date={day}/") or []
    found = {"day": day, "files": len([key for key in keys if not key.endswith("/")])}
    outlet_events[ARRIVALS].extra = found
    return found


with DAG(
    dag_id="file_arrival",
    dag_display_name="Arrivals: wait for a day's notices",
    description="A deferred sensor on S3 that updates an asset",
    doc_md=WAIT_DOC,
    schedule=conf.get("refstack", "schedule", fallback=None),
    dagrun_timeout=timedelta(days=1),
    on_failure_callback=too_late,
    params={"day": Param(None, type=["null", "string"], format="date", title="Day")},
    **COMMON,
) as dag:

    @task(task_id="day", task_display_name="Resolve the day")
    def resolve_day(params: dict[str, Any], dag_run: Any) -> str:
        """The day, in ISO's form."""
        if params["day"] is not None:
            with no_retry_if_refused():
                return date.fromisoformat(params["day"]).isoformat()
        due: date = (dag_run.logical_date or dag_run.run_after).date()
        return (due - timedelta(days=cfg["publication_lag_days"])).isoformat()

    day = resolve_day()
    notices = S3KeySensor(
        task_id="notices",
        task_display_name="Notices are there",
        bucket_name="{{ cfg.buckets.raw }}",
        bucket_key="arrivals/date={{ ti.xcom_pull(task_ids='day') }}/*",
        wildcard_match=True,
        deferrable=True,
        pre_execute=Limits("arrival"),
        # It has waited as long as it should.
        retries=0,
    )
    take = PythonOperator(
        task_id="take_stock",
        task_display_name="Count them, tell the consumers",
        python_callable=take_stock,
        op_kwargs={"day": day},
        outlets=[ARRIVALS],
    )
    day >> notices >> take

with DAG(
    dag_id="arrival_log",
    dag_display_name="Arrivals: keep a record of them",
    description="Consumer of the asset: notices to Redshift and PostgreSQL",
    doc_md=LOG_DOC,
    schedule=[ARRIVALS],
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=1),
    on_failure_callback=too_late,
    **COMMON,
) as consumer:

    @task(task_id="arrived", task_display_name="What arrived")
    def what_arrived(triggering_asset_events: Any) -> list[dict[str, Any]]:
        """Each day that arrived, with the number of its notices."""
        return arrivals.by_day(triggering_asset_events[ARRIVALS])

    arrived = what_arrived()
    prepare = redshift_script("prepare_arrivals", "Make room in Redshift", folder=RECORDS)
    copy_notices = S3ToRedshiftOperator.partial(
        task_id="copy_notices",
        task_display_name="Copy the notices to Redshift",
        schema="staging",
        table="copied_arrivals",
        s3_bucket="{{ cfg.buckets.raw }}",
        copy_options=["CSV", "IGNOREHEADER 1", "TIMEFORMAT 'auto'"],
        # The connection holds the role that COPY reads with; the statement itself is the task's own.
        aws_conn_id="redshift_copy",
        redshift_conn_id=None,
        redshift_data_api_kwargs={
            "database": "{{ cfg.warehouse.database }}",
            "workgroup_name": "{{ cfg.warehouse.workgroup }}",
        },
        map_index_template="{{ task.s3_key }}",
    ).expand(s3_key=arrived.map(arrivals.prefix))
    keep = redshift_script("keep_arrivals", "Keep what was copied", folder=RECORDS)
    note = OperationalDatabaseOperator.partial(
        task_id="note_arrival",
        task_display_name="Note the day in PostgreSQL",
        sql=NOTE_ARRIVAL,
        split_statements=False,
    ).expand(parameters=arrived)
    prepare >> copy_notices >> keep
