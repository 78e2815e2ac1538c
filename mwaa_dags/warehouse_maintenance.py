"""The warehouse's housekeeping: reclaim and sort, statistics, a mart as files, freshness."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.configuration import conf
from airflow.providers.amazon.aws.operators.redshift_data import RedshiftDataOperator
from airflow.sdk import DAG, Param, task
from refstack_dags import freshness
from refstack_dags.redshift_script import redshift_script
from refstack_dags.run_reports import too_late
from refstack_dags.settings import Limits, cfg
from refstack_dags.task_defaults import DEFAULT_ARGS

SCRIPTS = "sql/maintenance"
FACTS = ("fact_flight", "fact_flight_lifecycle", "fact_airport_daily")

DOC = """
### Warehouse: maintenance

1. **Vacuum**: one statement a fact table, because VACUUM runs in no transaction. A load deletes a day and
   inserts it again; vacuuming gives the space back and restores the order of the sort key.
2. **Analyze**: statistics of what changed.
3. **Export**: `UNLOAD` writes the mart `mart_on_time_performance` to
   `exports/mart_on_time_performance/month_start=<month>/` of the warehouse bucket, as Parquet. Running it
   again replaces the files of each month that the mart has.
4. **Freshness**: the run fails when a fact table was not loaded for longer than `max_age_hours`.

| parameter | meaning |
|---|---|
| `max_age_hours` | how old the last load of a fact table may be |

Redshift does 1 and 2 by itself when it is idle, which a workgroup that is billed by the second hardly is. The
tables belong to Airflow's database user; the mart belongs to dbt's, so it exists after the first dbt run.
"""


with DAG(
    dag_id="warehouse_maintenance",
    dag_display_name="Warehouse: maintenance",
    description="Vacuum, analyze, a mart as Parquet, freshness of the fact tables",
    doc_md=DOC,
    # An option of the environment, not a variable: it is needed at parse time, and reading it calls nothing.
    schedule=conf.get("refstack", "maintenance_schedule", fallback=None),
    start_date=datetime(2013, 1, 1, tzinfo=UTC),
    catchup=False,
    is_paused_upon_creation=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=4),
    on_failure_callback=too_late,
    default_args=DEFAULT_ARGS,
    user_defined_macros={"cfg": cfg},
    params={"max_age_hours": Param(48, type="integer", minimum=1, title="Age of the last load, in hours")},
    tags=["flights", "warehouse"],
):

    @task(task_id="check_freshness", task_display_name="Facts were loaded lately", retries=0)
    def check_freshness(results: list[dict[str, Any]], params: dict[str, Any]) -> dict[str, int | None]:
        """Hours since the last load by table; fails when one is too old."""
        hours = freshness.hours_since_load(results[0])
        freshness.check(hours, params["max_age_hours"])
        return hours

    vacuum = RedshiftDataOperator.partial(
        task_id="vacuum",
        task_display_name="Reclaim space, sort",
        database="{{ cfg.warehouse.database }}",
        workgroup_name="{{ cfg.warehouse.workgroup }}",
        pre_execute=Limits("statement"),
        map_index_template="{{ task.sql }}",
        # Redshift runs one VACUUM at a time.
        max_active_tis_per_dagrun=1,
    ).expand(sql=[f"VACUUM core.{table}" for table in FACTS])
    analyze = redshift_script("analyze_tables", "Statistics", folder=SCRIPTS)
    export = redshift_script("export_mart", "The mart as Parquet", folder=SCRIPTS)
    hours_since_load = redshift_script(
        "hours_since_load", "When were facts loaded?", folder=SCRIPTS, return_sql_result=True
    )

    vacuum >> analyze >> export
    check_freshness(results=hours_since_load.output)
