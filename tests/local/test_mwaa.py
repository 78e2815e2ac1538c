"""MWAA: its refusals, and a real Airflow that runs what was deployed as the environment's role."""

from __future__ import annotations

import io
import json
import time
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import pytest
from botocore.exceptions import ClientError

from local import processes
from local.engines import airflow_files
from local.layout import BUCKET_LOCATION, REGION
from local.services import mwaa_access

pytestmark = pytest.mark.gateway

NAME = "test-airflow"
COMPONENTS = ("api-server", "scheduler", "dag-processor", "triggerer")
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": ["airflow.amazonaws.com", "airflow-env.amazonaws.com"]},
            "Action": "sts:AssumeRole",
        }
    ],
}
OPTIONS = {
    "core.dags_are_paused_at_creation": "False",
    "secrets.backend": "airflow.providers.amazon.aws.secrets.secrets_manager.SecretsManagerBackend",
    "secrets.backend_kwargs": json.dumps({"variables_prefix": "test/variables", "sep": "/"}),
    "test.greeting": "hello",
}
DAG_FILE = """
import datetime
from airflow.configuration import conf
from airflow.sdk import Variable, dag, task

@dag(dag_id="{dag_id}", schedule=None, start_date=datetime.datetime(2013, 1, 1))
def probe():
    @task
    def identity():
        import boto3
        return boto3.client("sts").get_caller_identity()["Arn"]

    @task
    def settings():
        return [Variable.get("answer", deserialize_json=True), conf.get("test", "greeting")]

    identity() >> settings()

probe()
"""


class Platform:
    """What an environment needs: a role, a bucket with DAGs, two subnets and a security group."""

    def __init__(self, gateway: Any) -> None:
        self.gateway = gateway
        iam, self.s3, ec2 = (gateway.client(name) for name in ("iam", "s3", "ec2"))
        role = iam.create_role(RoleName="mwaa-airflow", AssumeRolePolicyDocument=json.dumps(TRUST))
        self.role = role["Role"]["Arn"]
        self.bucket("mwaa-source")
        self.vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        self.subnets = [self.subnet(zone, number) for number, zone in enumerate("ab")]
        group = ec2.create_security_group(GroupName="airflow", Description="airflow", VpcId=self.vpc)
        self.group = group["GroupId"]

    def subnet(self, zone: str, number: int) -> str:
        made = self.gateway.client("ec2").create_subnet(
            VpcId=self.vpc, CidrBlock=f"10.0.{number}.0/24", AvailabilityZone=f"{REGION}{zone}"
        )
        return made["Subnet"]["SubnetId"]

    def bucket(self, name: str, *, versioned: bool = True, private: bool = True) -> str:
        self.s3.create_bucket(Bucket=name, CreateBucketConfiguration=BUCKET_LOCATION)
        if versioned:
            self.s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        flags = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
        self.s3.put_public_access_block(
            Bucket=name, PublicAccessBlockConfiguration=dict.fromkeys(flags, private)
        )
        return f"arn:aws:s3:::{name}"

    def deploy(self, key: str, body: str) -> str:
        """Put an object into the source bucket; return its version."""
        return self.s3.put_object(Bucket="mwaa-source", Key=key, Body=body.encode())["VersionId"]

    def request(self, **changes: Any) -> dict[str, Any]:
        return {
            "Name": NAME,
            "ExecutionRoleArn": self.role,
            "SourceBucketArn": "arn:aws:s3:::mwaa-source",
            "DagS3Path": "dags",
            "AirflowVersion": "3.0.6",
            "EnvironmentClass": "mw1.micro",
            "MaxWorkers": 1,
            "WebserverAccessMode": "PUBLIC_ONLY",
            "NetworkConfiguration": {"SubnetIds": self.subnets, "SecurityGroupIds": [self.group]},
            **changes,
        }


@pytest.fixture(scope="module")
def platform(gateway: Any) -> Platform:
    return Platform(gateway)


@pytest.fixture(scope="module")
def mwaa(platform: Platform) -> Any:
    return platform.gateway.client("mwaa")


