"""The packages of MWAA's image import every DAG, as the next Airflow does; what is required beside them fits.

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
from local.toolchain import AIRFLOW_PACKAGES, AIRFLOW_PROVIDERS, AIRFLOW_VERSION, MWAA_IMAGES, tools
from mwaa_dags.refstack_dags import pinned_versions

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


def test_the_packages_of_mwaa_s_image_import_every_dag(tmp_path: Path, described: dict[str, Any]) -> None:
    wanted = "\n".join((f"apache-airflow=={AIRFLOW_VERSION}", *AIRFLOW_PROVIDERS))
    requirements = f"--constraint {AIRFLOW_PACKAGES}\n{wanted}\n"

    found = imported(build("mwaa", requirements, AIRFLOW_PACKAGES), tmp_path)

    assert found == {"version": AIRFLOW_VERSION, "dags": sorted(described["dags"]), "errors": {}}


def test_the_local_airflow_has_the_versions_of_mwaa_s_image() -> None:
    listed = subprocess.run(
        [tools().uv, "pip", "freeze", "--python", tools().airflow_python],
        capture_output=True,
        text=True,
        check=True,
    )
    installed, image = pinned_versions.read(listed.stdout), pinned_versions.read(AIRFLOW_PACKAGES.read_text())

    assert len(installed) > 150
    assert installed.keys() - image.keys() == set()
    assert pinned_versions.differences(image, installed) == []


def test_what_the_requirements_name_fits_what_mwaa_enforces(tmp_path: Path) -> None:
    (tmp_path / "dags").symlink_to(DAGS)

    installation = airflow_environment.install(
        AIRFLOW_VERSION, (DAGS / "requirements.txt").read_text(), tmp_path
    )

    assert not installation.failed, installation.log


def test_what_contradicts_mwaa_s_constraints_is_logged_and_not_installed(tmp_path: Path) -> None:
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags" / "constraints.txt").write_text("flask==3.1.2\n")
    requirements = (
        '--constraint "/usr/local/airflow/dags/constraints.txt"\napache-airflow-providers-http==5.3.4\n'
    )

    installation = airflow_environment.install(AIRFLOW_VERSION, requirements, tmp_path)

    assert installation.failed
    assert installation.python == tools().airflow_python
    assert installation.log[-1] == airflow_environment.FAILED
    assert "flask" in "".join(installation.log[:-1])


def test_constraints_that_were_not_deployed_are_such_a_failure_too(tmp_path: Path) -> None:
    requirements = '--constraint "/usr/local/airflow/dags/none.txt"\nstatsd\n'

    installation = airflow_environment.install(AIRFLOW_VERSION, requirements, tmp_path)

    assert installation.failed
    assert "none.txt" in "".join(installation.log)


def test_without_constraints_mwaa_forces_its_own(tmp_path: Path) -> None:
    installation = airflow_environment.install(AIRFLOW_VERSION, "apache-airflow-providers-http\n", tmp_path)

    assert installation.python == tools().airflow_python
    assert installation.log == airflow_environment.UNCONSTRAINED
    refused = airflow_environment.install(AIRFLOW_VERSION, "apache-airflow-providers-http==5.3.4\n", tmp_path)
    assert refused.failed


def test_an_airflow_whose_image_is_not_here_does_not_start(tmp_path: Path) -> None:
    with pytest.raises(airflow_environment.RequirementsError, match=r"3\.3\.1 is not run here, only 3\.0\.6"):
        airflow_environment.install("3.3.1", "", tmp_path)


def test_the_next_airflow_imports_every_dag(tmp_path: Path, described: dict[str, Any]) -> None:
    found = imported(build("next", NEXT.read_text()), tmp_path)

    assert found["version"].startswith("3.3.")
    assert (found["dags"], found["errors"]) == (sorted(described["dags"]), {})


def test_the_compose_file_s_airflow_imports_the_variant_with_docker(tmp_path: Path) -> None:
    listed = (ROOT / "compose" / "requirements.txt").read_text()
    constraints = MWAA_IMAGES / AIRFLOW_VERSION / "airflow_constraints.txt"
    requirements = f"--constraint {constraints}\n{listed}\napache-airflow=={AIRFLOW_VERSION}\n"

    found = imported(build("compose", requirements, constraints), tmp_path, ROOT / "compose" / "dags")

    assert (found["dags"], found["errors"]) == (["container_etl_docker"], {})


def test_heavy_tools_stay_out_of_the_environment() -> None:
    listed = (DAGS / "requirements.txt").read_text() + AIRFLOW_PACKAGES.read_text()
    packages = {line.partition("==")[0].partition("[")[0].strip().lower() for line in listed.splitlines()}

    assert not packages & {"dbt-core", "dbt-redshift", "pandas", "pyspark", "numpy"}
