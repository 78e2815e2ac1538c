"""The batch DAG as Airflow sees it: its shape, its limits, what its templates become; nothing is run here."""

from __future__ import annotations

import ast
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from local.layout import ROOT

pytestmark = pytest.mark.airflow

AFTER_THE_LOAD = {"warehouse.count_rows", "warehouse.dbt_build", "check_row_accounting"}
LOADS = [
    *(f"load_dim_{name}" for name in ("date", "airline", "airport", "aircraft", "weather")),
    "load_fact_flight",
    "load_fact_flight_lifecycle",
    "load_fact_airport_daily",
]


def task(dag: dict[str, Any], task_id: str) -> dict[str, Any]:
    found: dict[str, Any] = dag["tasks"][task_id]
    return found


def ancestors(dag: dict[str, Any], task_id: str) -> set[str]:
    above = set(task(dag, task_id)["upstream"])
    return above.union(*(ancestors(dag, parent) for parent in above))


def test_the_dag_reads_well(flights_batch: dict[str, Any]) -> None:
    assert flights_batch["title"] == "Flights: daily batch and backfill"
    assert "rejects" in flights_batch["doc"]
    assert flights_batch["tags"] == ["batch", "flights"]
    for task_id, found in flights_batch["tasks"].items():
        assert found["title"] != task_id, f"{task_id} has no readable name"


def test_it_runs_one_range_at_a_time_and_never_catches_up(flights_batch: dict[str, Any]) -> None:
    assert flights_batch["max_active_runs"] == 1
    assert flights_batch["catchup"] is False
    assert flights_batch["params"] == {"start": None, "end": None}


def test_without_the_option_it_has_no_schedule(flights_batch: dict[str, Any]) -> None:
    assert flights_batch["schedule"] == "None"
    assert flights_batch["first_run_after"] is None


def test_the_schedule_is_an_option_and_starts_with_the_latest_day_that_is_due(
    describe: Callable[..., Any],
) -> None:
    described = describe(AIRFLOW__REFSTACK__SCHEDULE="0 6 * * *")

    dag = described["dags"]["flights_batch"]
    assert dag["schedule"] == "0 6 * * *"
    assert datetime.fromisoformat(dag["first_run_after"]) > datetime.now(UTC) - timedelta(days=1)


def test_months_are_ingested_by_mapped_invocations_and_all_else_runs_once(
    flights_batch: dict[str, Any],
) -> None:
    mapped = {name for name, found in flights_batch["tasks"].items() if found["mapped"]}

    assert mapped == {"ingest.flights", "ingest.weather"}
    operators = [found["operator"] for found in flights_batch["tasks"].values()]
    for once in ("CurationOperator", "EmrCreateJobFlowOperator"):
        assert operators.count(once) == 1


def test_each_stage_waits_for_the_one_before(flights_batch: dict[str, Any]) -> None:
    above = {name: ancestors(flights_batch, name) for name in flights_batch["tasks"]}

    assert {"ingest.flights", "ingest.weather", "ingest.raw_objects"} <= above["curate"]
    assert {"ingest.raw_objects", "ingest.snapshots"} <= above["transform.create_cluster"]
    assert "ingest.snapshots" not in above["curate"]
    assert {"curate", "transform.build_dimensions"} <= above["transform.submit_facts"]
    for load in LOADS:
        stage = "transform.build_facts" if "fact" in load else "transform.build_dimensions"
        assert {stage, "warehouse.create_tables"} <= above[f"warehouse.{load}"]
    assert {f"warehouse.{load}" for load in LOADS} <= above["check_row_accounting"]


def test_the_dimensions_are_built_while_the_flights_are_curated(flights_batch: dict[str, Any]) -> None:
    assert "curate" not in ancestors(flights_batch, "transform.build_dimensions")
    assert "transform.create_cluster" not in ancestors(flights_batch, "curate")


