"""EMR Serverless: applications and job runs as the API tells them, the programs run for real."""

from __future__ import annotations

import gzip
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local.conftest import Gateway
from tests.local.spark_account import CODE, LOGS, allow, prepare, trust, wait

pytestmark = [pytest.mark.gateway, pytest.mark.spark, pytest.mark.timeout(240)]
ENDED = {"SUCCESS", "FAILED", "CANCELLED"}
ROLE = "test-emr-serverless"


@pytest.fixture(scope="module")
def serverless(gateway: Gateway) -> Any:
    prepare(gateway.client)
    iam = gateway.client("iam")
    iam.create_role(RoleName=ROLE, AssumeRolePolicyDocument=trust("emr-serverless.amazonaws.com"))
    iam.put_role_policy(RoleName=ROLE, PolicyName="all", PolicyDocument=allow("s3:*"))
    return gateway.client("emr-serverless")


@pytest.fixture(scope="module")
def application(serverless: Any) -> str:
    made = serverless.create_application(
        name="stream",
        releaseLabel="emr-7.13.0",
        type="SPARK",
        tags={"owner": "tests"},
        monitoringConfiguration={"s3MonitoringConfiguration": {"logUri": f"s3://{LOGS}/serverless/"}},
        runtimeConfiguration=[
            {
                "classification": "spark-defaults",
                "properties": {
                    "spark.sql.shuffle.partitions": "3",
                    "spark.driver.extraJavaOptions": "-Dtest.one=1 -Dtest.two=2",
                },
            }
        ],
    )
    return str(made["applicationId"])


def start(
    serverless: Any, application: str, program: str, *arguments: str, options: str = "", **more: Any
) -> str:
    submit: dict[str, Any] = {"entryPoint": f"s3://{CODE}/{program}", "entryPointArguments": list(arguments)}
    if options:
        submit["sparkSubmitParameters"] = options
    made = serverless.start_job_run(
        applicationId=application,
        executionRoleArn=f"arn:aws:iam::000000000000:role/{ROLE}",
        jobDriver={"sparkSubmit": submit},
        **more,
    )
    return str(made["jobRunId"])


def finish(serverless: Any, application: str, run: str) -> Any:
    def state() -> str:
        found = serverless.get_job_run(applicationId=application, jobRunId=run)["jobRun"]
        return str(found["state"])

    wait(state, ENDED)
    return serverless.get_job_run(applicationId=application, jobRunId=run)["jobRun"]


def test_an_application_is_described_as_it_was_made_and_starts_and_stops(serverless: Any) -> None:
    capacity = {"cpu": "4 vCPU", "memory": "16 GB"}
    identity = serverless.create_application(
        name="idle", releaseLabel="emr-7.13.0", type="SPARK", maximumCapacity=capacity
    )["applicationId"]
    found = serverless.get_application(applicationId=identity)["application"]
    assert (found["state"], found["type"], found["maximumCapacity"]) == ("CREATED", "Spark", capacity)
    assert identity in {each["id"] for each in serverless.list_applications()["applications"]}
    serverless.start_application(applicationId=identity)
    assert serverless.get_application(applicationId=identity)["application"]["state"] == "STARTED"
    with pytest.raises(ClientError, match="stop it"):
        serverless.update_application(applicationId=identity, maximumCapacity=capacity)
    serverless.stop_application(applicationId=identity)
    changed = {**capacity, "disk": "40 GB"}
    updated = serverless.update_application(applicationId=identity, maximumCapacity=changed)
    assert updated["application"]["maximumCapacity"] == changed
    serverless.delete_application(applicationId=identity)
    with pytest.raises(serverless.exceptions.ResourceNotFoundException):
        serverless.get_application(applicationId=identity)


@pytest.mark.parametrize(
    "wrong",
    [
        {"type": "HIVE"},
        {"imageConfiguration": {"imageUri": "000000000000.dkr.ecr.us-east-1.amazonaws.com/a:b"}},
    ],
)
def test_what_is_not_emulated_is_refused(serverless: Any, wrong: dict[str, Any]) -> None:
    with pytest.raises(serverless.exceptions.ValidationException, match="not emulated"):
        serverless.create_application(**{"releaseLabel": "emr-7.13.0", "type": "SPARK", **wrong})


