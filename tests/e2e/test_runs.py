"""Every DAG runs; whatever disturbs a run, its day is loaded once; what goes wrong is told in a sentence."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from local import pipeline, runtime, stream, summary, warehouse_client
from tests.e2e import operational_store
from tests.e2e.airflow_runs import (
    Alerts,
    Runs,
    await_,
    changed_secret,
    injected,
    kill_scheduler,
    unheard_arrivals,
)
from tests.e2e.three_days import FIRST, Platform, tables

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

DAY = "2013-01-02"
RANGE = {"start": DAY, "end": DAY}
MONTH = ("flights_batch", f"days__{DAY}_{DAY}")
"""The one run that a backfill of that day makes."""
LAST = FIRST.end
NO_WEATHER = {"start": "2013-06-01", "end": "2013-06-01"}
"""A day that nothing has ingested."""
NO_NOTICE = "2012-12-31"
"""A day that nobody announces."""


@pytest.fixture(scope="module")
def runs(platform: Platform) -> Runs:
    return Runs(platform)


@pytest.fixture(scope="module")
def alerts(platform: Platform) -> Alerts:
    return Alerts()


def test_a_day_that_arrives_in_many_objects_at_once_is_run_once_though_the_scheduler_is_killed(
    platform: Platform, runs: Runs
) -> None:
    before = tables()
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda times: pipeline.announce(LAST, times), (3, 3)))
    run = ("flights_batch", LAST)
    runs.await_task(run, "curate", "running")
    kill_scheduler()

    assert runs.finish(run) == {f"flights_batch {LAST}": "success"}
    assert tables() == before
    assert set(runs.all("flights_batch")) == {FIRST.run_id, LAST}
    # The next try waits for the job run that the kill left behind; had it ended, another follows.
    begun = curations(LAST)
    assert {run["JobRunState"] for run in begun} == {"SUCCEEDED"}
    assert all(first["CompletedOn"] <= second["StartedOn"] for first, second in pairwise(begun))


def curations(run_key: str) -> list[dict[str, Any]]:
    """The Glue job runs that a DAG run has started, oldest first."""
    found = runtime.client("glue").get_job_runs(JobName=summary.deployment()["glue"]["curate_flights"])
    ours = (run for run in found["JobRuns"] if run["Arguments"]["--run_key"] == run_key)
    return sorted(ours, key=lambda run: run["StartedOn"])


def test_a_completed_run_tells_what_it_did_in_one_line_and_is_counted(platform: Platform, runs: Runs) -> None:
    run_id = FIRST.run_id
    lines = [line["event"] for line in runs.log("flights_batch", run_id, "check_row_accounting")]
    [told] = [json.loads(line) for line in lines if line.startswith('{"event": "run completed"')]
    now = datetime.now(UTC)
    counted = runtime.client("cloudwatch").get_metric_statistics(
        Namespace="refstack",
        MetricName="RunCompleted",
        Dimensions=[
            {"Name": "Dag", "Value": "flights_batch"},
            {"Name": "Environment", "Value": pipeline.environment_name()},
        ],
        StartTime=now - timedelta(hours=2),
        EndTime=now + timedelta(minutes=1),
        Period=3600,
        Statistics=["Sum"],
    )

    assert (told["dag_id"], told["run_id"]) == ("flights_batch", run_id)
    assert told["params"] == {"start": FIRST.start, "end": FIRST.end}
    assert told["summary"]["rows"]["raw_flights"] == told["summary"]["rows"]["fact_flight"] > 0
    assert sum(point["Sum"] for point in counted["Datapoints"]) >= 1


def test_an_empty_range_fails_at_once_and_no_task_hides_that(
    platform: Platform, runs: Runs, alerts: Alerts
) -> None:
    alerts.received()

    empty = runs.start("flights_batch", "empty", start=LAST, end=FIRST.start)

    assert runs.finish(empty) == {"flights_batch empty": "failed"}
    tries = platform.airflow("/dags/flights_batch/dagRuns/empty/taskInstances/plan")["try_number"]
    states = runs.tasks(*empty)
    [(subject, text)] = alerts.received()
    assert (states["plan"], tries) == ("failed", 1)
    assert states["warehouse.create_tables"] == "upstream_failed"
    assert subject == "Failed: flights_batch / plan"
    assert f"The range is empty: it starts on {LAST} and ends on {FIRST.start}" in text


@contextmanager
def impossible_rule(rule: str) -> Iterator[None]:
    """With one more rule in the quality gate."""
    glue, ruleset = runtime.client("glue"), summary.deployment()["quality"]["ruleset"]["curated_flights"]
    rules = glue.get_data_quality_ruleset(Name=ruleset)["Ruleset"]
    glue.update_data_quality_ruleset(Name=ruleset, Ruleset=rules.replace("Rules = [", f"Rules = [ {rule},"))
    try:
        yield
    finally:
        glue.update_data_quality_ruleset(Name=ruleset, Ruleset=rules)


def test_a_failed_gate_stops_a_backfill_before_any_load_and_alerts_once(
    platform: Platform, runs: Runs, alerts: Alerts, buckets: dict[str, str]
) -> None:
    before, rule = tables(), "RowCount > 1000000"
    with impossible_rule(rule):
        ended = runs.finish(runs.start("backfill", "gate", **RANGE))

    assert ended == {"backfill gate": "failed"}
    assert tables() == before
    states = runs.tasks(*MONTH)
    loads = {state for name, state in states.items() if name.startswith("warehouse.load_")}
    assert (states["transform.build_facts"], loads) == ("success", {"upstream_failed"})
    key = f"quality/run={MONTH[1]}/curated_flights.jsonl"
    kept = runtime.client("s3").get_object(Bucket=buckets["curated"], Key=key)["Body"].read().splitlines()
    [month, gate] = alerts.received()
    assert (month[0], gate[0]) == ("Failed: backfill / run_month", "Failed: flights_batch / quality.gate")
    assert f"1 of {len(kept)} rules did not pass: {rule}" in gate[1]
    assert "Try: 1 of " in gate[1]
    assert "/dags/flights_batch/runs/" in gate[1]


def test_the_backfill_succeeds_once_the_gate_lets_it_and_beside_it_what_goes_wrong_is_told(
    platform: Platform, runs: Runs, alerts: Alerts, buckets: dict[str, str]
) -> None:
    before = tables()
    again = runs.start("backfill", "again", **RANGE)
    # From here on nothing of that run asks what is broken below.
    await_(lambda: runs.all(MONTH[0]).get(MONTH[1]) == "running")
    runs.await_task(MONTH, "quality.gate", "success")
    expired = {
        "action": "s3:ListBucket",
        "resource": f"arn:aws:s3:::{buckets['raw']}",
        "caller": "arn:aws:sts::*:assumed-role/refstack-dev-airflow*",
        "code": "ExpiredToken",
        "message": "The provided token has expired.",
    }
    throttled = {
        "action": "glue:GetCrawler",
        "code": "ThrottlingException",
        "message": "Rate exceeded",
        "times": 100,
    }

    def short(known: dict[str, Any]) -> dict[str, Any]:
        return {**known, "timeouts": {**known["timeouts"], "glue": 8}}

    with (
        injected(expired, throttled),
        changed_secret("refstack/dev/connections/operational_db", lambda _: None),
        changed_secret("refstack/dev/variables/refstack", short),
    ):
        failing = [
            runs.start("file_arrival", "expired-token", day=LAST),
            runs.start("environment_check", "missing-secret"),
            runs.start("glue_catalog", "timed-out", **RANGE),
            runs.start("emr_transient", "failed-step", **NO_WEATHER),
        ]
        runs.await_task(failing[0], "notices", "failed")
        late = runs.start("file_arrival", "late", day=NO_NOTICE)
        runs.await_task(late, "notices", "deferred")
        runs.backdate(*late, days=2)
        ended = runs.finish(*failing, late)

    assert set(ended.values()) == {"failed"}, ended
    assert runs.tasks("emr_transient", "failed-step")["terminate_cluster"] == "success"
    assert [run["JobRunState"] for run in curations("timed-out")] == ["STOPPED"]
    assert runs.finish(again, MONTH) == {"backfill again": "success", " ".join(MONTH): "success"}
    assert tables() == before
    told = dict(alerts.received())
    sentences = {
        "Failed: environment_check / settings": "`operational_db` isn't defined",
        "Failed: file_arrival / notices": "The provided token has expired",
        "Failed: glue_catalog / crawl": "ThrottlingException.*Rate exceeded",
        "Failed: glue_catalog / curate": "longer than its limit of 8 s",
        "Failed: emr_transient / step_done": "2013-06-01",
        "Late: file_arrival": "took longer than the 1 day",
    }
    assert set(told) == set(sentences)
    for subject, sentence in sentences.items():
        assert re.search(sentence, told[subject]), f"{subject}: {told[subject]}"


def test_once_that_is_mended_the_next_try_succeeds(
    platform: Platform, runs: Runs, alerts: Alerts, buckets: dict[str, str]
) -> None:
    flights = {
        "DatabaseName": summary.deployment()["catalog"]["curated_database"],
        "TableName": "flights",
    }
    missing = LAST.split("-")
    runtime.client("glue").delete_partition(**flights, PartitionValues=missing)

    containers = started_containers()
    with unheard_arrivals():
        notice = f"day,data_set,announced_at\n{DAY},flights,2013-03-17 06:00:00\n"
        runtime.client("s3").put_object(
            Bucket=buckets["raw"], Key=f"arrivals/date={DAY}/flights.csv", Body=notice.encode()
        )
        with operational_store.busy():
            left = runs.start("container_etl", "left", **RANGE)
            await_(lambda: started_containers() - containers)
            runs.kill_worker(left, "load")
            again = [
                runs.start("environment_check", "again"),
                runs.start("file_arrival", "again", day=LAST),
                runs.start("file_arrival", "other", day=DAY),
                runs.start("glue_catalog", "again", **RANGE),
                runs.start("emr_transient", "again", **RANGE),
            ]
            runs.await_log(left, "load", "Reattaching previously launched task")
        ended = runs.finish(left, *again)

    assert set(ended.values()) == {"success"}, ended
    # The container that the dead worker left is the only one: the next try has waited for it.
    assert len(started_containers() - containers) == 1
    assert operational_store.flights(DAY) == 943
    assert alerts.received() == []
    catalog = runs.tasks("glue_catalog", "again")
    assert (catalog["repair_partitions"], catalog["nothing_to_repair"]) == ("success", "skipped")
    runtime.client("glue").get_partition(**flights, PartitionValues=missing)


def started_containers() -> set[str]:
    """Tasks that were started from the ETL's definition, whatever became of them."""
    deployed = summary.deployment()["containers"]
    of_it = {"cluster": deployed["cluster"], "family": deployed["tasks"]["etl"]}
    ecs = runtime.client("ecs")
    states = ("RUNNING", "STOPPED")
    return {arn for state in states for arn in ecs.list_tasks(**of_it, desiredStatus=state)["taskArns"]}


