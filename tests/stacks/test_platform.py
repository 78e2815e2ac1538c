"""What holds for every stack of every environment."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from stacks.requirements import NEEDS, USES
from tests.stacks.assembly import Assembly, synthesise

ENVIRONMENTS = ["dev", "stage", "prod", "localstack"]
ALL = {
    "Security",
    "Network",
    "Lake",
    "Catalog",
    "Database",
    "Warehouse",
    "Streaming",
    "Spark",
    "Containers",
    "Ingestion",
    "Orchestration",
}


@pytest.fixture(scope="module", params=ENVIRONMENTS)
def assembly(request: pytest.FixtureRequest) -> Assembly:
    return synthesise(request.param)


def every_resource(assembly: Assembly) -> dict[str, dict[str, Any]]:
    return {
        f"{stack}/{name}": resource
        for stack in assembly.stacks
        for name, resource in assembly.template(stack)["Resources"].items()
    }


def of_type(assembly: Assembly, *types: str) -> dict[str, dict[str, Any]]:
    return {name: each for name, each in every_resource(assembly).items() if each["Type"] in types}


def test_dev_stage_and_prod_have_every_stack() -> None:
    for environment in ("dev", "stage", "prod"):
        assert set(synthesise(environment).stacks) == ALL


def test_localstack_has_what_its_free_edition_deploys() -> None:
    assembly = synthesise("localstack")
    lacks = (
        "AWS::Glue",
        "AWS::MSK",
        "AWS::MWAA",
        "AWS::RDS",
        "AWS::RedshiftServerless",
        "AWS::EMR",
        "AWS::Athena",
        "AWS::ECR",
        "AWS::ECS",
        "AWS::CodeBuild",
    )
    lacks += ("AWS::EC2::NatGateway", "AWS::EC2::FlowLog", "Custom::")

    assert set(assembly.stacks) >= {"Security", "Network", "Lake"}
    types = {resource["Type"] for resource in every_resource(assembly).values()}
    assert not [each for each in types if each.startswith(lacks)]


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_stacks_are_named_after_project_and_environment(environment: str) -> None:
    for name, artifact in synthesise(environment).stacks.items():
        assert artifact["properties"]["stackName"] == f"refstack-{environment}-{name.lower()}"
        assert artifact["environment"] == "aws://unknown-account/unknown-region"


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_resources_are_tagged_for_the_bill(environment: str) -> None:
    taggable = ("AWS::S3::Bucket", "AWS::KMS::Key", "AWS::EC2::VPC", "AWS::IAM::Role", "AWS::Logs::LogGroup")

    for name, resource in of_type(synthesise(environment), *taggable).items():
        tags = {tag["Key"]: tag["Value"] for tag in resource["Properties"]["Tags"]}
        assert tags["project"] == "refstack"
        assert tags["environment"] == environment
        assert tags["owner"] == "data-platform"
        assert tags["stack"] == name.split("/")[0].lower()


def test_synth_looks_nothing_up(assembly: Assembly) -> None:
    assert "missing" not in assembly.manifest


def test_a_deploy_changes_nothing_because_aws_has_renewed_a_parameter(assembly: Assembly) -> None:
    """A template's parameter that SSM resolves is read at each deploy: the id of a newer image replaces."""
    found = {name for stack in assembly.stacks for name in assembly.template(stack).get("Parameters", {})}

    assert found <= {"BootstrapVersion"}


def test_stacks_build_on_those_before_them_only(assembly: Assembly) -> None:
    for name, artifact in assembly.stacks.items():
        built_on = {each for each in artifact.get("dependencies", ()) if each in ALL}
        lower = name.lower()
        allowed = {each.title() for each in (*NEEDS.get(lower, ()), *USES.get(lower, ()))}
        assert built_on <= allowed, f"{name} builds on {built_on - allowed}"