@pytest.fixture(scope="module")
def environment(platform: Platform, mwaa: Any) -> Iterator[dict[str, Any]]:
    platform.deploy("dags/probe.py", DAG_FILE.format(dag_id="probe"))
    # MWAA's constraints have another Flask; it says so in the logs, and starts.
    requirements = platform.deploy(
        "requirements.txt",
        '--constraint "/usr/local/airflow/dags/constraints.txt"\napache-airflow-providers-http==5.3.4\n',
    )
    platform.deploy("dags/constraints.txt", "flask==3.1.2\n")
    platform.gateway.client("secretsmanager").create_secret(Name="test/variables/answer", SecretString="42")
    mwaa.create_environment(
        **platform.request(
            AirflowConfigurationOptions=OPTIONS,
            RequirementsS3Path="requirements.txt",
            RequirementsS3ObjectVersion=requirements,
            LoggingConfiguration={"WorkerLogs": {"Enabled": True, "LogLevel": "INFO"}},
            Tags={"project": "refstack"},
        )
    )
    yield settled(mwaa, NAME)
    mwaa.delete_environment(Name=NAME)
    wait_until(lambda: NAME not in mwaa.list_environments()["Environments"], 60)
    assert [name for name in processes.names() if name.startswith("airflow-")] == []


def settled(mwaa: Any, name: str) -> dict[str, Any]:
    """The environment once it is neither being created nor updated."""

    def found() -> dict[str, Any] | None:
        environment = mwaa.get_environment(Name=name)["Environment"]
        return None if environment["Status"] in ("CREATING", "UPDATING") else environment

    environment: dict[str, Any] = wait_until(found, 180)
    return environment


def wait_until(found: Callable[[], Any], seconds: float) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = found()
        if value:
            return value
        time.sleep(0.2)
    raise TimeoutError(f"not within {seconds} s")


def airflow(mwaa: Any, method: str, path: str, body: Any = None, **query: Any) -> Any:
    request = {"Name": NAME, "Method": method, "Path": path}
    if body is not None:
        request["Body"] = body
    if query:
        request["QueryParameters"] = query
    return mwaa.invoke_rest_api(**request)["RestApiResponse"]


def finished_run(mwaa: Any, dag_id: str, run_id: str) -> dict[str, Any]:
    def found() -> dict[str, Any] | None:
        run = airflow(mwaa, "GET", f"/dags/{dag_id}/dagRuns/{run_id}")
        return run if run["state"] in ("success", "failed") else None

    run: dict[str, Any] = wait_until(found, 90)
    return run


def returned(mwaa: Any, dag_id: str, run_id: str, task_id: str) -> Any:
    path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries/return_value?stringify=false"
    # InvokeRestApi takes paths of 64 characters at most.
    token = mwaa.create_web_login_token(Name=NAME)
    request = urllib.request.Request(
        f"http://{token['WebServerHostname']}/api/v2{path}",
        headers={"Authorization": f"Bearer {token['WebToken']}"},
    )
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)["value"]


