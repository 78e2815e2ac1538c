"""Spark: a complete RunJobFlow request, roles of two kinds, rules that are revoked with the stack."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any

import botocore.session
from botocore.validate import validate_parameters

from streaming.spark import JAVA_OPTIONS
from tests.stacks.assembly import Assembly, synthesise
from tests.stacks.permissions import flat, known_to_dags, permissions


def request(assembly: Assembly | None = None, name: str = "/refstack/{}/emr/run_job_flow") -> dict[str, Any]:
    """The request in the parameter, references in angle brackets."""
    found = (assembly or synthesise()).resources("AWS::SSM::Parameter", stack="Spark").values()
    properties = [each["Properties"] for each in found]
    [value] = [
        each["Value"] for each in properties if re.fullmatch(name.format(r"\w+"), each["Name"]) is not None
    ]
    parsed: dict[str, Any] = json.loads(flat(value))
    return parsed


def test_the_request_is_one_that_emr_s_api_takes() -> None:
    model = botocore.session.get_session().get_service_model("emr")

    validate_parameters(request(), model.operation_model("RunJobFlow").input_shape)


def test_the_request_fits_into_a_parameter() -> None:
    assert len(json.dumps(request())) < 4096


def test_the_streaming_job_s_request_is_one_that_emr_serverless_takes() -> None:
    asked = request(name="/refstack/{}/stream/start_job_run")
    model = botocore.session.get_session().get_service_model("emr-serverless")
    asked["applicationId"] = "0" * 16
    shape = model.operation_model("StartJobRun").input_shape
    validate_parameters({**asked, "clientToken": "1"}, shape)
    arguments = asked["jobDriver"]["sparkSubmit"]["entryPointArguments"]
    assert dict(zip(arguments[::2], arguments[1::2], strict=True))["--topic"] == "flight-events"


def test_the_streaming_job_s_workers_fill_the_application_and_no_more() -> None:
    application = synthesise().only("AWS::EMRServerless::Application", stack="Spark")
    asked = request(name="/refstack/{}/stream/start_job_run")["jobDriver"]["sparkSubmit"]
    settings = dict(
        setting.split("=", 1) for setting in asked["sparkSubmitParameters"].split() if setting[:6] == "spark."
    )
    workers = 1 + int(settings["spark.executor.instances"])

    assert application["MaximumCapacity"]["Cpu"] == f"{workers} vCPU"
    assert settings["spark.dynamicAllocation.enabled"] == "false"
    assert {settings["spark.driver.cores"], settings["spark.executor.cores"]} == {"1"}


def test_a_run_of_the_streaming_job_that_is_given_up_rings_an_alarm() -> None:
    assembly = synthesise()
    rule = assembly.only("AWS::Events::Rule", stack="Spark")
    [queue] = assembly.resources("AWS::SQS::Queue", stack="Spark")

    assert rule["EventPattern"]["source"] == ["aws.emr-serverless"]
    assert rule["EventPattern"]["detail"]["state"] == ["FAILED"]
    assert [each["Arn"] for each in rule["Targets"]] == [{"Fn::GetAtt": [queue.split("/")[1], "Arn"]}]


def test_the_streaming_job_names_the_packages_that_the_local_runtime_has() -> None:
    from local.jars import SPARK_PACKAGES
    from stacks.constructs.stream_application import PACKAGES

    assert PACKAGES == SPARK_PACKAGES


def test_the_streaming_job_takes_its_libraries_along() -> None:
    submit = request(name="/refstack/{}/stream/start_job_run")["jobDriver"]["sparkSubmit"]
    parameters = submit["sparkSubmitParameters"]
    [archive] = re.findall(r"--archives s3://\S+?/([0-9a-f]{64}\.zip)#libraries ", parameters)

    assert "driverEnv.PYTHONPATH=./libraries" in parameters
    readable = json.dumps(synthesise().resources("AWS::IAM::Policy", stack="Spark"))
    assert archive in readable


def test_drivers_and_executors_sign_in_by_their_region_and_bound_what_avro_reads() -> None:
    application = synthesise().only("AWS::EMRServerless::Application", stack="Spark")
    (defaults,) = application["RuntimeConfiguration"]

    for process in ("driver", "executor"):
        options = flat(defaults["Properties"][f"spark.{process}.extraJavaOptions"])
        assert options == f"{JAVA_OPTIONS} -Daws.region=<AWS::Region>"


def test_without_a_stream_there_is_no_application() -> None:
    assembly = synthesise(stacks__streaming="false")
    assert assembly.resources("AWS::EMRServerless::Application") == {}


def test_the_streaming_job_may_read_and_write_its_topics_only() -> None:
    role = synthesise().resources("AWS::IAM::Policy", stack="Spark")
    statements = [
        statement
        for name, policy in role.items()
        if "StreamRole" in name
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
    ]
    allowed = {
        action: flat(json.dumps(statement["Resource"]))
        for statement in statements
        for action in statement["Action"]
        if action.startswith("kafka-cluster:")
    }
    assert "/flight-events" in allowed["kafka-cluster:ReadData"]
    assert '/flight-events"' not in allowed["kafka-cluster:WriteData"]
    assert not any(action.endswith("*") for action in allowed)


def test_a_cluster_scales_within_the_settings_and_ends_itself() -> None:
    asked = request(synthesise("prod"))

    assert asked["ManagedScalingPolicy"]["ComputeLimits"] == {
        "UnitType": "Instances",
        "MinimumCapacityUnits": 2,
        "MaximumCapacityUnits": 10,
    }
    assert asked["AutoTerminationPolicy"] == {"IdleTimeout": 3600}
    assert asked["Instances"]["TerminationProtected"] is False


def test_nodes_run_spark_on_python_3_11_and_keep_event_logs_in_the_log_bucket() -> None:
    (defaults,) = request()["Configurations"]
    properties = defaults["Properties"]
    (bootstrap,) = request()["BootstrapActions"]
    bucket, folder = bootstrap["ScriptBootstrapAction"]["Args"]

    assert defaults["Classification"] == "spark-defaults"
    assert properties["spark.pyspark.python"] == "/usr/bin/python3.11"
    assert properties["spark.eventLog.enabled"] == "true"
    assert "Logs" in bucket
    # Spark refuses a folder that is not there: what the bootstrap action makes must be what Spark is told.
    assert properties["spark.eventLog.dir"] == f"s3://{bucket}/{folder}"


def test_the_cluster_carries_the_tag_that_emr_s_managed_policy_wants() -> None:
    tags = {each["Key"]: each["Value"] for each in request()["Tags"]}

    assert tags["for-use-with-amazon-emr-managed-policies"] == "true"
    assert (tags["project"], tags["environment"]) == ("refstack", "dev")
    groups = synthesise().resources("AWS::EC2::SecurityGroup", stack="Spark")
    for group in (each for name, each in groups.items() if "SecurityGroups" in name):
        assert {"Key": "for-use-with-amazon-emr-managed-policies", "Value": "true"} in group["Properties"][
            "Tags"
        ]


def test_it_stands_in_a_private_subnet_between_groups_of_its_own() -> None:
    instances = request()["Instances"]
    groups = {
        instances[key]
        for key in (
            "EmrManagedMasterSecurityGroup",
            "EmrManagedSlaveSecurityGroup",
            "ServiceAccessSecurityGroup",
        )
    }

    assert "privateSubnet" in instances["Ec2SubnetId"]
    assert len(groups) == 3


def test_nodes_talk_to_each_other_and_to_emr_and_nobody_else_gets_in() -> None:
    assembly = synthesise()
    rules = assembly.resources("AWS::EC2::SecurityGroupIngress", stack="Spark").values()
    pairs = Counter(
        (_group(rule["Properties"]["SourceSecurityGroupId"]), _group(rule["Properties"]["GroupId"]))
        for rule in rules
        if "StreamGroup" not in flat(rule["Properties"]["SourceSecurityGroupId"])
    )

    assert pairs == {
        ("Primary", "Primary"): 3,
        ("Primary", "Core"): 3,
        ("Core", "Primary"): 3,
        ("Core", "Core"): 3,
        ("Service", "Primary"): 1,
        ("Service", "Core"): 1,
        ("Primary", "Service"): 1,
    }
    # Rules inside a group's own definition would tie the groups together in a circle.
    groups = assembly.resources("AWS::EC2::SecurityGroup", stack="Spark").values()
    assert not any("SecurityGroupIngress" in group["Properties"] for group in groups)


def _group(reference: Any) -> str:
    return flat(reference).removeprefix("<SecurityGroups").split(".")[0].rstrip(">0123456789ABCDEF")


def test_disks_and_objects_are_encrypted_and_nodes_take_imdsv2_only() -> None:
    configuration = synthesise().only("AWS::EMR::SecurityConfiguration", stack="Spark")[
        "SecurityConfiguration"
    ]
    at_rest = configuration["EncryptionConfiguration"]["AtRestEncryptionConfiguration"]

    assert at_rest["S3EncryptionConfiguration"]["EncryptionMode"] == "SSE-KMS"
    assert at_rest["LocalDiskEncryptionConfiguration"]["EnableEbsEncryption"] is True
    assert configuration["InstanceMetadataServiceConfiguration"]["MinimumInstanceMetadataServiceVersion"] == 2


def test_steps_read_what_they_build_from_and_write_the_warehouse_bucket() -> None:
    allowed = permissions(synthesise(), "Spark", "NodeRole")
    read = {each for each in allowed.resources["s3:GetObject"] if "cdk-hnb659fds" not in each}
    written = allowed.resources["s3:PutObject"]

    assert sorted(each.split("/", 1)[1] for each in read if "Raw" in each) == [
        "aircraft*",
        "airlines*",
        "weather*",
    ]
    assert sorted(each.split("/", 1)[1] for each in read if "Curated" in each) == [
        "accounting*",
        "dimensions*",
        "flights*",
    ]
    assert not any("Raw" in each for each in written)
    assert [each.split("/", 1)[1] for each in written if "Curated" in each] == ["dimensions*"]
    assert sorted(each.split("/", 1)[1] for each in written if "Logs" in each) == ["emr/*", "spark-events*"]
    assert sorted(each.split("/", 1)[1] for each in written if "Warehouse" in each) == ["*"]
    assert allowed.of_service("s3") == {
        "AbortMultipartUpload",
        "DeleteObject",
        "GetBucketLocation",
        "GetObject",
        "ListBucket",
        "ListMultipartUploadParts",
        "PutObject",
    }


def test_steps_read_code_and_reference_files_by_their_keys() -> None:
    allowed = permissions(synthesise(), "Spark", "NodeRole")
    assets = {each for each in allowed.resources["s3:GetObject"] if "cdk-hnb659fds" in each}

    # Two scripts, the package, the airports, the bootstrap action.
    assert len(assets) == 5
    assert not any("*" in each for each in assets)


def test_steps_list_the_reference_files_among_the_assets_and_no_other() -> None:
    allowed = permissions(synthesise(), "Spark", "NodeRole")
    listed = [
        key
        for statement in allowed.statements
        if statement["Action"] == "s3:ListBucket" and "cdk-hnb659fds" in str(statement["Resource"])
        for key in statement["Condition"]["StringEquals"]["s3:prefix"]
    ]

    references = {uri.rsplit("/", 1)[1] for uri in _reference_uris()}
    assert {key.rstrip("/") for key in listed} == references


def _reference_uris() -> list[str]:
    return list(known_to_dags(synthesise())["emr"]["reference"].values())


def test_emr_may_pass_the_node_role_to_ec2_and_no_other() -> None:
    allowed = permissions(synthesise(), "Spark", "ServiceRole")

    (passed,) = allowed.resources["iam:PassRole"]
    assert passed.startswith("<NodeRole")
    assert allowed.condition("iam:PassRole") == {"StringLike": {"iam:PassedToService": "ec2.amazonaws.com*"}}
    assert not any("*" in each for where in allowed.resources.values() for each in where)


def test_steps_run_one_after_the_other() -> None:
    # The DAGs' steps have CANCEL_AND_WAIT, which EMR refuses where several steps run at a time:
    # https://docs.aws.amazon.com/emr/latest/APIReference/API_StepConfig.html
    assert request().get("StepConcurrencyLevel", 1) == 1


def test_no_cluster_stands_between_runs() -> None:
    assert synthesise().resources("AWS::EMR::Cluster") == {}
