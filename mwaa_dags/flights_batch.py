"""The daily batch, and any backfill of it: sources → raw → curated → star schema → Redshift."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

from airflow.configuration import conf
from airflow.exceptions import AirflowFailException
from airflow.providers.amazon.aws.hooks.glue import GlueDataQualityHook
from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.providers.amazon.aws.sensors.s3 import S3KeySensor
from airflow.sdk import DAG, Param, TaskGroup, task
from refstack_dags import date_range, emr, glue, quality, row_accounting, run_reports
from refstack_dags.container import ContainerOperator
from refstack_dags.functions import FunctionOperator
from refstack_dags.glue import GATE
from refstack_dags.redshift_script import redshift_script
from refstack_dags.run_request import no_retry_if_refused
from refstack_dags.settings import Limits, cfg
from refstack_dags.task_defaults import DEFAULT_ARGS

DIMENSIONS = ("dim_date", "dim_airline", "dim_airport", "dim_aircraft", "dim_weather")
FACTS = ("fact_flight", "fact_flight_lifecycle", "fact_airport_daily")

DOC = """
### Flights: daily batch and backfill

1. **Ingest**: one Lambda invocation a month and data set brings flights (US BTS) and weather (Open-Meteo)
   into the raw bucket, one object a day; one more brings the lists of aircraft (FAA) and airlines (BTS), one
   object a list and day as of it. A download that takes longer than an invocation goes on in the next one.
   A list that cannot be had does not stop the run: its last snapshot counts, or, without any, the unknown
   member; the run sends a notice, and the next run that gets the list re-keys the flights.
2. **Curate**: one Glue job run types and cleans the flights; bad rows go to the rejects, each with a reason.
3. **Quality**: Glue Data Quality holds the curated days against their rules, beside the transformation; the
   results are kept, and unless every rule passes, nothing is loaded.
4. **Transform**: one transient EMR cluster, started beside the curation, builds the dimensions, then the
   facts. It is terminated whatever happens to its steps.
5. **Warehouse**: each table is copied into its staging table and merged, in one transaction a table.
6. **Marts**: dbt builds the marts from the star and tests them, in a container; a failed test ends the run
   and is named.
7. **Check**: raw rows = curated rows + rejects, curated rows = fact rows; else the run fails and says where.

| parameter | meaning |
|---|---|
| `start`, `end` | first and last day, both included; only one of them: that day |
| neither | the day that lies the publication lag before the logical date |