def test_prod_stacks_are_not_deleted_by_accident() -> None:
    for artifact in synthesise("prod").stacks.values():
        assert artifact["properties"]["terminationProtection"] is True


def test_every_log_group_is_kept_for_the_set_time_under_our_key(assembly: Assembly) -> None:
    groups = of_type(assembly, "AWS::Logs::LogGroup")
    days = {group["Properties"].get("RetentionInDays") for group in groups.values()}

    assert len(days) <= 1
    assert not [name for name, group in groups.items() if "KmsKeyId" not in group["Properties"]]


def test_every_role_is_under_the_boundary(assembly: Assembly) -> None:
    roles = of_type(assembly, "AWS::IAM::Role")

    assert not [
        name
        for name, role in roles.items()
        if "Boundary" not in json.dumps(role["Properties"].get("PermissionsBoundary"))
    ]


def test_no_security_group_is_open_to_the_world(assembly: Assembly) -> None:
    rules = [
        (name, rule)
        for name, group in of_type(assembly, "AWS::EC2::SecurityGroup").items()
        for rule in group["Properties"].get("SecurityGroupIngress", ())
    ]
    rules += [
        (name, rule["Properties"])
        for name, rule in of_type(assembly, "AWS::EC2::SecurityGroupIngress").items()
    ]

    assert not [name for name, rule in rules if rule.get("CidrIp") == "0.0.0.0/0" or "CidrIpv6" in rule]


def test_groups_and_rules_are_described_in_the_letters_that_ec2_takes(assembly: Assembly) -> None:
    groups = [each["Properties"] for each in of_type(assembly, "AWS::EC2::SecurityGroup").values()]
    alone = of_type(assembly, "AWS::EC2::SecurityGroupIngress", "AWS::EC2::SecurityGroupEgress").values()
    rules = [rule for group in groups for rule in group.get("SecurityGroupIngress", ())]
    rules += [rule for group in groups for rule in group.get("SecurityGroupEgress", ())]
    rules += [each["Properties"] for each in alone]
    said = [group["GroupDescription"] for group in groups] + [rule["Description"] for rule in rules]

    assert not [
        text for text in said if not re.fullmatch(r"[a-zA-Z0-9. _\-:/()#,@\[\]+=&;{}!$*]{1,255}", text)
    ]


def test_every_bucket_refuses_plain_http(assembly: Assembly) -> None:
    buckets = of_type(assembly, "AWS::S3::Bucket")
    guarded = {
        f"{name.split('/')[0]}/{policy['Properties']['Bucket']['Ref']}"
        for name, policy in of_type(assembly, "AWS::S3::BucketPolicy").items()
        if '"aws:SecureTransport": "false"' in json.dumps(policy)
    }

    assert set(buckets) <= guarded


def test_every_key_rotates(assembly: Assembly) -> None:
    keys = of_type(assembly, "AWS::KMS::Key").values()

    assert keys
    assert all(key["Properties"]["EnableKeyRotation"] is True for key in keys)


def test_data_stays_without_the_second_key() -> None:
    stateful = (
        "AWS::S3::Bucket",
        "AWS::KMS::Key",
        "AWS::DynamoDB::Table",
        "AWS::RDS::DBInstance",
        "AWS::MSK::Cluster",
    )

    kept = of_type(synthesise("prod"), *stateful)
    gone = of_type(synthesise("dev"), *stateful)

    assert {resource["DeletionPolicy"] for resource in kept.values()} <= {"RetainExceptOnCreate", "Snapshot"}
    assert {resource["DeletionPolicy"] for resource in gone.values()} == {"Delete"}


def test_a_creation_that_rolls_back_leaves_nothing_that_the_next_one_meets(assembly: Assembly) -> None:
    """Plain Retain holds on the rollback of a creation, too (aws-attribute-deletionpolicy.html)."""
    assert not [
        name for name, each in every_resource(assembly).items() if each.get("DeletionPolicy") == "Retain"
    ]