def test_the_cluster_is_torn_down_whatever_its_steps_do(flights_batch: dict[str, Any]) -> None:
    terminate = task(flights_batch, "transform.terminate_cluster")

    assert terminate["teardown"]
    assert terminate["fails_the_run"]
    assert task(flights_batch, "transform.create_cluster")["setup"]
    steps = {"transform.build_dimensions", "transform.build_facts"}
    assert {"transform.create_cluster", *steps} == set(terminate["upstream"])
    assert terminate["rendered"]["job_flow_id"] == "j-CLUSTER"


def test_tasks_are_retried_with_growing_delays_except_the_check(flights_batch: dict[str, Any]) -> None:
    for task_id, found in flights_batch["tasks"].items():
        assert found["retries"] == (0 if task_id == "check_row_accounting" else 2), task_id
        assert found["backoff"], task_id
        assert found["retry_delay"] > 0, task_id
        assert found["execution_timeout"] > 0, task_id


@pytest.mark.parametrize(
    ("task_id", "interval", "seconds"),
    [
        ("curate", "job_poll_interval", 3601),
        ("quality.evaluate", "waiter_delay", 3601),
        ("warehouse.load_fact_flight", "poll_interval", 1801),
    ],
)
def test_an_operator_takes_its_poll_interval_and_timeout_from_the_settings(
    flights_batch: dict[str, Any], task_id: str, interval: str, seconds: int
) -> None:
    limits = task(flights_batch, task_id)["limits"]

    assert limits[interval] == 7
    assert limits["execution_timeout"] == seconds


@pytest.mark.parametrize(
    ("task_id", "seconds"), [("ingest.raw_objects", 901), ("transform.build_facts", 7201)]
)
def test_a_sensor_looks_in_its_slot_and_gives_up_in_time(
    flights_batch: dict[str, Any], task_id: str, seconds: int
) -> None:
    sensor = task(flights_batch, task_id)

    assert sensor["mode"] == "poke"
    assert sensor["limits"]["poke_interval"] == 7
    assert sensor["limits"]["timeout"] == seconds


def test_functions_are_invoked_by_the_operator_that_lets_a_download_go_on(
    flights_batch: dict[str, Any],
) -> None:
    for task_id in ("ingest.flights", "ingest.weather", "ingest.snapshots", "warehouse.prepare"):
        assert task(flights_batch, task_id)["operator"] == "FunctionOperator"
    assert task(flights_batch, "ingest.snapshots")["limits"]["execution_timeout"] == 3603
    assert task(flights_batch, "warehouse.prepare")["limits"]["execution_timeout"] == 901


def test_the_lists_are_asked_for_the_range(flights_batch: dict[str, Any]) -> None:
    rendered = task(flights_batch, "ingest.snapshots")["rendered"]

    assert rendered["function_name"] == "fn-ingest_snapshots"
    assert json.loads(rendered["payload"]) == {"start": "2013-01-30", "end": "2013-02-02"}


def test_glue_gets_the_range_and_the_run(flights_batch: dict[str, Any]) -> None:
    rendered = task(flights_batch, "curate")["rendered"]

    assert rendered["job_name"] == "job-curate"
    assert rendered["script_args"] == {
        "--start_date": "2013-01-30",
        "--end_date": "2013-02-02",
        "--run_key": "manual__1",
    }


def test_dbt_builds_the_marts_after_every_load(flights_batch: dict[str, Any]) -> None:
    task_id = "warehouse.dbt_build"

    assert "EcsRunTaskOperator" in task(flights_batch, task_id)["bases"]
    assert {f"warehouse.{load}" for load in LOADS} <= ancestors(flights_batch, task_id)
    assert task(flights_batch, task_id)["limits"]["waiter_delay"] == 7
    assert task(flights_batch, task_id)["rendered"]["arguments"] == [
        *("--run-key", "manual__1"),
        *("--start", "2013-01-30"),
        *("--end", "2013-02-02"),
    ]


