"""Containers: images by content, tasks that can do little, builds that start by themselves."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from stacks.configuration import SettingsError
from stacks.constructs.bundle import IMAGES
from tests.stacks.assembly import synthesise
from tests.stacks.permissions import flat, permissions

NAMES = ("dbt", "etl", "event_producer")


def construct_id(name: str) -> str:
    return name.title().replace("_", "")


def definition(name: str, environment: str = "dev") -> dict[str, Any]:
    found = synthesise(environment).resources("AWS::ECS::TaskDefinition", stack="Containers").values()
    [wanted] = [
        each["Properties"]
        for each in found
        if each["Properties"]["Family"] == f"refstack-{environment}-{name}"
    ]
    return dict(wanted)


def project(name: str) -> dict[str, Any]:
    found = synthesise().resources("AWS::CodeBuild::Project", stack="Containers").values()
    [wanted] = [
        each["Properties"] for each in found if each["Properties"]["Name"] == f"refstack-dev-{name}-image"
    ]
    return dict(wanted)


def rules(source: str) -> list[dict[str, Any]]:
    found = synthesise().resources("AWS::Events::Rule", stack="Containers").values()
    return [each["Properties"] for each in found if each["Properties"]["EventPattern"]["source"] == [source]]


def builds() -> list[dict[str, Any]]:
    """The rules that start builds, in the order in which they do."""
    later = [rule for rule in rules("aws.codebuild") if "ImageProject" in flat(rule["Targets"][0]["Arn"])]
    return [*rules("aws.cloudformation"), *later]


def construct_of(reference: Any) -> str:
    """The image of a reference to its CodeBuild project."""
    return re.sub(r"^<(\w+)ImageProject.*", r"\1", flat(reference))


@pytest.mark.parametrize("name", NAMES)
def test_a_task_runs_the_image_whose_tag_is_the_hash_of_its_context(name: str) -> None:
    [container] = definition(name)["ContainerDefinitions"]
    built = project(name)
    asset = flat(built["Source"]["Location"]).rpartition("/")[2].removesuffix(".zip")

    assert len(asset) == 64
    assert {"Name": "TAG", "Type": "PLAINTEXT", "Value": asset} in built["Environment"][
        "EnvironmentVariables"
    ]
    assert json.dumps(container["Image"]).endswith(f':{asset}"]]}}')
    assert (synthesise().path / f"asset.{asset}.zip").is_file()


@pytest.mark.parametrize("name", NAMES)
def test_a_container_cannot_write_but_to_tmp_and_is_checked_as_its_image_says(name: str) -> None:
    [container] = definition(name)["ContainerDefinitions"]
    dockerfile = (IMAGES / name / "Dockerfile").read_text()

    assert container["ReadonlyRootFilesystem"] is True
    assert [each["ContainerPath"] for each in container["MountPoints"]] == ["/tmp"]
    assert json.dumps(container["HealthCheck"]["Command"][1:]) in dockerfile
    assert "\nUSER 10001:10001\n" in dockerfile


def test_sizes_are_those_that_fargate_offers() -> None:
    assert (definition("etl")["Cpu"], definition("etl")["Memory"]) == ("512", "2048")
    assert (definition("etl", "prod")["Cpu"], definition("etl", "prod")["Memory"]) == ("1024", "4096")
    with pytest.raises(SettingsError, match="etl_memory_mb must be one of 1024, 2048, 3072, 4096"):
        synthesise(containers__etl_memory_mb="512")


def test_images_are_scanned_immutable_encrypted_and_expire() -> None:
    repositories = synthesise().resources("AWS::ECR::Repository", stack="Containers").values()

    assert {each["Properties"]["RepositoryName"] for each in repositories} == {
        f"refstack-dev-{name}" for name in NAMES
    }
    for each in (repository["Properties"] for repository in repositories):
        [rule] = json.loads(each["LifecyclePolicy"]["LifecyclePolicyText"])["rules"]
        assert each["ImageScanningConfiguration"] == {"ScanOnPush": True}
        assert each["ImageTagMutability"] == "IMMUTABLE"
        assert "DataKey" in flat(each["EncryptionConfiguration"]["KmsKey"])
        assert rule["selection"]["countNumber"] == 10


def test_builds_start_when_this_stack_is_deployed_and_skip_an_image_that_is_there() -> None:
    [rule] = rules("aws.cloudformation")
    detail = rule["EventPattern"]["detail"]
    [command] = json.loads(project("dbt")["Source"]["BuildSpec"])["phases"]["build"]["commands"]

    assert rule["EventPattern"]["detail-type"] == ["CloudFormation Stack Status Change"]
    assert detail["stack-id"] == [{"Ref": "AWS::StackId"}]
    assert detail["status-details"] == {"status": ["CREATE_COMPLETE", "UPDATE_COMPLETE"]}
    assert len(rule["Targets"]) == 1
    assert "describe-images" in command
    assert not synthesise().resources("AWS::Lambda::Function", stack="Containers")


def test_no_two_builds_run_at_a_time_for_a_new_account_may_run_one() -> None:
    [first, *others] = builds()
    started = [construct_of(target["Arn"]) for rule in builds() for target in rule["Targets"]]
    awaited = [rule["EventPattern"]["detail"]["project-name"] for rule in others]

    assert sorted(started) == sorted(construct_id(name) for name in NAMES)
    assert [len(rule["Targets"]) for rule in builds()] == [1] * len(NAMES)
    assert [[construct_of(name) for name in names] for names in awaited] == [[each] for each in started[:-1]]
    assert all("SUCCEEDED" in rule["EventPattern"]["detail"]["build-status"] for rule in others)
    assert all("FAILED" in rule["EventPattern"]["detail"]["build-status"] for rule in others)
    assert first["EventPattern"]["source"] == ["aws.cloudformation"]


def test_a_build_that_fails_or_cannot_be_started_rings_an_alarm() -> None:
    [queue] = synthesise().resources("AWS::SQS::Queue", stack="Containers")
    arn = {"Fn::GetAtt": [queue.split("/")[1], "Arn"]}
    [failed] = [rule for rule in rules("aws.codebuild") if rule["Targets"][0]["Arn"] == arn]

    assert [each["DeadLetterConfig"] for rule in builds() for each in rule["Targets"]] == [
        {"Arn": arn}
    ] * len(NAMES)
    assert failed["EventPattern"]["detail"]["build-status"] == ["FAILED", "FAULT", "STOPPED", "TIMED_OUT"]
    assert len(failed["EventPattern"]["detail"]["project-name"]) == len(NAMES)


def test_a_build_reads_its_context_and_pushes_to_its_repository() -> None:
    allowed = permissions(synthesise(), "Containers", "EtlImageRole")

    [context] = allowed.resources["s3:GetObject"]
    [repository] = allowed.resources["ecr:PutImage"]
    assert context.endswith(".zip")
    assert repository.startswith("<EtlImageRepository")
    assert allowed.of_service("s3") == {"GetBucketLocation", "GetObject", "GetObjectVersion"}


def test_the_etl_reads_flights_airlines_its_source_and_its_password() -> None:
    allowed = permissions(synthesise(), "Containers", "EtlRole")

    assert allowed.actions == {
        *("kms:Decrypt", "s3:GetBucketLocation", "s3:GetObject", "s3:ListBucket"),
        *("secretsmanager:GetSecretValue", "ssm:GetParameter"),
    }
    objects = sorted(each.split("/", 1)[1] for each in allowed.resources["s3:GetObject"])
    [parameter] = allowed.resources["ssm:GetParameter"]
    assert objects == ["airlines/*", "flights/*"]
    assert parameter.endswith(":parameter/refstack/dev/sources/weather")


def test_dbt_logs_in_to_the_workgroup_and_keeps_its_results() -> None:
    assembly = synthesise()
    allowed = permissions(assembly, "Containers", "DbtRole")
    roles = assembly.resources("AWS::IAM::Role", stack="Containers").values()

    assert allowed.of_service("redshift-serverless") == {"GetCredentials", "GetWorkgroup"}
    assert sorted(each.split("/", 1)[1] for each in allowed.resources["s3:PutObject"]) == [
        "dbt/*",
        "quality/*",
    ]
    assert "s3:GetObject" not in allowed.actions
    assert "refstack-dev-dbt" in {each["Properties"].get("RoleName") for each in roles}


@pytest.mark.parametrize("name", NAMES)
def test_ecs_itself_pulls_one_image_and_writes_one_log(name: str) -> None:
    allowed = permissions(synthesise(), "Containers", f"{construct_id(name)}ExecutionRole")

    assert allowed.actions == {
        *("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetAuthorizationToken"),
        *("ecr:GetDownloadUrlForLayer", "logs:CreateLogStream", "logs:PutLogEvents"),
    }
    [repository] = allowed.resources["ecr:BatchGetImage"]
    assert repository.startswith(f"<{construct_id(name)}ImageRepository")


def test_containers_reach_the_databases_and_https_and_nobody_reaches_them() -> None:
    assembly = synthesise()
    group = assembly.only("AWS::EC2::SecurityGroup", stack="Containers")
    opened = assembly.resources("AWS::EC2::SecurityGroupIngress", stack="Containers").values()

    assert "SecurityGroupIngress" not in group
    assert [each["ToPort"] for each in group["SecurityGroupEgress"]] == [443]
    assert len(opened) == 3
    assert all("Group" in flat(each["Properties"]["SourceSecurityGroupId"]) for each in opened)


def test_without_nat_the_endpoints_must_be_there() -> None:
    with pytest.raises(SettingsError, match="the containers stack cannot work with"):
        synthesise(network__nat="none", stacks__spark="false", stacks__orchestration="false")


def test_airflow_runs_these_two_tasks_on_this_cluster_only() -> None:
    allowed = permissions(synthesise(), "Orchestration", "Role")
    [running] = allowed.resources["ecs:StopTask"]
    families = {each.rpartition("/")[2] for each in allowed.resources["ecs:RunTask"]}
    passed = allowed.resources["iam:PassRole"]

    assert families == {"refstack-dev-dbt:*", "refstack-dev-etl:*"}
    assert len([each for each in passed if "OutputFnGetAttDbt" in each or "OutputFnGetAttEtl" in each]) == 4
    assert running.endswith("/*")
    assert set(allowed.condition("ecs:RunTask")) == {"ArnEquals"}