A run of many days equals the daily runs of the same days; running days again changes nothing. Names, poll
intervals and timeouts come from the Airflow variable `refstack`.
"""


with DAG(
    dag_id="flights_batch",
    dag_display_name="Flights: daily batch and backfill",
    description="Sources to raw, curated, star schema and Redshift, for a range of days",
    doc_md=DOC,
    # An option of the environment, not a variable: it is needed at parse time, and reading it calls nothing.
    schedule=conf.get("refstack", "schedule", fallback=None),
    start_date=datetime(2013, 1, 1, tzinfo=UTC),
    catchup=False,
    is_paused_upon_creation=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=12),
    on_failure_callback=run_reports.too_late,
    default_args=DEFAULT_ARGS,
    user_defined_macros={"cfg": cfg},
    params={
        "start": Param(None, type=["null", "string"], format="date", title="First day"),
        "end": Param(None, type=["null", "string"], format="date", title="Last day, included"),
    },
    tags=["flights", "batch"],
) as dag:

    @task(task_id="plan", task_display_name="Resolve the range of days", multiple_outputs=True)
    def resolve_plan(params: dict[str, Any], dag_run: Any, run_id: str) -> dict[str, Any]:
        """The run's days, its key, what its partitions meet, and the last raw object of each month."""
        with no_retry_if_refused():
            start, end = date_range.of_run(params, dag_run, cfg["publication_lag_days"])
        return {
            **date_range.plan(start, end, run_id),
            "last_raw_keys": [
                key for _, last in date_range.months(start, end) for key in date_range.raw_keys(last)
            ],
        }

    @task(task_id="months", task_display_name="Split it into months")
    def split_into_months(start: str, end: str) -> list[str]:
        """The payload of one ingest invocation a month."""
        first, last = date_range.resolve(start, end, datetime.now(UTC).date(), 0)
        return [
            json.dumps({"start": since.isoformat(), "end": until.isoformat()})
            for since, until in date_range.months(first, last)
        ]

    @task(task_id="gate", task_display_name="Every quality rule passes")
    def pass_quality_gate(
        run_key: str, start: str, end: str, curation: str, evaluation: str
    ) -> dict[str, Any]:
        """Keep the results of an evaluation run; fail, without another try, unless every rule passed."""
        results = GlueDataQualityHook(aws_conn_id=None).get_evaluation_run_results(evaluation)["Results"]
        first, last = date.fromisoformat(start), date.fromisoformat(end)
        s3, bucket = S3Hook(aws_conn_id=None), cfg["buckets"]["curated"]
        found = quality.records(
            run_key,
            GATE,
            results,
            days=(last - first).days + 1,
            files=glue.curated_files(s3, bucket, first, last),
            since=glue.started(cfg["glue"]["curate_flights"], curation),
        )
        key = quality.results_key(run_key, GATE)
        s3.load_string(quality.lines(found), key, bucket, replace=True)
        if refused := quality.refusal(GATE, found):
            raise AirflowFailException(refused)
        return quality.summary(GATE, found)

    @task(
        task_id="check_row_accounting",
        task_display_name="No row got lost",
        retries=0,
        post_execute=run_reports.completed,
    )
    def check_row_accounting(
        run_key: str, ingested: list[str], lists: str, counted: list[dict[str, Any]]
    ) -> dict[str, Any]:
        """Compare the stages' row counts; the run's rows by table, rejects by reason, and missing lists."""
        s3 = S3Hook(aws_conn_id=None)
        buckets = cfg["buckets"]
        curated = row_accounting.StageAccount.of(
            json.loads(s3.read_key(f"accounting/curate_flights/{run_key}.json", buckets["curated"])),
            "flights",
        )
        facts = json.loads(s3.read_key(f"accounting/build_facts/{run_key}.json", buckets["warehouse"]))
        raw = sum(json.loads(payload)["rows"] for payload in ingested)
        tables = row_accounting.table_counts(counted[0])
        row_accounting.check(
            raw, curated, row_accounting.StageAccount.of(facts, "fact_flight"), facts["written"], tables
        )
        return {
            "rows": {"raw_flights": raw, "curated_flights": curated.written, **tables},
            "rejects": dict(curated.rejected),
            "missing_lists": sorted(json.loads(lists).get("missing", {})),
        }

    plan = resolve_plan()
    days = ["--start-date", plan["start"], "--end-date", plan["end"], "--run-key", plan["run_key"]]

    with TaskGroup("ingest", tooltip="Sources to the raw bucket"):
        months = split_into_months(plan["start"], plan["end"])
        ingested = {
            data_set: FunctionOperator.partial(
                task_id=data_set,
                task_display_name=f"Ingest {data_set}, month by month",
                function_name=f"{{{{ cfg.functions.ingest_{data_set} }}}}",
                pre_execute=Limits("download"),
                map_index_template="{{ task.payload }}",
                # The sources are public services: two requests at a time are enough.
                max_active_tis_per_dagrun=2,
            ).expand(payload=months)
            for data_set in ("flights", "weather")
        }
        raw_objects = S3KeySensor(
            task_id="raw_objects",
            task_display_name="Raw objects are there",
            bucket_name="{{ cfg.buckets.raw }}",
            bucket_key=plan["last_raw_keys"],
            pre_execute=Limits("lambda"),
        )
        list(ingested.values()) >> raw_objects
        snapshots = FunctionOperator(
            task_id="snapshots",
            task_display_name="Ingest the lists of aircraft and airlines",
            function_name="{{ cfg.functions.ingest_snapshots }}",
            payload='{"start": "{{ ti.xcom_pull("plan", key="start") }}", '
            '"end": "{{ ti.xcom_pull("plan", key="end") }}"}',
            optional=True,
            pre_execute=Limits("download"),
            post_execute=run_reports.lists_missing,
        )
        plan >> snapshots

    curate = glue.curate_flights(plan, "Curate flights (Glue)")

    with TaskGroup("quality", tooltip="The curated days meet their rules, or nothing is loaded"):
        # The next task judges, after it has kept the results.
        evaluate = glue.evaluate_rules(plan, verify_result_status=False)
        gate = pass_quality_gate(plan["run_key"], plan["start"], plan["end"], curate.output, evaluate.output)

    with TaskGroup("transform", tooltip="Curated flights and weather to a star schema, on EMR"):
        create_cluster = emr.create_cluster(plan["run_key"])
        submit_dimensions = emr.submit_step(
            create_cluster,
            "build_dimensions",
            [*days, "--airports", "{{ cfg.emr.reference.airports }}"],
            task_id="submit_dimensions",
            title="Submit the step for the dimensions",
        )
        dimensions = emr.await_step(
            submit_dimensions, task_id="build_dimensions", title="Dimensions are built"
        )
        submit_facts = emr.submit_step(
            create_cluster,
            "build_facts",
            days,
            task_id="submit_facts",
            title="Submit the step for the facts",
        )
        facts = emr.await_step(submit_facts, task_id="build_facts", title="Facts are built")
        terminate_cluster = emr.terminate_cluster(create_cluster)
        create_cluster >> submit_dimensions >> dimensions >> submit_facts >> facts
        [dimensions, facts] >> terminate_cluster

    with TaskGroup("warehouse", tooltip="Star schema to Redshift"):
        prepare = FunctionOperator(
            task_id="prepare",
            task_display_name="Schemas, roles and users",
            function_name="{{ cfg.functions.prepare_warehouse }}",
            payload="{}",
            pre_execute=Limits("lambda"),
        )
        create_tables = redshift_script("create_tables", "Tables", plan=plan)
        load = {
            name: redshift_script(f"load_{name}", f"Load {name}", plan=plan) for name in (*DIMENSIONS, *FACTS)
        }
        count_rows = redshift_script("count_rows", "Count rows", plan=plan, return_sql_result=True)

        dbt_build = ContainerOperator(
            task_id="dbt_build",
            task_display_name="Marts and their tests (dbt on Fargate)",
            container="dbt",
            arguments=[
                *("--run-key", plan["run_key"]),
                *("--start", plan["start"]),
                *("--end", plan["end"]),
            ],
        )

        prepare >> create_tables >> list(load.values())
        gate >> list(load.values())
        dimensions >> [load[name] for name in DIMENSIONS]
        # Those of type 2 re-key facts: one after the other, and before the run's own facts come.
        load["dim_airline"] >> load["dim_aircraft"]
        facts >> [load[name] for name in FACTS]
        [load[name] for name in DIMENSIONS] >> load["fact_flight"]
        [load[name] for name in DIMENSIONS] >> load["fact_flight_lifecycle"]
        load["fact_flight"] >> load["fact_airport_daily"]
        [load["fact_flight_lifecycle"], load["fact_airport_daily"]] >> count_rows
        list(load.values()) >> dbt_build

    # A cluster takes minutes to start; meanwhile Glue curates what the facts are made of.
    raw_objects >> [curate, create_cluster]
    snapshots >> create_cluster
    curate >> [evaluate, submit_facts]
    check_row_accounting(plan["run_key"], ingested["flights"].output, snapshots.output, count_rows.output)