def test_the_gate_stands_between_curation_and_load_and_beside_the_transformation(
    flights_batch: dict[str, Any],
) -> None:
    above = {name: ancestors(flights_batch, name) for name in flights_batch["tasks"]}

    assert "curate" in above["quality.evaluate"]
    assert "quality.evaluate" in above["quality.gate"]
    for name, others in above.items():
        load = name.startswith("warehouse.load_")
        assert ("quality.gate" in others) == (load or name in AFTER_THE_LOAD), name


def test_the_rules_are_evaluated_over_the_run_its_history_and_its_rejects(
    flights_batch: dict[str, Any],
) -> None:
    evaluate = task(flights_batch, "quality.evaluate")
    rendered = evaluate["rendered"]
    others = rendered["rule_set_evaluation_run_kwargs"]["AdditionalDataSources"]

    assert evaluate["operator"] == "GlueDataQualityRuleSetEvaluationRunOperator"
    assert rendered["rule_set_names"] == ["rules-curated"]
    assert rendered["role"] == "arn:aws:iam::000000000000:role/quality"
    for source, table, predicate in (
        (rendered["datasource"], "flights", "year = '2013'"),
        (others["history"], "flights", "year >= '2012'"),
        (others["rejects"], "flights_rejects", "year = '2013'"),
    ):
        assert source["GlueTable"] == {
            "DatabaseName": "curated",
            "TableName": table,
            "AdditionalOptions": {"catalogPartitionPredicate": predicate, "pushDownPredicate": predicate},
        }
    limits = evaluate["limits"]
    assert (limits["number_of_workers"], limits["timeout"]) == (3, 60)
    assert limits["waiter_max_attempts"] * limits["waiter_delay"] <= 3601


def test_each_step_is_submitted_and_waited_for(flights_batch: dict[str, Any]) -> None:
    steps = [
        step
        for kind in ("dimensions", "facts")
        for step in task(flights_batch, f"transform.submit_{kind}")["rendered"]["steps"]
    ]

    dimensions, facts = steps
    common = ["--raw-bucket", "raw-bucket", "--curated-bucket", "curated-bucket"]
    common += ["--warehouse-bucket", "warehouse-bucket"]
    common += ["--start-date", "2013-01-30", "--end-date", "2013-02-02", "--run-key", "manual__1"]
    assert facts["HadoopJarStep"]["Args"] == [
        *("spark-submit", "--deploy-mode", "client", "--name", "build_facts"),
        *("--py-files", "s3://a/flights.zip", "s3://a/facts.py"),
        *common,
    ]
    assert dimensions["HadoopJarStep"]["Args"][-2:] == ["--airports", "s3://a/airports.csv"]
    assert {step["ActionOnFailure"] for step in steps} == {"CANCEL_AND_WAIT"}
    assert task(flights_batch, "transform.build_dimensions")["rendered"]["step_id"] == "s-DIMENSIONS"
    assert task(flights_batch, "transform.build_facts")["rendered"]["step_id"] == "s-FACTS"


@pytest.mark.parametrize("script", ["create_tables", *LOADS, "count_rows"])
def test_an_sql_file_fits_one_batch_and_leaves_its_transaction_alone(
    flights_batch: dict[str, Any], script: str
) -> None:
    sql = task(flights_batch, f"warehouse.{script}")["rendered"]["sql"]

    batch = [sql] if isinstance(sql, str) else sql
    assert 1 <= len(batch) <= 40
    for statement in batch:
        first = statement.split()[0].upper()
        assert first not in {"BEGIN", "START", "COMMIT", "ROLLBACK", "END", "TRUNCATE", "VACUUM"}, statement


