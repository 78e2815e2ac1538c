"""A change in the DAGs or their requirements changes what the template deploys, and nothing else does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Stack
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk.assertions import Template

from stacks.configuration import load
from stacks.constructs.dag_bucket import DagBucket

FILES = {"a.py": "A = 1\n", "constraints.txt": "x==1\n", "requirements.txt": "x\n"}


def deployed(folder: Path, **changes: str) -> tuple[dict[str, str], Any]:
    """Source of each copy by its destination, and the environment's requirements file."""
    source = folder / str(len(list(folder.iterdir())))
    source.mkdir()
    for name, text in {**FILES, **changes}.items():
        (source / name.replace("__", ".")).write_text(text)
    stack, settings = Stack(App(), "Some"), load("dev", {})
    key = kms.Key(stack, "Key")
    logs = s3.Bucket.from_bucket_name(stack, "Logs", "logs")
    bucket = DagBucket(
        stack, "Dags", settings=settings, source=source, key=key, logs_key=key, access_logs=logs
    )
    found = Template.from_stack(stack).find_resources("Custom::CDKBucketDeployment").values()
    copies = {
        each["Properties"]["DestinationBucketKeyPrefix"]: each["Properties"]["SourceObjectKeys"][0]
        for each in found
    }
    return copies, bucket.requirements.path


@pytest.fixture
def before(tmp_path: Path) -> tuple[dict[str, str], Any]:
    return deployed(tmp_path)


def test_nothing_changes_when_nothing_did(tmp_path: Path, before: Any) -> None:
    assert deployed(tmp_path) == before


@pytest.mark.parametrize("changed", ["a__py", "constraints__txt"])
def test_a_changed_dag_or_constraint_is_copied_anew(tmp_path: Path, before: Any, changed: str) -> None:
    copies, path = deployed(tmp_path, **{changed: "y==2\n"})

    assert copies["dags"] != before[0]["dags"]
    assert (copies["requirements"], path) == (before[0]["requirements"], before[1])


def test_changed_requirements_are_another_file_for_the_environment(tmp_path: Path, before: Any) -> None:
    copies, path = deployed(tmp_path, requirements__txt="y\n")

    assert path != before[1]
    assert copies["requirements"] != before[0]["requirements"]
    assert copies["dags"] == before[0]["dags"]


def test_a_startup_script_is_pinned_by_its_content_and_no_dag(tmp_path: Path, before: Any) -> None:
    first, second = (deployed(tmp_path, startup__sh=f"echo {word}\n")[0] for word in ("one", "two"))

    assert "startup" not in before[0]
    assert first["startup"] != second["startup"]
    assert first["dags"] == second["dags"] == before[0]["dags"]
