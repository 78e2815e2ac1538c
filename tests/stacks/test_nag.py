"""cdk-nag: no finding in any environment, and few, narrow, needed acknowledgements."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns

from stacks import nag
from stacks.platform import new_app
from tests.stacks.assembly import synthesise

MOST = {"dev": 108, "stage": 106, "prod": 104, "localstack": 4}
"""Acknowledgements an environment may have: lower a number when it falls; only a new stack raises one, a
right that AWS documents with every resource (in prod `trigger_batch` makes interfaces in the VPC), or a
prefix under which a job names its objects.
"""


@pytest.mark.parametrize("environment", sorted(MOST))
def test_no_finding_and_no_more_acknowledgements(environment: str) -> None:
    assembly = synthesise(environment).path
    (report,) = json.loads((assembly / nag.REPORT).read_text())["pluginReports"]

    assert report["violations"] == []
    assert len(nag.acknowledgements(assembly)) == MOST[environment]
    assert nag.unused(assembly) == []


@pytest.mark.parametrize("environment", sorted(MOST))
def test_each_acknowledgement_names_one_resource_and_gives_a_reason(environment: str) -> None:
    assembly = synthesise(environment)
    resources = {
        path.lstrip("/")
        for file in assembly.path.glob("*.metadata.json")
        for path, entries in json.loads(file.read_text()).items()
        if any(entry["type"] == "aws:cdk:logicalId" for entry in entries)
    }
    acknowledged = nag.acknowledgements(assembly.path)

    assert {each.path for each in acknowledged} <= resources
    assert not [each for each in acknowledged if len(each.reason.split()) < 5]


def test_a_finding_fails_the_synth(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    app = new_app(str(tmp_path))
    s3.Bucket(Stack(app, "Some"), "Bucket")

    assert nag.synthesise(app) == 1

    assert "cdk-nag found what is listed above" in capfd.readouterr().err
    (report,) = json.loads((tmp_path / nag.REPORT).read_text())["pluginReports"]
    assert {each["ruleName"] for each in report["violations"]} == {"AwsSolutions-S1", "AwsSolutions-S10"}


def test_an_acknowledgement_that_nothing_needs_fails_the_synth(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    app = new_app(str(tmp_path))
    topic = sns.Topic(Stack(app, "Some"), "Topic", enforce_ssl=True)
    nag.acknowledge(topic, "SNS3", reason="Nothing asks for this one.")

    assert nag.synthesise(app) == 1

    assert (
        "Some/Topic/Resource: the acknowledgement of AwsSolutions-SNS3 is not needed"
        in capfd.readouterr().err
    )


def test_an_acknowledged_finding_is_counted(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    app = new_app(str(tmp_path))
    topic = sns.Topic(Stack(app, "Some"), "Topic")
    nag.acknowledge(topic, "SNS3", reason="The test wants one finding.")

    assert nag.synthesise(app) == 0

    assert nag.acknowledgements(tmp_path) == [
        nag.Acknowledgement("Some/Topic/Resource", "AwsSolutions-SNS3", "The test wants one finding.")
    ]
    assert "cdk-nag: no findings, 1 acknowledgements" in capfd.readouterr().err


def test_an_acknowledgement_needs_a_resource(tmp_path: Path) -> None:
    stack = Stack(new_app(str(tmp_path)), "Some")

    with pytest.raises(ValueError, match="Some is not one resource"):
        nag.acknowledge(stack, "SNS3", reason="A whole stack is too much.")


def test_wildcards_on_another_stacks_resource_are_acknowledged_one_by_one(tmp_path: Path) -> None:
    app = new_app(str(tmp_path))
    topic = sns.Topic(Stack(app, "Producer"), "Topic", enforce_ssl=True)
    role = iam.Role(Stack(app, "User"), "Role", assumed_by=iam.AccountRootPrincipal())
    role.add_to_policy(iam.PolicyStatement(actions=["sns:Get*"], resources=[f"{topic.topic_arn}/*", "*"]))
    nag.acknowledge_wildcard(
        role, f"{topic.topic_arn}/*", "sns:Get*", "*", reason="The test wants three findings."
    )

    assert nag.synthesise(app) == 0
    assert len(nag.acknowledgements(tmp_path)) == 3


def test_a_wildcard_that_is_not_named_stays_a_finding(tmp_path: Path) -> None:
    app = new_app(str(tmp_path))
    role = iam.Role(Stack(app, "User"), "Role", assumed_by=iam.AccountRootPrincipal())
    role.add_to_policy(iam.PolicyStatement(actions=["sns:Get*"], resources=["*"]))
    nag.acknowledge_wildcard(role, "sns:Get*", reason="The test wants one of two findings.")

    assert nag.synthesise(app) == 1