def test_copies_name_the_role_and_the_files_of_this_run(flights_batch: dict[str, Any]) -> None:
    for load in LOADS:
        batch = task(flights_batch, f"warehouse.{load}")["rendered"]["sql"]
        copies = [statement for statement in batch if "COPY" in statement.upper().split()[:1]]
        assert copies, load
        for copy in copies:
            assert "arn:aws:iam::000000000000:role/copy" in copy
            assert "s3://warehouse-bucket/" in copy
            assert "run=manual__1" in copy


def test_scripts_are_split_at_semicolons_that_end_statements(described: dict[str, Any]) -> None:
    assert described["split"]["two"] == ["delete from a", "insert into a select 1"]
    assert described["split"]["literal"] == [
        "insert into a values ('x;y', 'it''s')",
        'select "odd;name" from b',
    ]
    assert len(described["split"]["comments"]) == 1
    assert "select 1" in described["split"]["comments"][0]
    assert described["split"]["nothing"] == []


def test_dag_files_start_no_process_and_open_no_database() -> None:
    forbidden = {"subprocess", "sqlite3", "psycopg", "psycopg2", "redshift_connector", "sqlalchemy", "pg8000"}
    for path in (ROOT / "mwaa_dags").rglob("*.py"):
        imported = set()
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported |= {name.name.partition(".")[0] for name in node.names}
            if isinstance(node, ast.ImportFrom) and node.module:
                imported.add(node.module.partition(".")[0])
        assert not imported & forbidden, path
        assert "os.system" not in path.read_text()


def test_provider_operators_do_the_work(flights_batch: dict[str, Any]) -> None:
    own = {
        name
        for found in flights_batch["tasks"].values()
        for name in found["bases"]
        if "Operator" in name or "Sensor" in name
    }
    assert {
        *("LambdaInvokeFunctionOperator", "S3KeySensor", "GlueJobOperator", "EmrCreateJobFlowOperator"),
        *("EmrAddStepsOperator", "EmrStepSensor", "EmrTerminateJobFlowOperator", "RedshiftDataOperator"),
    } <= own
    assert "BashOperator" not in own


def test_every_task_alerts_when_it_failed_for_good_and_none_before(described: dict[str, Any]) -> None:
    for dag_id, dag in described["dags"].items():
        for task_id, found in dag["tasks"].items():
            assert found["on_failure"] == ["alert"], f"{dag_id} {task_id}"
            assert found["on_retry"] == [], f"{dag_id} {task_id}"


def test_an_alert_tells_what_failed_when_why_and_where_its_log_is(described: dict[str, Any]) -> None:
    subject, message = described["alerts"]["refused"]

    assert subject == "Failed: flights_batch / quality.gate"
    assert message.splitlines() == [
        "DAG: flights_batch",
        "Task: quality.gate",
        "Run: manual__1",
        "Logical date: 2013-03-17T00:00:00+00:00",
        "Try: 1 of 3",
        "Log: https://airflow/log",
        "Likely cause: 2 rules",
    ]
    _, raised = described["alerts"]["raised"]
    assert "Logical date: none" in raised
    assert raised.endswith("Likely cause: ValueError: no such day")


def test_an_alert_keeps_to_the_limits_of_sns_whatever_is_known(described: dict[str, Any]) -> None:
    subject, message = described["alerts"]["killed"]

    assert len(subject) == 100
    assert subject.isascii()
    assert "Log: in Airflow, under this task and try" in message
    assert "ended without saying why: look for lack of memory" in message
    assert "(TimeoutError)" in described["alerts"]["timed_out"][1]
    assert "longer than its limit of 3600 s, and was stopped" in described["alerts"]["limited"][1]
    assert "did not come within its limit of 21600 s" in described["alerts"]["waited"][1]
    assert len(described["alerts"]["long"][1]) < 5_000


def test_a_task_that_was_lost_with_its_worker_alerts_only_when_no_try_is_left(
    described: dict[str, Any],
) -> None:
    assert described["alerts"]["lost"] == []
    assert described["alerts"]["killed"]