class TestRefusals:
    """What MWAA refuses, each with a ValidationException that says what to change."""

    @pytest.mark.parametrize(
        ("changes", "sentence"),
        [
            ({"AirflowVersion": "1.10.12"}, "must be one of 2.7.2, .*3.0.6"),
            ({"EnvironmentClass": "mw1.nano"}, "must be one of mw1.micro"),
            ({"MaxWorkers": 2}, "MaxWorkers must be 1 in an environment of class mw1.micro"),
            ({"EnvironmentClass": "mw1.small", "Schedulers": 1}, "Schedulers must be between 2 and 5"),
            ({"RequirementsS3Path": "r.txt"}, "needs RequirementsS3ObjectVersion"),
            ({"PluginsS3Path": "p.zip", "PluginsS3ObjectVersion": "no"}, "p.zip has no version no"),
            ({"ExecutionRoleArn": "arn:aws:iam::000000000000:role/nobody"}, "role/nobody does not exist"),
            ({"SourceBucketArn": "arn:aws:s3:::not-there"}, "not-there does not exist"),
            ({"StartupScriptS3Path": "s.sh", "StartupScriptS3ObjectVersion": "1"}, "s.sh has no version 1"),
        ],
    )
    def test_a_parameter(self, platform: Platform, mwaa: Any, changes: dict[str, Any], sentence: str) -> None:
        with pytest.raises(ClientError, match=sentence) as refused:
            mwaa.create_environment(**platform.request(**changes))
        assert refused.value.response["Error"]["Code"] == "ValidationException"
        assert mwaa.list_environments()["Environments"] in ([], [NAME])

    def test_a_bucket_without_versions(self, platform: Platform, mwaa: Any) -> None:
        arn = platform.bucket("mwaa-unversioned", versioned=False)
        with pytest.raises(ClientError, match="must have versioning enabled"):
            mwaa.create_environment(**platform.request(SourceBucketArn=arn))

    def test_a_bucket_that_may_be_public(self, platform: Platform, mwaa: Any) -> None:
        arn = platform.bucket("mwaa-public", private=False)
        with pytest.raises(ClientError, match="must block all public access"):
            mwaa.create_environment(**platform.request(SourceBucketArn=arn))

    def test_subnets_in_one_zone(self, platform: Platform, mwaa: Any) -> None:
        subnets = [platform.subnets[0], platform.subnet("a", 7)]
        network = {"SubnetIds": subnets, "SecurityGroupIds": [platform.group]}
        with pytest.raises(ClientError, match="two availability zones"):
            mwaa.create_environment(**platform.request(NetworkConfiguration=network))

    def test_one_subnet(self, platform: Platform, mwaa: Any) -> None:
        network = {"SubnetIds": platform.subnets[:1], "SecurityGroupIds": [platform.group]}
        with pytest.raises(Exception, match="SubnetIds"):
            mwaa.create_environment(**platform.request(NetworkConfiguration=network))

    def test_a_role_that_mwaa_cannot_assume(self, platform: Platform, mwaa: Any) -> None:
        trust = json.dumps(TRUST).replace("airflow-env.amazonaws.com", "ec2.amazonaws.com")
        role = platform.gateway.client("iam").create_role(
            RoleName="mwaa-untrusting", AssumeRolePolicyDocument=trust
        )
        with pytest.raises(ClientError, match="must trust"):
            mwaa.create_environment(**platform.request(ExecutionRoleArn=role["Role"]["Arn"]))

    def test_an_environment_that_is_not_there(self, mwaa: Any) -> None:
        with pytest.raises(ClientError) as refused:
            mwaa.get_environment(Name="nowhere")
        assert refused.value.response["Error"]["Code"] == "ResourceNotFoundException"

    def test_an_airflow_that_is_not_run_here_fails_the_environment(
        self, platform: Platform, mwaa: Any
    ) -> None:
        mwaa.create_environment(**platform.request(Name="broken", AirflowVersion="3.3.1"))
        broken = settled(mwaa, "broken")
        assert broken["Status"] == "CREATE_FAILED"
        assert "Airflow 3.3.1 is not run here" in broken["LastUpdate"]["Error"]["ErrorMessage"]
        mwaa.delete_environment(Name="broken")
        wait_until(lambda: "broken" not in mwaa.list_environments()["Environments"], 30)


class TestPrivateWebServer:
    """Who reaches the REST API of a private web server."""

    ENVIRONMENT: ClassVar = {"Name": "private", "WebserverAccessMode": "PRIVATE_ONLY"}

    @staticmethod
    def function(platform: Platform, name: str, **changes: Any) -> str:
        """Make a function; its session's ARN."""
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as bundle:
            bundle.writestr("handler.py", "")
        platform.gateway.client("lambda").create_function(
            FunctionName=name,
            Runtime="python3.13",
            Handler="handler.handler",
            Role=platform.role,
            Code={"ZipFile": archive.getvalue()},
            **changes,
        )
        return f"arn:aws:sts::000000000000:assumed-role/mwaa-airflow/{name}"

    def test_a_public_one_answers_everybody(self) -> None:
        public = {**self.ENVIRONMENT, "WebserverAccessMode": "PUBLIC_ONLY"}
        assert mwaa_access.refusal(public, "arn:aws:iam::000000000000:root") is None

    def test_callers_in_its_vpc_need_the_endpoint_and_others_are_refused(self, platform: Platform) -> None:
        network = {"SubnetIds": platform.subnets, "SecurityGroupIds": [platform.group]}
        outside = self.function(platform, "outside")
        inside = self.function(platform, "inside", VpcConfig=network)
        person = "arn:aws:iam::000000000000:user/engineer"

        for caller in (person, outside):
            assert "from outside of a VPC" in str(mwaa_access.refusal(self.ENVIRONMENT, caller))
        assert "has no interface endpoint airflow.env" in str(mwaa_access.refusal(self.ENVIRONMENT, inside))
        platform.gateway.client("ec2").create_vpc_endpoint(
            VpcEndpointType="Interface",
            VpcId=platform.vpc,
            ServiceName=f"com.amazonaws.{REGION}.airflow.env",
            SubnetIds=platform.subnets,
        )
        assert mwaa_access.refusal(self.ENVIRONMENT, inside) is None
        assert mwaa_access.refusal(self.ENVIRONMENT, outside) is not None


