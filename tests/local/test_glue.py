"""Glue: runs of jobs, crawls and partitions as the API tells them, on real programs and real objects."""

from __future__ import annotations

import gzip
import json
from functools import partial
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local.conftest import Gateway
from tests.local.spark_account import CODE, DATA, LOGS, prepare, wait

pytestmark = [pytest.mark.gateway, pytest.mark.spark]
ENDED = {"SUCCEEDED", "FAILED", "STOPPED", "TIMEOUT", "ERROR"}


@pytest.fixture(scope="module")
def glue(gateway: Gateway) -> Any:
    prepare(gateway.client)
    return gateway.client("glue")


def job(glue: Any, name: str, program: str, arguments: dict[str, str] | None = None, **members: Any) -> str:
    """Create the job `name` over one of the PROGRAMS, with more members of CreateJob; its name."""
    defaults = {
        "--enable-spark-ui": "true",
        "--spark-event-logs-path": f"s3://{LOGS}/glue/",
        "--extra-py-files": f"s3://{CODE}/package.zip",
        "--conf": "spark.sql.shuffle.partitions=5",
        **(arguments or {}),
    }
    command = {"Name": "glueetl", "PythonVersion": "3", "ScriptLocation": f"s3://{CODE}/{program}"}
    role = "arn:aws:iam::000000000000:role/test-glue"
    size = {"WorkerType": "G.1X", "NumberOfWorkers": 2, "GlueVersion": "5.1"}
    glue.create_job(Name=name, Role=role, Command=command, DefaultArguments=defaults, **size, **members)
    return name


def state(glue: Any, name: str, run_id: str) -> str:
    return str(glue.get_job_run(JobName=name, RunId=run_id)["JobRun"]["JobRunState"])


def finish(glue: Any, name: str, run_id: str) -> dict[str, Any]:
    """The run, once it has ended."""
    wait(partial(state, glue, name, run_id), ENDED)
    run: dict[str, Any] = glue.get_job_run(JobName=name, RunId=run_id)["JobRun"]
    return run


def messages(gateway: Gateway, group: str, stream: str) -> list[str]:
    logs = gateway.client("logs")
    return [
        event["message"] for event in logs.get_log_events(logGroupName=group, logStreamName=stream)["events"]
    ]


def test_a_run_gets_the_jobs_and_its_own_arguments(glue: Any, gateway: Gateway) -> None:
    job(glue, "count", "count.py", {"--a": "1", "--b": "1"})
    run_id = glue.start_job_run(JobName="count", Arguments={"--b": "2"})["JobRunId"]
    with pytest.raises(glue.exceptions.ConcurrentRunsExceededException):
        glue.start_job_run(JobName="count")
    run = finish(glue, "count", run_id)
    assert run["JobRunState"] == "SUCCEEDED", run
    assert run["ExecutionTime"] > 0
    assert run["Arguments"] == {"--b": "2"}
    assert [found["Id"] for found in glue.get_job_runs(JobName="count")["JobRuns"]] == [run_id]
    output = messages(gateway, "/aws-glue/jobs/output", run_id)
    given = ["--a", "1", "--b", "2", "--JOB_ID", "j_count", "--JOB_RUN_ID", run_id, "--JOB_NAME", "count"]
    assert output == [f"arguments {given}", "partitions 5", "option None", "rows 100"]
    assert any("SparkContext" in line for line in messages(gateway, "/aws-glue/jobs/error", run_id))
    events = gateway.client("s3").get_object(Bucket=LOGS, Key=f"glue/{run_id}")["Body"].read().decode()
    assert '"Event":"SparkListenerApplicationEnd"' in events
    calls = [json.loads(line) for line in (gateway.home / "callers.jsonl").read_text().splitlines()]
    caller = "arn:aws:sts::000000000000:assumed-role/test-glue/GlueJobRunnerSession"
    assert {"PutObject", "PutLogEvents"} <= {call["operation"] for call in calls if call["caller"] == caller}


def test_a_failed_run_says_why(glue: Any) -> None:
    job(glue, "fail", "fail.py")
    run = finish(glue, "fail", glue.start_job_run(JobName="fail")["JobRunId"])
    assert run["JobRunState"] == "FAILED"
    assert run["ErrorMessage"] == "ValueError: the object s3://raw/flights.csv.gz is damaged"


def test_a_run_without_its_script_fails(glue: Any) -> None:
    job(glue, "nowhere", "nowhere.py")
    run = finish(glue, "nowhere", glue.start_job_run(JobName="nowhere")["JobRunId"])
    assert run["JobRunState"] == "FAILED"
    assert f"s3://{CODE}/nowhere.py" in run["ErrorMessage"]


def test_a_failed_run_is_retried_as_often_as_the_job_says(glue: Any) -> None:
    job(glue, "retry", "nowhere.py", MaxRetries=1)
    first = glue.start_job_run(JobName="retry")["JobRunId"]
    second = finish(glue, "retry", first) and finish(glue, "retry", f"{first}_attempt_1")
    assert second["Attempt"] == 1
    assert second["PreviousRunId"] == first
    assert len(glue.get_job_runs(JobName="retry")["JobRuns"]) == 2


