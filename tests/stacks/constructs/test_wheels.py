"""What a private web server installs from: wheels for MWAA's machines, and requirements that use no other."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from aws_cdk import App, Stack
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3

from stacks.configuration import load
from stacks.constructs import wheels
from stacks.constructs.bundle import BundleError
from stacks.constructs.dag_bucket import DagBucket

VERSION = "3.0.6"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Requirements with one compiled package, and the constraints that pin it."""
    folder = tmp_path / "dags"
    folder.mkdir()
    constraint = '--constraint "/usr/local/airflow/dags/constraints.txt"'
    (folder / "requirements.txt").write_text(f"{constraint}\nmarkupsafe\n")
    (folder / "constraints.txt").write_text("markupsafe==3.0.2\n")
    return folder


def test_the_wheels_are_the_constraints_versions_for_mwaa_s_python(source: Path, tmp_path: Path) -> None:
    found = wheels.download(source, VERSION, cache=tmp_path / "cache")

    assert found is not None
    with zipfile.ZipFile(found.archive) as archive:
        [wheel] = archive.namelist()
    assert wheel.startswith("MarkupSafe-3.0.2-cp312-cp312-manylinux")
    lines = found.requirements.read_text().splitlines()
    assert lines[:2] == ["--find-links /usr/local/airflow/plugins", "--no-index"]
    assert lines[2:] == (source / "requirements.txt").read_text().splitlines()


def test_a_second_synth_downloads_nothing(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = wheels.download(source, VERSION, cache=tmp_path / "cache")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/nothing")

    assert wheels.download(source, VERSION, cache=tmp_path / "cache") == first


def test_what_has_no_wheel_is_named(source: Path, tmp_path: Path) -> None:
    (source / "constraints.txt").write_text("markupsafe==0.9\n")

    with pytest.raises(BundleError, match="markupsafe"):
        wheels.download(source, VERSION, cache=tmp_path / "cache")


def test_without_constraints_the_versions_are_those_of_mwaa_s_own(source: Path, tmp_path: Path) -> None:
    (source / "requirements.txt").write_text("statsd\n")

    found = wheels.download(source, VERSION, cache=tmp_path / "cache")

    assert found is not None
    assert zipfile.ZipFile(found.archive).namelist() == ["statsd-4.0.1-py2.py3-none-any.whl"]


def test_what_contradicts_mwaa_s_constraints_is_refused(source: Path, tmp_path: Path) -> None:
    # Else MWAA would log the contradiction, and start Airflow without any of the wheels.
    (source / "constraints.txt").write_text("statsd==4.0.0\n")
    (source / "requirements.txt").write_text(
        '--constraint "/usr/local/airflow/dags/constraints.txt"\nstatsd\n'
    )

    with pytest.raises(BundleError, match="within MWAA's constraints"):
        wheels.download(source, VERSION, cache=tmp_path / "cache")


def test_constraints_of_a_version_that_are_not_known_are_asked_for(source: Path, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"has none for Airflow 3\.3\.1"):
        wheels.download(source, "3.3.1", cache=tmp_path / "cache")


def test_requirements_that_name_nothing_need_no_wheels(source: Path, tmp_path: Path) -> None:
    (source / "requirements.txt").write_text("# nothing\n\n")

    assert wheels.download(source, "3.3.1", cache=tmp_path / "cache") is None


def test_the_environment_gets_them_as_plugins_by_version(source: Path, tmp_path: Path) -> None:
    stack, settings = Stack(App(), "Some"), load("dev", {})
    key = kms.Key(stack, "Key")
    bucket = DagBucket(
        stack,
        "Dags",
        settings=settings,
        source=source,
        key=key,
        logs_key=key,
        access_logs=s3.Bucket.from_bucket_name(stack, "Logs", "logs"),
        wheels=wheels.download(source, VERSION, cache=tmp_path / "cache"),
    )

    assert bucket.plugins is not None
    assert bucket.plugins.path.startswith("plugins/")
    assert bucket.plugins.path.endswith(".zip")
    assert stack.resolve(bucket.plugins.version)["Fn::Select"][0] == 0
    assert bucket.startup is None
