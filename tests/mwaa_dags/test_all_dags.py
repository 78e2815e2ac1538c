"""What holds for every DAG, as Airflow sees it; nothing is run here."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from typing import Any

import pytest

from local.layout import ROOT

pytestmark = pytest.mark.airflow

DAGS = {
    "arrival_log",
    "backfill",
    "container_etl",
    "emr_transient",
    "environment_check",
    "file_arrival",
    "flights_batch",
    "glue_catalog",
    "stream_guard",
    "stream_reconciliation",
    "warehouse_maintenance",
}
OWN_CONNECTIONS = {"copy_notices": "redshift_copy"}
"""Tasks whose AWS connection is not the environment's role, and why is said in the DAG."""


def tasks(described: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Every task of every DAG, by name."""
    return [(f"{dag}.{name}", task) for dag in DAGS for name, task in described["dags"][dag]["tasks"].items()]


def operators(described: dict[str, Any]) -> set[str]:
    """Names of the operators, and of what they are built on."""
    return {base for _, task in tasks(described) for base in task["bases"]}


def test_every_file_is_parsed_without_error_and_without_work(described: dict[str, Any]) -> None:
    assert described["errors"] == {}
    assert set(described["dags"]) >= DAGS


def test_each_file_is_parsed_within_a_second(described: dict[str, Any]) -> None:
    assert described["parse_seconds"]
    assert {name: taken for name, taken in described["parse_seconds"].items() if taken >= 1} == {}


def test_each_dag_says_what_it_is_for(described: dict[str, Any]) -> None:
    for name in DAGS:
        dag = described["dags"][name]
        assert dag["title"] != name, f"{name} has no readable name"
        assert dag["doc"].lstrip().startswith("### "), f"{name} has no page"
        assert dag["title"].split(":")[0] in dag["doc"], f"{name}: page and name differ"
        assert dag["tags"], name
        assert dag["catchup"] is False, name


def test_each_task_has_a_readable_name_a_limit_and_growing_pauses_between_tries(
    described: dict[str, Any],
) -> None:
    for name, task in tasks(described):
        assert task["title"] != name.split(".", 1)[1], f"{name} has no readable name"
        assert task["execution_timeout"] > 0, name
        assert task["backoff"], name
        assert task["retries"] in (0, 2), name


def test_each_run_has_a_time_limit_and_tells_when_it_is_over(described: dict[str, Any]) -> None:
    for name in DAGS:
        dag = described["dags"][name]
        assert dag["timeout"] > 0, name
        assert dag["on_failure"] == ["too_late"], name


def test_pauses_between_tries_are_the_environment_s(describe: Callable[..., Any]) -> None:
    described = describe(AIRFLOW__CORE__DEFAULT_TASK_RETRY_DELAY="7")

    assert {task["retry_delay"] for _, task in tasks(described)} == {7}


def test_tasks_call_aws_as_the_environment_s_role(described: dict[str, Any]) -> None:
    for name, task in tasks(described):
        assert task["connection"] == OWN_CONNECTIONS.get(name.split(".", 1)[1]), name


def test_no_template_asks_for_what_the_deployment_does_not_write(described: dict[str, Any]) -> None:
    for name, task in tasks(described):
        assert "error" not in task["rendered"], f"{name}: {task['rendered']}"


def test_a_task_waits_for_every_task_whose_result_it_reads(described: dict[str, Any]) -> None:
    # Airflow sees results that are passed as arguments; it does not see those that a template asks for.
    for name in DAGS:
        found = described["dags"][name]["tasks"]
        for task_id, task in found.items():
            missing = set(task["reads"]) - ancestors(found, task_id)
            assert not missing, f"{name}.{task_id} reads {sorted(missing)}, which may end after it"


def ancestors(tasks: dict[str, Any], task_id: str) -> set[str]:
    """Every task that has ended when this one starts."""
    above = set(tasks[task_id]["upstream"])
    return above.union(*(ancestors(tasks, parent) for parent in above))


def test_results_are_read_through_arguments_and_templates_only() -> None:
    # The test above cannot see what a function asks for while it runs.
    for path in (ROOT / "mwaa_dags").rglob("*.py"):
        called = {
            node.attr for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)
        }
        assert "xcom_pull" not in called, path


def test_a_request_that_cannot_be_met_fails_without_another_try(described: dict[str, Any]) -> None:
    refused = described["refused"]

    with_days = {name for name in DAGS if {"start", "day"} & set(described["dags"][name]["params"])}
    # A day of the stream is only compared with, by a task that has no second try.
    assert {each["dag"] for each in refused} == with_days - {"stream_reconciliation"}
    for each in refused:
        assert each["error"] == "AirflowFailException", each
        assert re.search(r"range is empty|is not published yet|day is out of range", each["message"]), each


@pytest.mark.parametrize(
    "operator",
    [
        "AthenaOperator",
        "BashOperator",
        "BranchPythonOperator",
        "GlueCrawlerOperator",
        "HttpSensor",
        "PythonOperator",
        "S3KeySensor",
        "S3ToRedshiftOperator",
        "SQLExecuteQueryOperator",
        "TriggerDagRunOperator",
    ],
)
def test_a_provider_s_operator_does_the_work(described: dict[str, Any], operator: str) -> None:
    assert operator in operators(described)


@pytest.mark.parametrize("dag", ["emr_transient", "flights_batch"])
def test_a_cluster_is_torn_down_whatever_its_steps_do(described: dict[str, Any], dag: str) -> None:
    found = described["dags"][dag]["tasks"]
    [terminate] = [task for name, task in found.items() if name.endswith("terminate_cluster")]
    [create] = [task for name, task in found.items() if name.endswith("create_cluster")]

    assert terminate["teardown"]
    assert terminate["fails_the_run"]
    assert create["setup"]
    assert terminate["rendered"]["job_flow_id"] == "j-CLUSTER"


def test_no_teardown_hides_that_a_task_failed(described: dict[str, Any]) -> None:
    # A teardown that counts for the run stands in for all that is before it, whatever became of that.
    for name in DAGS:
        found = described["dags"][name]["tasks"]
        after: dict[str, list[str]] = {task_id: [] for task_id in found}
        for task_id, task in found.items():
            for before in task["upstream"]:
                after[before].append(task_id)
        counting = {task_id for task_id, task in found.items() if task["teardown"] and task["fails_the_run"]}
        for task_id, following in after.items():
            if not found[task_id]["teardown"] and counting & set(following):
                assert set(following) - counting, f"{name}.{task_id} may fail in a run that succeeds"


def test_backfills_take_turns_in_a_pool(described: dict[str, Any]) -> None:
    run_month = described["dags"]["backfill"]["tasks"]["run_month"]

    assert run_month["mapped"]
    assert run_month["pool"] == "backfill"


def test_the_repair_is_skipped_or_done_and_the_check_follows_either(described: dict[str, Any]) -> None:
    found = described["dags"]["glue_catalog"]["tasks"]

    assert set(found["catalog_is_complete"]["upstream"]) == {"repair_partitions", "nothing_to_repair"}
    assert found["catalog_is_complete"]["trigger_rule"] == "none_failed_min_one_success"


def test_the_wait_for_notices_takes_no_slot_and_ends_in_time(described: dict[str, Any]) -> None:
    sensor = described["dags"]["file_arrival"]["tasks"]["notices"]

    assert sensor["deferrable"]
    assert sensor["limits"]["timeout"] == 21601
    assert sensor["rendered"]["bucket_key"] == "arrivals/date=2013-01-30/*"


def test_the_record_of_arrivals_is_made_when_the_asset_changes(described: dict[str, Any]) -> None:
    assert described["dags"]["arrival_log"]["schedule"] == "Asset"
    assert described["dags"]["arrival_log"]["assets"] == ["arrivals"]


def test_the_record_has_every_day_of_a_run_and_each_once(described: dict[str, Any]) -> None:
    found = described["dags"]["arrival_log"]["tasks"]
    keep = found["keep_arrivals"]["rendered"]["sql"]

    assert found["copy_notices"]["mapped"]
    assert found["note_arrival"]["mapped"]
    # A file that was copied twice, because a try ended after its COPY, is kept once.
    assert "DELETE FROM staging.arrivals " in keep[0]
    assert "SELECT DISTINCT" in keep[1]
    assert found["keep_arrivals"]["upstream"] == ["copy_notices"]
    assert found["copy_notices"]["upstream"] == ["arrived", "prepare_arrivals"]


def test_the_wait_and_the_batch_have_one_schedule(describe: Callable[..., Any]) -> None:
    dags = describe(AIRFLOW__REFSTACK__SCHEDULE="0 6 * * *")["dags"]

    scheduled = {name for name in DAGS if dags[name]["schedule"] == "0 6 * * *"}
    assert scheduled == {"file_arrival", "flights_batch"}


def test_the_stream_is_kept_running_only_where_there_is_a_schedule_for_that(
    described: dict[str, Any], describe: Callable[..., Any]
) -> None:
    scheduled = describe(AIRFLOW__REFSTACK__STREAM_GUARD_SCHEDULE="*/10 * * * *")["dags"]["stream_guard"]
    unscheduled = described["dags"]["stream_guard"]

    assert (unscheduled["schedule"], unscheduled["paused"]) == ("None", True)
    assert (scheduled["schedule"], scheduled["paused"]) == ("*/10 * * * *", False)


def test_the_streaming_job_is_started_as_it_is_deployed_and_not_waited_out(described: dict[str, Any]) -> None:
    assert described["dags"]["stream_guard"]["tasks"]["start"]["retries"] == 0
    start = described["dags"]["stream_guard"]["tasks"]["start"]["rendered"]
    tell = described["dags"]["stream_guard"]["tasks"]["tell"]["rendered"]

    assert start["application_id"] == "00app"
    assert start["job_driver"] == {"sparkSubmit": {"entryPoint": "s3://a/stream.py"}}
    assert start["config"] == {"mode": "STREAMING", "retryPolicy": {"maxFailedAttemptsPerHour": 5}}
    assert tell["subject"] == "Started: stream_flight_events"
    assert tell["message"].endswith("The run before it: 00last is FAILED: no broker.")
