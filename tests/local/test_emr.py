"""EMR: clusters and steps as the API tells them, the programs of the steps run for real."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local.conftest import Gateway
from tests.local.spark_account import CODE, DATA, LOGS, prepare, wait

pytestmark = [pytest.mark.gateway, pytest.mark.spark]
ENDED = {"COMPLETED", "FAILED", "CANCELLED"}


@pytest.fixture(scope="module")
def emr(gateway: Gateway) -> Any:
    prepare(gateway.client)
    return gateway.client("emr")


def request(**changes: Any) -> dict[str, Any]:
    """A RunJobFlow request that is right, with changes; None leaves a member out."""
    group = {"InstanceRole": "MASTER", "InstanceType": "m5.xlarge", "InstanceCount": 1}
    whole = {
        "Name": "test",
        "ReleaseLabel": "emr-7.13.0",
        "ServiceRole": "test-emr-service",
        "JobFlowRole": "test-emr-nodes",
        "LogUri": f"s3://{LOGS}/emr/",
        "Applications": [{"Name": "Spark"}],
        "Instances": {"KeepJobFlowAliveWhenNoSteps": True, "InstanceGroups": [group]},
        "Configurations": [
            {
                "Classification": "spark-defaults",
                "Properties": {
                    "spark.sql.shuffle.partitions": "3",
                    "spark.pyspark.python": "/usr/bin/python3.11",
                },
            }
        ],
        **changes,
    }
    return {name: value for name, value in whole.items() if value is not None}


def step(
    name: str,
    program: str,
    *arguments: str,
    action: str = "CONTINUE",
    options: tuple[str, ...] = (),
    mode: str = "client",
) -> Any:
    command = ["spark-submit", "--deploy-mode", mode, *options, f"s3://{CODE}/{program}", *arguments]
    jar = {"Jar": "command-runner.jar", "Args": command}
    return {"Name": name, "ActionOnFailure": action, "HadoopJarStep": jar}


@pytest.fixture(scope="module")
def cluster(emr: Any) -> Iterator[str]:
    cluster_id = emr.run_job_flow(**request())["JobFlowId"]
    yield cluster_id
    emr.terminate_job_flows(JobFlowIds=[cluster_id])


def cluster_state(emr: Any, cluster_id: str) -> str:
    return str(emr.describe_cluster(ClusterId=cluster_id)["Cluster"]["Status"]["State"])


def step_state(emr: Any, cluster_id: str, step_id: str) -> str:
    return str(emr.describe_step(ClusterId=cluster_id, StepId=step_id)["Step"]["Status"]["State"])


def run(emr: Any, cluster_id: str, *steps: Any) -> list[dict[str, Any]]:
    """Add steps, wait for the end of all; the steps as DescribeStep tells them."""
    ids = emr.add_job_flow_steps(JobFlowId=cluster_id, Steps=list(steps))["StepIds"]
    for step_id in ids:
        wait(partial(step_state, emr, cluster_id, step_id), ENDED)
    return [emr.describe_step(ClusterId=cluster_id, StepId=step_id)["Step"] for step_id in ids]


def log(gateway: Gateway, cluster_id: str, step_id: str, name: str) -> str:
    key = f"emr/{cluster_id}/steps/{step_id}/{name}.gz"
    return gzip.decompress(gateway.client("s3").get_object(Bucket=LOGS, Key=key)["Body"].read()).decode()


def test_a_cluster_goes_through_its_states_to_waiting(emr: Any) -> None:
    cluster_id = emr.run_job_flow(**request())["JobFlowId"]
    seen = wait(lambda: cluster_state(emr, cluster_id), {"WAITING"})
    assert seen[0] == "STARTING"
    assert "ReadyDateTime" in emr.describe_cluster(ClusterId=cluster_id)["Cluster"]["Status"]["Timeline"]
    emr.terminate_job_flows(JobFlowIds=[cluster_id])
    wait(lambda: cluster_state(emr, cluster_id), {"TERMINATED"})
    assert emr.describe_cluster(ClusterId=cluster_id)["Cluster"]["Status"]["StateChangeReason"] == {
        "Code": "USER_REQUEST",
        "Message": "Terminated by user request",
    }


@pytest.fixture(scope="module")
def counted(emr: Any, cluster: str) -> dict[str, Any]:
    """A step that has run count.py."""
    [done] = run(emr, cluster, step("count", "count.py", "--day", "2013-01-01"))
    return done


def test_a_step_runs_its_program_with_the_clusters_defaults(
    gateway: Gateway, cluster: str, counted: Any
) -> None:
    done = counted
    assert done["Status"]["State"] == "COMPLETED"
    timeline = done["Status"]["Timeline"]
    assert timeline["CreationDateTime"] <= timeline["StartDateTime"] < timeline["EndDateTime"]
    output = log(gateway, cluster, done["Id"], "stdout")
    assert "arguments ['--day', '2013-01-01']" in output
    assert "partitions 3" in output
    assert "rows 100" in output
    assert "exitCode 0" in log(gateway, cluster, done["Id"], "controller")
    assert gateway.client("s3").list_objects_v2(Bucket=DATA, Prefix="count/")["KeyCount"] > 1


@pytest.mark.usefixtures("counted")
def test_a_step_calls_as_the_role_of_the_instance_profile(emr: Any, gateway: Gateway, cluster: str) -> None:
    calls = [json.loads(line) for line in (gateway.home / "callers.jsonl").read_text().splitlines()]
    [node] = [found["Ec2InstanceId"] for found in emr.list_instances(ClusterId=cluster)["Instances"]]
    mine = {
        call["operation"] for call in calls if call["caller"].endswith(f":assumed-role/test-emr-nodes/{node}")
    }
    assert {"GetObject", "PutObject"} <= mine


def test_spark_event_logs_are_delivered(gateway: Gateway, cluster: str, counted: Any) -> None:
    s3 = gateway.client("s3")
    controller = log(gateway, cluster, counted["Id"], "controller")
    [uri] = [line.rpartition(" ")[2] for line in controller.splitlines() if "Spark event log" in line]
    assert uri.startswith(f"s3://{LOGS}/emr/{cluster}/spark-events/application_")
    events = s3.get_object(Bucket=LOGS, Key=uri.removeprefix(f"s3://{LOGS}/"))["Body"].read().decode()
    assert '"Event":"SparkListenerApplicationEnd"' in events


def test_a_folder_of_event_logs_must_exist(emr: Any, gateway: Gateway, cluster: str) -> None:
    conf = f"spark.eventLog.dir=s3://{LOGS}/chosen/"
    [failed] = run(emr, cluster, step("count", "count.py", options=("--conf", conf)))
    assert failed["Status"]["State"] == "FAILED"
    assert "FileNotFoundException" in failed["Status"]["FailureDetails"]["Message"]
    s3 = gateway.client("s3")
    s3.put_object(Bucket=LOGS, Key="chosen/")
    [done] = run(emr, cluster, step("count", "count.py", options=("--conf", conf)))
    assert done["Status"]["State"] == "COMPLETED"
    keys = {found["Key"] for found in s3.list_objects_v2(Bucket=LOGS, Prefix="chosen/")["Contents"]}
    assert "chosen/" in keys
    assert len(keys) == 2


def test_a_failed_step_says_why_and_where_its_log_is(emr: Any, gateway: Gateway, cluster: str) -> None:
    failed, quit_, done = run(
        emr, cluster, step("fails", "fail.py"), step("exits", "exit.py"), step("missing", "nowhere.py")
    )
    details = failed["Status"]["FailureDetails"]
    assert details["Message"] == "ValueError: the object s3://raw/flights.csv.gz is damaged"
    assert details["LogFile"] == f"s3://{LOGS}/emr/{cluster}/steps/{failed['Id']}/stderr.gz"
    assert "Traceback" in log(gateway, cluster, failed["Id"], "stdout")
    assert quit_["Status"]["FailureDetails"]["Message"] == "no object for 2013-01-05"
    assert f"s3://{CODE}/nowhere.py" in done["Status"]["FailureDetails"]["Message"]
    wait(lambda: cluster_state(emr, cluster), {"WAITING"})


def test_in_cluster_mode_the_driver_s_words_are_in_its_container_s_log(
    emr: Any, gateway: Gateway, cluster: str
) -> None:
    quit_, missing = run(
        emr, cluster, step("exits", "exit.py", mode="cluster"), step("gone", "nowhere.py", mode="cluster")
    )

    prefix = f"emr/{cluster}/containers/"
    logs = gateway.client("s3").list_objects_v2(Bucket=LOGS, Prefix=prefix)["Contents"]
    [application] = {item["Key"].removeprefix(prefix).split("/")[0] for item in logs}
    container = f"{prefix}{application}/{application.replace('application', 'container')}_01_000001"
    assert [item["Key"] for item in logs] == [f"{container}/stderr.gz", f"{container}/stdout.gz"]
    written = gateway.client("s3").get_object(Bucket=LOGS, Key=f"{container}/stdout.gz")["Body"].read()
    assert gzip.decompress(written).decode() == "first\nno object for 2013-01-05\n"
    for name in ("stdout", "stderr", "controller"):
        assert "2013-01-05" not in log(gateway, cluster, quit_["Id"], name)
    failed = f"Application {application} finished with failed status"
    details = quit_["Status"]["FailureDetails"]
    assert details["Message"] == f'Exception in thread "main" org.apache.spark.SparkException: {failed}'
    assert failed in log(gateway, cluster, quit_["Id"], "stderr")
    # What the client itself cannot read is in the step's log in both modes.
    assert f"s3://{CODE}/nowhere.py" in missing["Status"]["FailureDetails"]["Message"]


def test_logs_hold_no_credentials_and_py_files_import(emr: Any, gateway: Gateway, cluster: str) -> None:
    options = ("--py-files", f"s3://{CODE}/package.zip")
    [done] = run(emr, cluster, step("module", "module.py", options=options))
    assert log(gateway, cluster, done["Id"], "stdout").strip() == "hello from the zip *********(redacted)"


def test_cancel_and_wait_cancels_the_steps_behind_a_failed_one(emr: Any, cluster: str) -> None:
    failed, behind = run(emr, cluster, step("a", "fail.py", action="CANCEL_AND_WAIT"), step("b", "count.py"))
    assert [failed["Status"]["State"], behind["Status"]["State"]] == ["FAILED", "CANCELLED"]
    assert "StartDateTime" not in behind["Status"]["Timeline"]


def test_terminate_cluster_ends_it_with_errors(emr: Any) -> None:
    steps = [step("a", "fail.py", action="TERMINATE_CLUSTER"), step("b", "count.py")]
    cluster_id = emr.run_job_flow(**request(Steps=steps))["JobFlowId"]
    wait(lambda: cluster_state(emr, cluster_id), {"TERMINATED_WITH_ERRORS"})
    reason = emr.describe_cluster(ClusterId=cluster_id)["Cluster"]["Status"]["StateChangeReason"]
    assert reason == {"Code": "STEP_FAILURE", "Message": "Shut down as step failed"}
    states = [found["Status"]["State"] for found in emr.list_steps(ClusterId=cluster_id)["Steps"]]
    assert states == ["CANCELLED", "FAILED"]
    with pytest.raises(ClientError, match="may not be modified"):
        emr.add_job_flow_steps(JobFlowId=cluster_id, Steps=[step("c", "count.py")])


def test_a_running_step_and_a_waiting_one_are_cancelled(emr: Any, cluster: str) -> None:
    ids = emr.add_job_flow_steps(
        JobFlowId=cluster, Steps=[step("running", "sleep.py"), step("waiting", "count.py")]
    )["StepIds"]
    wait(lambda: step_state(emr, cluster, ids[0]), {"RUNNING"})
    answers = emr.cancel_steps(ClusterId=cluster, StepIds=[*ids, "s-NONE"])["CancelStepsInfoList"]
    assert [answer["Status"] for answer in answers] == ["SUBMITTED", "SUBMITTED", "FAILED"]
    for step_id in ids:
        wait(partial(step_state, emr, cluster, step_id), {"CANCELLED"}, seconds=30)


def test_a_cluster_that_need_not_stay_ends_after_its_steps(emr: Any) -> None:
    group = {"InstanceRole": "MASTER", "InstanceType": "m5.xlarge", "InstanceCount": 1}
    instances = {"KeepJobFlowAliveWhenNoSteps": False, "InstanceGroups": [group]}
    cluster_id = emr.run_job_flow(**request(Steps=[step("a", "exit.py")], Instances=instances))["JobFlowId"]
    wait(lambda: cluster_state(emr, cluster_id), {"TERMINATED"})
    reason = emr.describe_cluster(ClusterId=cluster_id)["Cluster"]["Status"]["StateChangeReason"]
    assert reason == {"Code": "ALL_STEPS_COMPLETED", "Message": "Steps completed with errors"}


def test_termination_protection_holds_until_it_is_lifted(emr: Any) -> None:
    cluster_id = emr.run_job_flow(**request())["JobFlowId"]
    emr.set_termination_protection(JobFlowIds=[cluster_id], TerminationProtected=True)
    with pytest.raises(ClientError, match="termination protected"):
        emr.terminate_job_flows(JobFlowIds=[cluster_id])
    emr.set_termination_protection(JobFlowIds=[cluster_id], TerminationProtected=False)
    emr.terminate_job_flows(JobFlowIds=[cluster_id])
    wait(lambda: cluster_state(emr, cluster_id), {"TERMINATED"})


def test_bootstrap_actions_run_before_the_cluster_is_ready(emr: Any, gateway: Gateway) -> None:
    s3 = gateway.client("s3")
    s3.put_object(Bucket=CODE, Key="mark.sh", Body=b'set -e\naws s3api put-object --bucket "$1" --key "$2"\n')
    action = {"Path": f"s3://{CODE}/mark.sh", "Args": [DATA, "bootstrapped/"]}
    actions = [{"Name": "mark", "ScriptBootstrapAction": action}]
    cluster_id = emr.run_job_flow(**request(BootstrapActions=actions))["JobFlowId"]
    wait(lambda: cluster_state(emr, cluster_id), {"WAITING"})
    emr.terminate_job_flows(JobFlowIds=[cluster_id])
    assert s3.head_object(Bucket=DATA, Key="bootstrapped/")["ContentLength"] == 0


def test_a_failed_bootstrap_action_ends_the_cluster(emr: Any, gateway: Gateway) -> None:
    gateway.client("s3").put_object(Bucket=CODE, Key="sudo.sh", Body=b"sudo yum -y update\n")
    actions = [{"Name": "update", "ScriptBootstrapAction": {"Path": f"s3://{CODE}/sudo.sh"}}]
    cluster_id = emr.run_job_flow(**request(BootstrapActions=actions))["JobFlowId"]
    wait(lambda: cluster_state(emr, cluster_id), {"TERMINATED_WITH_ERRORS"})
    reason = emr.describe_cluster(ClusterId=cluster_id)["Cluster"]["Status"]["StateChangeReason"]
    assert reason["Code"] == "BOOTSTRAP_FAILURE"
    assert "bootstrap action 1 returned a non-zero return code" in reason["Message"]


def test_a_cluster_in_a_network_that_does_not_exist_ends_with_errors(emr: Any) -> None:
    group = {"InstanceRole": "MASTER", "InstanceType": "m5.xlarge", "InstanceCount": 1}
    instances = {"InstanceGroups": [group], "Ec2SubnetId": "subnet-00000000000000000"}
    cluster_id = emr.run_job_flow(**request(Instances=instances))["JobFlowId"]
    wait(lambda: cluster_state(emr, cluster_id), {"TERMINATED_WITH_ERRORS"})
    reason = emr.describe_cluster(ClusterId=cluster_id)["Cluster"]["Status"]["StateChangeReason"]
    assert reason["Code"] == "VALIDATION_ERROR"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ReleaseLabel": "emr-8.99.0"}, "release label is invalid"),
        ({"ReleaseLabel": "emr-spark-8.0.0"}, "not run here"),
        ({"ServiceRole": None}, "ServiceRole is required"),
        ({"JobFlowRole": None}, "InstanceProfile is required"),
        ({"JobFlowRole": "nobody"}, "Invalid InstanceProfile: nobody"),
        ({"SecurityConfiguration": "nothing"}, "'nothing' does not exist"),
        ({"AutoTerminationPolicy": {"IdleTimeout": 5}}, "IdleTimeout"),
        (
            {"Instances": {"MasterInstanceType": "m5.xlarge", "EmrManagedMasterSecurityGroup": "sg-1"}},
            "EmrManagedSlaveSecurityGroup",
        ),
        (
            {"StepConcurrencyLevel": 2, "Steps": [step("a", "count.py", action="CANCEL_AND_WAIT")]},
            "ActionOnFailure",
        ),
    ],
)
def test_a_wrong_request_is_refused(emr: Any, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ClientError, match=message):
        emr.run_job_flow(**request(**changes))


def test_a_step_that_would_halt_others_is_refused_where_several_run_at_a_time(emr: Any) -> None:
    cluster_id = emr.run_job_flow(**request(StepConcurrencyLevel=2))["JobFlowId"]
    with pytest.raises(ClientError, match="ActionOnFailure") as refused:
        emr.add_job_flow_steps(JobFlowId=cluster_id, Steps=[step("a", "count.py", action="CANCEL_AND_WAIT")])
    assert refused.value.response["Error"]["Code"] == "ValidationException"
    assert emr.list_steps(ClusterId=cluster_id)["Steps"] == []
    emr.terminate_job_flows(JobFlowIds=[cluster_id])


def test_the_policy_of_idle_clusters_can_be_changed(emr: Any) -> None:
    cluster_id = emr.run_job_flow(**request(AutoTerminationPolicy={"IdleTimeout": 60}))["JobFlowId"]
    wait(lambda: cluster_state(emr, cluster_id), {"WAITING"})
    assert emr.get_auto_termination_policy(ClusterId=cluster_id)["AutoTerminationPolicy"] == {
        "IdleTimeout": 60
    }
    emr.remove_auto_termination_policy(ClusterId=cluster_id)
    assert "AutoTerminationPolicy" not in emr.get_auto_termination_policy(ClusterId=cluster_id)
    emr.terminate_job_flows(JobFlowIds=[cluster_id])


def test_security_configurations_are_kept(emr: Any) -> None:
    text = json.dumps({"EncryptionConfiguration": {"EnableInTransitEncryption": False}})
    emr.create_security_configuration(Name="kept", SecurityConfiguration=text)
    assert emr.describe_security_configuration(Name="kept")["SecurityConfiguration"] == text
    emr.delete_security_configuration(Name="kept")
    with pytest.raises(ClientError, match="does not exist"):
        emr.describe_security_configuration(Name="kept")
