"""The same environment in two regions of one account: no name that the account has once is taken twice."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.stacks.assembly import synthesise
from tests.stacks.permissions import flat

GLOBAL_NAMES = {
    "AWS::IAM::Group": "GroupName",
    "AWS::IAM::InstanceProfile": "InstanceProfileName",
    "AWS::IAM::ManagedPolicy": "ManagedPolicyName",
    "AWS::IAM::Role": "RoleName",
    "AWS::IAM::User": "UserName",
    "AWS::S3::Bucket": "BucketName",
}
"""Types whose names an account, or for buckets the world, has once for all regions.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
"""
LONGEST_ROLE_NAME = 64
LONGEST_REGION = "ap-southeast-1"


def in_region(value: Any, region: str) -> str:
    return flat(value).replace("<AWS::Region>", region)


def names(region: str, **overrides: str) -> set[str]:
    """The names that dev takes for itself in a region."""
    assembly = synthesise(**overrides)
    return {
        in_region(resource["Properties"][name], region)
        for kind, name in GLOBAL_NAMES.items()
        for resource in assembly.resources(kind).values()
        if name in resource["Properties"]
    }


@pytest.mark.parametrize("first", ["false", "true"])
def test_no_global_name_is_shared(first: str) -> None:
    here = names("us-east-1", environment__regional_names=first)
    there = names("eu-central-1", environment__regional_names="true")

    assert len(here) == len(there) >= 6
    assert here & there == set()


def test_the_first_region_keeps_its_names() -> None:
    assert "refstack-dev-airflow" in names("us-east-1")


@pytest.mark.parametrize("environment", ["dev", "stage", "prod"])
def test_the_longest_region_fits(environment: str) -> None:
    found = names(LONGEST_REGION, environment__regional_names="true")

    assert max(len(name.replace("-dev-", f"-{environment}-")) for name in found) <= LONGEST_ROLE_NAME


def test_who_refers_to_a_role_by_name_refers_to_the_region_s() -> None:
    """Users of Redshift, a role that is passed, Glue's log groups: none of them has a reference to follow."""
    assembly = synthesise(environment__regional_names="true")
    [granted] = [
        variables["GRANTS"]
        for each in assembly.resources("AWS::Lambda::Function", stack="Ingestion").values()
        if "GRANTS" in (variables := each["Properties"]["Environment"]["Variables"])
    ]
    groups = [
        in_region(each["Properties"].get("LogGroupName", ""), "us-east-1")
        for each in assembly.resources("AWS::Logs::LogGroup", stack="Catalog").values()
    ]
    # A role of Airflow itself is called by its environment: role/refstack-dev-airflow/Op.
    named = re.findall(
        r"role/refstack-dev-[a-z-]+(?![a-z/-])", json.dumps(assembly.template("Orchestration"))
    )

    assert set(json.loads(in_region(granted, "us-east-1"))) == {
        "refstack-dev-airflow-us-east-1",
        "refstack-dev-dbt-us-east-1",
    }
    assert [group.split("/")[5] for group in groups if "-role/" in group] == [
        "refstack-dev-curate-flights-us-east-1"
    ] * 2
    assert set(named) == {"role/refstack-dev-stream-"}