def test_a_running_run_is_stopped(glue: Any) -> None:
    job(glue, "stop", "sleep.py")
    run_id = glue.start_job_run(JobName="stop")["JobRunId"]
    wait(partial(state, glue, "stop", run_id), {"RUNNING"})
    answer = glue.batch_stop_job_run(JobName="stop", JobRunIds=[run_id, "jr_none"])
    assert answer["SuccessfulSubmissions"] == [{"JobName": "stop", "JobRunId": run_id}]
    assert answer["Errors"][0]["ErrorDetail"]["ErrorCode"] == "EntityNotFoundException"
    assert finish(glue, "stop", run_id)["JobRunState"] == "STOPPED"


def test_a_run_out_of_time_is_ended(glue: Any, gateway: Gateway) -> None:
    job(glue, "slow", "sleep.py", Timeout=1)
    run_id = glue.start_job_run(JobName="slow")["JobRunId"]
    run = finish(glue, "slow", run_id)
    assert run["JobRunState"] == "TIMEOUT"
    assert 60 <= run["ExecutionTime"] < 90
    assert messages(gateway, "/aws-glue/jobs/output", run_id) == ["asleep"]


def test_log_groups_follow_prefix_security_configuration_and_role(glue: Any, gateway: Gateway) -> None:
    glue.create_security_configuration(Name="keys", EncryptionConfiguration={})
    job(glue, "groups", "fail.py", {"--custom-logGroup-prefix": "/own"}, SecurityConfiguration="keys")
    run = finish(glue, "groups", glue.start_job_run(JobName="groups")["JobRunId"])
    assert run["LogGroupName"] == "/own/keys-role/test-glue"
    assert "Traceback" in "".join(messages(gateway, f"{run['LogGroupName']}/output", run["Id"]))


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"GlueVersion": "9.9"}, "GlueVersion"),
        ({"MaxCapacity": 2.0}, "Max Capacity"),
        ({"NumberOfWorkers": 1}, "at least 2"),
        ({"Role": "nobody"}, "does not exist"),
        ({"Role": "test-emr-nodes"}, "assume role permissions"),
        ({"Command": {"Name": "cobol"}}, "Unsupported command"),
    ],
)
def test_a_wrong_job_is_refused(glue: Any, members: dict[str, Any], message: str) -> None:
    right = {"Role": "test-glue", "Command": {"Name": "glueetl"}, "GlueVersion": "5.1"}
    size = {"WorkerType": "G.1X", "NumberOfWorkers": 2}
    with pytest.raises(ClientError, match=message):
        glue.create_job(Name="wrong", **{**right, **size, **members})


def test_an_update_replaces_the_whole_definition(glue: Any) -> None:
    job(glue, "update", "count.py", Timeout=7, ExecutionProperty={"MaxConcurrentRuns": 3})
    assert glue.get_job(JobName="update")["Job"]["ExecutionProperty"] == {"MaxConcurrentRuns": 3}
    command = {"Name": "glueetl", "ScriptLocation": f"s3://{CODE}/fail.py"}
    update = {"Role": "test-glue", "Command": command, "GlueVersion": "5.1"}
    glue.update_job(JobName="update", JobUpdate=update)
    updated = glue.get_job(JobName="update")["Job"]
    assert updated["Timeout"] == 480
    assert updated["ExecutionProperty"] == {"MaxConcurrentRuns": 1}
    assert updated["Command"] == command


def test_a_crawler_infers_tables_and_partitions(glue: Any, gateway: Gateway) -> None:
    s3 = gateway.client("s3")
    for day in ("01", "02"):
        rows = f"FlightDate,Tail,Delay,Distance\n2013-01-{day},N1,2.00,1400\n2013-01-{day},,,9\n"
        key = f"crawl/flights/year=2013/month=01/day={day}/flights.csv.gz"
        s3.put_object(Bucket=DATA, Key=key, Body=gzip.compress(rows.encode()))
    lines = (
        '{"origin": "EWR", "hour": 5, "temperature": 1.5}\n{"origin": "JFK", "hour": 6, "temperature": 2}\n'
    )
    s3.put_object(Bucket=DATA, Key="crawl/weather/w.json", Body=lines.encode())
    glue.create_database(DatabaseInput={"Name": "inferred"})
    targets = {"S3Targets": [{"Path": f"s3://{DATA}/crawl/{name}/"} for name in ("flights", "weather")]}
    glue.create_crawler(Name="raw", Role="test-glue", DatabaseName="inferred", Targets=targets)
    glue.start_crawler(Name="raw")
    wait(lambda: str(glue.get_crawler(Name="raw")["Crawler"]["State"]), {"READY"})
    crawler = glue.get_crawler(Name="raw")["Crawler"]
    assert crawler["LastCrawl"]["Status"] == "SUCCEEDED", crawler
    flights = glue.get_table(DatabaseName="inferred", Name="flights")["Table"]
    assert [(column["Name"], column["Type"]) for column in flights["StorageDescriptor"]["Columns"]] == [
        *(("flightdate", "string"), ("tail", "string"), ("delay", "double"), ("distance", "bigint")),
    ]
    assert [key["Name"] for key in flights["PartitionKeys"]] == ["year", "month", "day"]
    partitions = glue.get_partitions(DatabaseName="inferred", TableName="flights")["Partitions"]
    assert [partition["Values"] for partition in partitions] == [["2013", "01", "01"], ["2013", "01", "02"]]
    weather = glue.get_table(DatabaseName="inferred", Name="weather")["Table"]
    assert [(column["Name"], column["Type"]) for column in weather["StorageDescriptor"]["Columns"]] == [
        *(("origin", "string"), ("hour", "int"), ("temperature", "double")),
    ]
    [metrics] = glue.get_crawler_metrics(CrawlerNameList=["raw"])["CrawlerMetricsList"]
    assert metrics["TablesCreated"] == 2