class TestEnvironment:
    """One environment, used by each test in turn."""

    def test_it_is_described_as_it_was_asked_for(
        self, environment: dict[str, Any], platform: Platform
    ) -> None:
        assert environment["Status"] == "AVAILABLE"
        assert environment["Arn"] == f"arn:aws:airflow:{REGION}:000000000000:environment/{NAME}"
        for name, value in platform.request().items():
            assert environment[name] == value, name
        assert environment["AirflowConfigurationOptions"] == OPTIONS
        assert environment["Tags"] == {"project": "refstack"}
        group = environment["LoggingConfiguration"]["TaskLogs"]["CloudWatchLogGroupArn"]
        assert group.endswith(f":log-group:airflow-{NAME}-Task")

    def test_requirements_that_mwaa_cannot_install_are_only_logged(
        self, environment: dict[str, Any], platform: Platform
    ) -> None:
        logs, group = platform.gateway.client("logs"), f"airflow-{NAME}-Worker"
        [stream] = logs.describe_log_streams(logGroupName=group)["logStreams"]
        events = logs.get_log_events(logGroupName=group, logStreamName=stream["logStreamName"])["events"]
        lines = [event["message"] for event in events]

        assert environment["Status"] == "AVAILABLE"
        assert stream["logStreamName"].startswith("requirements_install_")
        assert any("flask" in line.lower() for line in lines)
        assert lines[-1].startswith("[ERROR] - ERROR: pip installation exited with a non-zero error code.")

    def test_tasks_call_as_the_execution_role_with_the_deployment_s_settings(
        self, environment: dict[str, Any], mwaa: Any
    ) -> None:
        airflow(mwaa, "POST", "/dags/probe/dagRuns", {"dag_run_id": "one", "logical_date": None})

        assert finished_run(mwaa, "probe", "one")["state"] == "success"
        caller = returned(mwaa, "probe", "one", "identity")
        assert caller == f"arn:aws:sts::000000000000:assumed-role/mwaa-airflow/AmazonMWAA-{NAME}"
        assert returned(mwaa, "probe", "one", "settings") == [42, "hello"]

    def test_a_refusal_of_airflow_keeps_its_status(self, environment: dict[str, Any], mwaa: Any) -> None:
        body = {"dag_run_id": "twice", "logical_date": None}
        airflow(mwaa, "POST", "/dags/probe/dagRuns", body)

        with pytest.raises(ClientError) as refused:
            airflow(mwaa, "POST", "/dags/probe/dagRuns", body)

        assert refused.value.response["Error"]["Code"] == "RestApiClientException"
        assert refused.value.response["RestApiStatusCode"] == 409

    def test_query_parameters_reach_airflow(self, environment: dict[str, Any], mwaa: Any) -> None:
        assert airflow(mwaa, "GET", "/dags", tags=["nobody-has-this"])["total_entries"] == 0
        assert airflow(mwaa, "GET", "/dags", limit=1)["total_entries"] == 1

    def test_a_cli_token_is_a_token_of_this_airflow(self, environment: dict[str, Any], mwaa: Any) -> None:
        token = mwaa.create_cli_token(Name=NAME)
        assert token["WebServerHostname"] == environment["WebserverUrl"]
        request = urllib.request.Request(
            f"http://{token['WebServerHostname']}/api/v2/dags",
            headers={"Authorization": f"Bearer {token['CliToken']}"},
        )
        with urllib.request.urlopen(request) as answer:
            assert answer.status == 200

    def test_a_dag_that_is_deployed_later_shows_up(
        self, environment: dict[str, Any], platform: Platform, mwaa: Any
    ) -> None:
        platform.deploy("dags/late/later.py", DAG_FILE.format(dag_id="later"))

        def known() -> bool:
            dags = airflow(mwaa, "GET", "/dags")["dags"]
            return "later" in {dag["dag_id"] for dag in dags}

        assert wait_until(known, 60)

    def test_tags_are_added_and_removed(self, environment: dict[str, Any], mwaa: Any) -> None:
        mwaa.tag_resource(ResourceArn=environment["Arn"], Tags={"owner": "data"})
        mwaa.untag_resource(ResourceArn=environment["Arn"], tagKeys=["project"])
        assert mwaa.list_tags_for_resource(ResourceArn=environment["Arn"])["Tags"] == {"owner": "data"}

    def test_an_update_reaches_the_tasks_and_keeps_the_runs(
        self, environment: dict[str, Any], mwaa: Any
    ) -> None:
        before = airflow(mwaa, "GET", "/dags/probe/dagRuns")["total_entries"]

        mwaa.update_environment(Name=NAME, AirflowConfigurationOptions={**OPTIONS, "test.greeting": "again"})
        updated = settled(mwaa, NAME)

        assert updated["Status"] == "AVAILABLE"
        assert updated["LastUpdate"]["Status"] == "SUCCESS"
        assert airflow(mwaa, "GET", "/dags/probe/dagRuns")["total_entries"] == before
        airflow(mwaa, "POST", "/dags/probe/dagRuns", {"dag_run_id": "updated", "logical_date": None})
        assert finished_run(mwaa, "probe", "updated")["state"] == "success"
        assert returned(mwaa, "probe", "updated", "settings") == [42, "again"]


