"""MWAA's environment, built from exactly what is deployed, imports every DAG; so does the next Airflow.

An environment is built once and kept beside the tools, by what it is made of.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from local.engines import airflow_environment
from local.layout import ROOT
from local.toolchain import AIRFLOW_VERSION, tools

pytestmark = [pytest.mark.airflow, pytest.mark.timeout(900)]

DAGS = ROOT / "mwaa_dags"
PYTHON = "3.12"
"""What MWAA runs Airflow 3 on."""
NEXT = Path(__file__).with_name("airflow-3.3.txt")


def interpreter() -> Path:
    """A Python as MWAA's. Skips the test where this machine has none."""
    candidates = [Path(folder) / f"python{PYTHON}" for folder in os.environ.get("PATH", "").split(os.pathsep)]
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    candidates += sorted(pyenv.glob(f"{PYTHON}.*/bin/python{PYTHON}"))
    for python in candidates:
        if (
            python.exists()
            and subprocess.run([python, "-c", ""], capture_output=True, check=False).returncode == 0
        ):
            return python
    pytest.skip(f"no Python {PYTHON} is at hand: the DAGs are imported on Airflow's own Python, 3.11, only")


def build(name: str, requirements: str, *constraints: Path) -> Path:
    """The Python of an environment with exactly these requirements, in pip's form."""
    python = interpreter()
    content = "".join([requirements, *(file.read_text() for file in constraints), str(python)])
    folder = tools().root / f"{name}-{hashlib.sha256(content.encode()).hexdigest()[:12]}"
    if not (folder / "complete").exists():
        file = folder.with_suffix(".txt")
        file.write_text(requirements)
        uv("venv", "--quiet", "--clear", "--python", python, folder)
        uv("pip", "install", "--quiet", "--python", folder / "bin" / "python", "--requirement", file)
        file.unlink()
        (folder / "complete").touch()
    return folder / "bin" / "python"


def uv(*arguments: str | Path) -> None:
    environment = {**os.environ, "UV_PYTHON_DOWNLOADS": "never"}
    done = subprocess.run(
        [tools().uv, *arguments], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        pytest.fail(f"The requirements cannot be installed: {done.stderr}")


def imported(python: Path, home: Path, dags: Path = DAGS) -> dict[str, Any]:
    """What the Airflow behind `python` makes of a DAG folder."""
    done = subprocess.run(
        [python, Path(__file__).with_name("import_dags.py"), dags],
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
            "PYTHONPATH": str(dags),
            "PYTHONDONTWRITEBYTECODE": "1",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_what_mwaa_installs_resolves_under_its_constraints_and_imports_every_dag(
    tmp_path: Path, described: dict[str, Any]
) -> None:
    listed, _ = airflow_environment.localise((DAGS / "requirements.txt").read_text(), DAGS)
    requirements = f"{listed}\napache-airflow=={AIRFLOW_VERSION}\n"

    found = imported(build("mwaa", requirements, DAGS / "constraints.txt"), tmp_path)

    assert found == {"version": AIRFLOW_VERSION, "dags": sorted(described["dags"]), "errors": {}}


def test_the_next_airflow_imports_every_dag(tmp_path: Path, described: dict[str, Any]) -> None:
    found = imported(build("next", NEXT.read_text()), tmp_path)

    assert found["version"].startswith("3.3.")
    assert (found["dags"], found["errors"]) == (sorted(described["dags"]), {})


def test_the_compose_file_s_airflow_imports_the_variant_with_docker(tmp_path: Path) -> None:
    listed = (ROOT / "compose" / "requirements.txt").read_text()
    constraints = DAGS / "constraints.txt"
    requirements = f"--constraint {constraints}\n{listed}\napache-airflow=={AIRFLOW_VERSION}\n"

    found = imported(build("compose", requirements, constraints), tmp_path, ROOT / "compose" / "dags")

    assert (found["dags"], found["errors"]) == (["container_etl_docker"], {})


def test_heavy_tools_stay_out_of_the_environment() -> None:
    listed = (DAGS / "requirements.txt").read_text() + (DAGS / "constraints.txt").read_text()
    packages = {line.partition("==")[0].partition("[")[0].strip().lower() for line in listed.splitlines()}

    assert not packages & {"dbt-core", "dbt-redshift", "pandas", "pyspark", "numpy"}