def test_arrivals_that_come_together_are_all_noted_in_both_databases(platform: Platform, runs: Runs) -> None:
    await_(lambda: {day for day, _ in operational_store.arrivals()} == {DAY, LAST}, seconds=120)
    await_(lambda: set(runs.all("arrival_log").values()) <= pipeline.FINISHED)

    assert set(runs.all("arrival_log").values()) == {"success"}
    assert operational_store.arrivals() == [(DAY, 1), (LAST, 2)]
    copied = warehouse_client.query("SELECT day, data_set FROM staging.arrivals")
    assert sorted((str(row["day"]), row["data_set"]) for row in copied) == [
        (DAY, "flights"),
        (LAST, "flights"),
        (LAST, "weather"),
    ]


def test_the_streaming_job_is_started_where_none_runs_and_only_there(
    platform: Platform, runs: Runs, alerts: Alerts
) -> None:
    pipeline.wait_for_dag("stream_guard")
    alerts.received()
    try:
        runs.finish(runs.start("stream_guard", "first"))
        runs.finish(runs.start("stream_guard", "second"))
        cancelled = cancel_streams()
        runs.finish(runs.start("stream_guard", "third"))
    finally:
        started = cancel_streams()

    assert set(runs.all("stream_guard").values()) == {"success"}
    assert len(cancelled) == len(started) == 1
    assert runs.tasks("stream_guard", "second")["start"] == "skipped"
    told = alerts.received()
    assert {subject for subject, _ in told} == {"Started: stream_flight_events"}
    before = {message.partition("The run before it: ")[2].partition(":")[0] for _, message in told}
    assert before == {"none has run before.", f"{cancelled[0]} is CANCELLED"}


def cancel_streams() -> list[str]:
    """Cancel the job runs that are running, and wait until they are gone; their ids."""
    serverless = runtime.client("emr-serverless")
    of_it = {"applicationId": stream.request()["applicationId"]}
    running = [run["id"] for run in serverless.list_job_runs(**of_it, states=["RUNNING"])["jobRuns"]]
    for run in running:
        serverless.cancel_job_run(**of_it, jobRunId=run)
    ended = ["CANCELLED", "FAILED"]
    await_(
        lambda: (
            {run["id"] for run in serverless.list_job_runs(**of_it, states=ended)["jobRuns"]} >= set(running)
        )
    )
    return running


def test_no_call_of_any_run_lacked_a_permission(platform: Platform, runs: Runs) -> None:
    assert runs.all("backfill") == {"gate": "failed", "again": "success"}
    assert summary.would_deny() == []