class Bucket:
    """The three calls that a sync makes of S3."""

    def __init__(self) -> None:
        self.objects: dict[str, str] = {}
        self.fetched: list[str] = []

    def get_paginator(self, _: str) -> Bucket:
        return self

    def paginate(self, *, Bucket: str, Prefix: str) -> list[dict[str, Any]]:  # noqa: N803
        keys = [key for key in self.objects if key.startswith(Prefix)]
        return [{"Contents": [{"Key": key, "ETag": str(hash(self.objects[key]))} for key in keys]}]

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
        self.fetched.append(Key)
        return {"Body": io.BytesIO(self.objects[Key].encode())}


class TestSync:
    """The DAG folder follows the bucket."""

    def test_new_changed_and_deleted_objects_are_taken_over(self, tmp_path: Any) -> None:
        bucket, folder = Bucket(), tmp_path / "dags"
        bucket.objects = {"dags/a.py": "1", "dags/sql/b.sql": "2", "other/c.py": "3"}
        assert airflow_files.sync_dags(bucket, "source", "dags", folder) == ["a.py", "sql/b.sql"]

        bucket.objects = {"dags/a.py": "1 changed"}
        assert airflow_files.sync_dags(bucket, "source", "dags/", folder) == ["a.py", "sql/b.sql"]

        found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
        assert found == {"a.py"}
        assert (folder / "a.py").read_text() == "1 changed"

    def test_what_has_not_changed_is_not_fetched_again(self, tmp_path: Any) -> None:
        bucket = Bucket()
        bucket.objects = {"dags/a.py": "1"}
        airflow_files.sync_dags(bucket, "source", "dags", tmp_path / "dags")
        assert airflow_files.sync_dags(bucket, "source", "dags", tmp_path / "dags") == []
        assert bucket.fetched == ["dags/a.py"]

    def test_a_key_that_leaves_the_folder_is_refused(self, tmp_path: Any) -> None:
        bucket = Bucket()
        bucket.objects = {"dags/../../evil.py": "1"}
        with pytest.raises(airflow_files.AirflowFilesError, match="outside its folder"):
            airflow_files.sync_dags(bucket, "source", "dags", tmp_path / "dags")