def test_a_run_computes_and_delivers_its_logs(gateway: Gateway, serverless: Any, application: str) -> None:
    run = start(serverless, application, "count.py", "one", name="counting", tags={"a": "b"})
    ended = finish(serverless, application, run)
    assert (ended["state"], ended["mode"], ended["attempt"]) == ("SUCCESS", "BATCH", 1)
    assert ended["startedAt"] >= ended["createdAt"]
    listed = serverless.list_job_runs(applicationId=application, states=["SUCCESS"])["jobRuns"]
    assert [each["name"] for each in listed if each["id"] == run] == ["counting"]
    stdout = said(gateway, application, run)
    assert "arguments ['one']" in stdout
    assert "partitions 3" in stdout
    assert "option 2" in stdout
    assert "rows 100" in stdout
    assert serverless.get_application(applicationId=application)["application"]["state"] == "STARTED"


def said(gateway: Gateway, application: str, run: str) -> str:
    """What the driver of a run wrote to its standard output."""
    key = f"serverless/applications/{application}/jobs/{run}/SPARK_DRIVER/stdout.gz"
    return gzip.decompress(gateway.client("s3").get_object(Bucket=LOGS, Key=key)["Body"].read()).decode()


def test_a_run_imports_what_it_takes_along(gateway: Gateway, serverless: Any, application: str) -> None:
    archive = f"--archives s3://{CODE}/package.zip#libraries"
    path = "--conf spark.emr-serverless.driverEnv.PYTHONPATH=./libraries"
    run = start(serverless, application, "module.py", options=f"{archive} {path}")
    assert finish(serverless, application, run)["state"] == "SUCCESS"
    assert said(gateway, application, run).startswith("hello from the zip")
    [attempt] = gateway.home.glob(f"emr-serverless/{application}/{run}/1")
    assert not (attempt / "libraries").exists()


def test_a_failed_run_tells_the_exception_and_eventbridge(
    gateway: Gateway, serverless: Any, application: str
) -> None:
    asked = {"applicationId": [application], "state": ["FAILED"]}
    queue = gateway.queue_of_events("failed-runs", "aws.emr-serverless", asked)
    run = start(serverless, application, "fail.py")
    ended = finish(serverless, application, run)
    assert ended["state"] == "FAILED"
    assert "ValueError: the object s3://raw/flights.csv.gz is damaged" in ended["stateDetails"]
    event = gateway.next_event(queue)
    assert event["detail-type"] == "EMR Serverless Job Run State Change"
    assert (event["detail"]["jobRunId"], event["detail"]["previousState"]) == (run, "RUNNING")


def test_a_streaming_run_is_tried_again_as_its_policy_says(serverless: Any, application: str) -> None:
    run = start(serverless, application, "exit.py", mode="STREAMING", retryPolicy={"maxAttempts": 2})
    ended = finish(serverless, application, run)
    assert (ended["state"], ended["attempt"]) == ("FAILED", 2)
    assert "no object for 2013-01-05" in ended["stateDetails"]


def test_a_cancelled_streaming_run_ends_and_held_no_turn(serverless: Any, application: str) -> None:
    run = start(serverless, application, "sleep.py", mode="STREAMING")

    def state() -> str:
        return str(serverless.get_job_run(applicationId=application, jobRunId=run)["jobRun"]["state"])

    wait(state, {"RUNNING"})
    # A batch run does not wait for the streaming one to end.
    other = finish(serverless, application, start(serverless, application, "exit.py"))
    assert (other["state"], state()) == ("FAILED", "RUNNING")
    with pytest.raises(serverless.exceptions.ValidationException, match="running jobs"):
        serverless.stop_application(applicationId=application)
    serverless.cancel_job_run(applicationId=application, jobRunId=run)
    assert wait(state, ENDED)[-1] == "CANCELLED"


def test_the_dashboard_is_refused_with_a_sentence(serverless: Any, application: str) -> None:
    run = serverless.list_job_runs(applicationId=application)["jobRuns"][0]["id"]
    with pytest.raises(serverless.exceptions.ValidationException, match="not served here"):
        serverless.get_dashboard_for_job_run(applicationId=application, jobRunId=run)