def test_a_crawl_of_what_is_no_table_fails_with_the_object_named(glue: Any, gateway: Gateway) -> None:
    gateway.client("s3").put_object(Bucket=DATA, Key="noise/x.bin", Body=b"\x00\x01 no table")
    targets = {"S3Targets": [{"Path": f"s3://{DATA}/noise/"}]}
    glue.create_crawler(Name="noise", Role="test-glue", DatabaseName="inferred", Targets=targets)
    glue.start_crawler(Name="noise")
    wait(lambda: str(glue.get_crawler(Name="noise")["Crawler"]["State"]), {"READY"})
    last = glue.get_crawler(Name="noise")["Crawler"]["LastCrawl"]
    assert last["Status"] == "FAILED"
    assert "noise/x.bin" in last["ErrorMessage"]


@pytest.fixture(scope="module")
def days(glue: Any) -> dict[str, str]:
    """A table with one partition for each of five days."""
    glue.create_database(DatabaseInput={"Name": "days"})
    keys = [{"Name": "month", "Type": "string"}, {"Name": "day", "Type": "int"}]
    columns = [{"Name": "a", "Type": "int"}]
    storage = {"Columns": columns, "Location": f"s3://{DATA}/days/"}
    table = {"Name": "days", "PartitionKeys": keys, "StorageDescriptor": storage}
    glue.create_table(DatabaseName="days", TableInput=table)
    named = {"DatabaseName": "days", "TableName": "days"}
    inputs = [{"Values": ["01", str(day)], "StorageDescriptor": storage} for day in range(8, 13)]
    assert glue.batch_create_partition(**named, PartitionInputList=inputs)["Errors"] == []
    return named


def test_partitions_that_exist_are_reported_not_replaced(glue: Any, days: dict[str, str]) -> None:
    again = [{"Values": ["01", "8"], "StorageDescriptor": {"Location": "s3://elsewhere/"}}]
    [error] = glue.batch_create_partition(**days, PartitionInputList=again)["Errors"]
    assert error["ErrorDetail"]["ErrorCode"] == "AlreadyExistsException"
    known = glue.get_partition(**days, PartitionValues=["01", "8"])["Partition"]
    assert known["StorageDescriptor"]["Location"] == f"s3://{DATA}/days/"


def test_partitions_are_found_by_an_expression_over_their_keys(glue: Any, days: dict[str, str]) -> None:
    found = glue.get_partitions(**days, Expression="month = '01' AND day >= 9 AND day < 11")["Partitions"]
    assert sorted(partition["Values"][1] for partition in found) == ["10", "9"]
    with pytest.raises(glue.exceptions.InvalidInputException):
        glue.get_partitions(**days, Expression="hour = 1")


def test_a_partition_is_updated_in_place(glue: Any, days: dict[str, str]) -> None:
    given = {"Values": ["01", "12"], "StorageDescriptor": {"Location": "s3://moved/"}}
    glue.update_partition(**days, PartitionValueList=["01", "12"], PartitionInput=given)
    known = glue.get_partition(**days, PartitionValues=["01", "12"])["Partition"]
    assert known["StorageDescriptor"]["Location"] == "s3://moved/"
    with pytest.raises(glue.exceptions.EntityNotFoundException):
        glue.update_partition(**days, PartitionValueList=["02", "1"], PartitionInput={"Values": ["02", "1"]})


def test_partitions_need_a_table_and_a_value_for_each_key(glue: Any, days: dict[str, str]) -> None:
    with pytest.raises(glue.exceptions.InvalidInputException, match="do not match"):
        glue.batch_create_partition(**days, PartitionInputList=[{"Values": ["01"]}])
    with pytest.raises(glue.exceptions.EntityNotFoundException):
        glue.get_partitions(DatabaseName="days", TableName="none")
    with pytest.raises(glue.exceptions.InvalidInputException, match="more than 100"):
        glue.batch_create_partition(**days, PartitionInputList=[{"Values": ["1", "1"]}] * 101)
