"""docker-compose.yml: valid by Compose's own schema, and complete."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from containers.etl import load
from local.layout import ROOT

FILE = ROOT / "docker-compose.yml"


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(FILE.read_text())
    return loaded


def valid(file: Path) -> bool:
    program = Path(sys.executable).with_name("check-jsonschema")
    command = [program, "--quiet", "--builtin-schema", "vendor.compose-spec", file]
    return subprocess.run(command, check=False).returncode == 0


def test_it_is_valid_by_the_schema(tmp_path: Path) -> None:
    assert valid(FILE)


def test_a_misspelt_key_is_not(tmp_path: Path) -> None:
    wrong = tmp_path / "docker-compose.yml"
    wrong.write_text(FILE.read_text().replace("healthcheck:", "healthchek:"))

    assert not valid(wrong)


def test_every_service_is_on_the_network_of_its_own(compose: dict[str, Any]) -> None:
    assert set(compose["services"]) == {"postgres", "kafka", "airflow", "prepare-database", "etl"}
    assert all(service["networks"] == ["platform"] for service in compose["services"].values())
    assert set(compose["networks"]) == {"platform"}


def test_what_stands_is_checked_and_what_is_kept_has_a_volume(compose: dict[str, Any]) -> None:
    for name in ("postgres", "kafka", "airflow"):
        service = compose["services"][name]
        assert service["healthcheck"]["test"], name
        kept = {volume.partition(":")[0] for volume in service["volumes"]}
        assert kept & set(compose["volumes"]), name


def test_nothing_listens_beyond_this_machine(compose: dict[str, Any]) -> None:
    ports = [port for service in compose["services"].values() for port in service.get("ports", ())]

    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_the_etl_finds_its_schema_and_the_dag_its_image(compose: dict[str, Any]) -> None:
    prepare = compose["services"]["prepare-database"]["command"][-1]
    etl = compose["services"]["etl"]
    recipe = subprocess.run(
        ["make", "--dry-run", "compose"], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert f"CREATE SCHEMA IF NOT EXISTS {load.SCHEMA}" in prepare
    assert etl["depends_on"] == {"prepare-database": {"condition": "service_completed_successfully"}}
    # `up` builds no service of a profile that is not asked for, and the DAG starts the image by its name.
    assert f"docker compose --profile {etl['profiles'][0]} build" in recipe.stdout


def test_no_password_is_written_down(compose: dict[str, Any]) -> None:
    assert "${POSTGRES_PASSWORD" in compose["services"]["postgres"]["environment"]["POSTGRES_PASSWORD"]
    example = (ROOT / "compose" / "example.env").read_text().splitlines()
    assert "POSTGRES_PASSWORD=" in example
    assert "AWS_SECRET_ACCESS_KEY=" in example