def test_no_lambda_stands_behind_a_resource_but_the_dag_bucket_deployment(assembly: Assembly) -> None:
    types = {r["Type"] for r in every_resource(assembly).values() if r["Type"].startswith("Custom::")}

    assert types <= {"Custom::CDKBucketDeployment"}


def test_a_template_fits_what_cloudformation_takes(assembly: Assembly) -> None:
    for stack in assembly.stacks:
        assert (assembly.path / f"{stack}.template.json").stat().st_size < 1_000_000
        assert len(assembly.template(stack)["Resources"]) < 500


def test_the_same_settings_give_the_same_bytes() -> None:
    first = synthesise("dev")
    second = synthesise("dev", network__flow_logs="true")

    assert first.path != second.path
    for stack in first.stacks:
        name = f"{stack}.template.json"
        assert (first.path / name).read_bytes() == (second.path / name).read_bytes()


def test_services_act_for_this_account_where_they_say_whom_they_act_for(assembly: Assembly) -> None:
    """Those whose documentation promises it: a request without it would be refused."""
    asked = {"airflow", "airflow-env", "codebuild", "elasticmapreduce", "emr-serverless", "vpc-flow-logs"}
    statements = [
        (name, statement)
        for name, role in of_type(assembly, "AWS::IAM::Role").items()
        for statement in role["Properties"]["AssumeRolePolicyDocument"]["Statement"]
        if str(statement["Principal"]["Service"]).removesuffix(".amazonaws.com") in asked
    ]

    assert bool(statements) == (set(assembly.stacks) == ALL)
    assert not [name for name, statement in statements if "aws:SourceAccount" not in str(statement)]


def test_s3_writes_access_logs_for_buckets_of_this_account_only(assembly: Assembly) -> None:
    writers = [
        statement
        for policy in of_type(assembly, "AWS::S3::BucketPolicy").values()
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if statement["Principal"] == {"Service": "logging.s3.amazonaws.com"}
    ]
    prefixes = {
        bucket["Properties"]["LoggingConfiguration"]["LogFilePrefix"]
        for name, bucket in of_type(assembly, "AWS::S3::Bucket").items()
        if "Logs" not in name
    }

    assert [each["Condition"] for each in writers] == [
        {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
    ]
    assert all(prefix.startswith("access/") for prefix in prefixes)


def test_whatever_fails_rings_an_alarm_on_the_alerts_topic(assembly: Assembly) -> None:
    alarms = of_type(assembly, "AWS::CloudWatch::Alarm").values()
    watched = {str(each["Properties"].get("Dimensions")) for each in alarms}
    queues = [name.split("/")[1] for name in of_type(assembly, "AWS::SQS::Queue")]

    assert all("Alerts" in str(each["Properties"]["AlarmActions"]) for each in alarms)
    assert not [queue for queue in queues if not any(queue in each for each in watched)]


@pytest.mark.slow
def test_versions_that_nothing_here_ran_are_synthesised_with_a_warning_in_each_stack() -> None:
    assembly = synthesise(
        catalog__glue_version="6.0",
        spark__release="emr-spark-8.0.0",
        orchestration__airflow_version="3.3.1",
    )

    warned = {
        file.name.partition(".")[0]
        for file in assembly.path.glob("*.metadata.json")
        for entries in json.loads(file.read_text()).values()
        for entry in entries
        if entry["type"] == "aws:cdk:warning" and "was not run here" in str(entry["data"])
    }
    assert warned == {"Catalog", "Spark", "Orchestration"}
    templates = [str(assembly.path / f"{name}.template.json") for name in sorted(warned)]
    command = [Path(sys.executable).with_name("cfn-lint"), "--non-zero-exit-code", "error", "--template"]
    linted = subprocess.run([*command, *templates], capture_output=True, text=True, check=False)
    assert linted.returncode == 0, linted.stdout
