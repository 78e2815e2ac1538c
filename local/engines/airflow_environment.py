"""The Python environment of an MWAA environment: its Airflow version, and what its requirements name."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local.toolchain import tools

MWAA_DAGS = "/usr/local/airflow/dags"
"""Where MWAA's containers have the DAGs: how a requirements file names the constraints beside them."""
CONSTRAINT = re.compile(r"^\s*(?:-c|--constraint)[ =]+[\"']?(?P<path>[^\"'\s]+)[\"']?\s*$", re.MULTILINE)


class RequirementsError(Exception):
    """The requirements cannot be installed with the Airflow version; the message says why."""


def interpreter(version: str, requirements: str, dags: Path) -> Path:
    """A Python that has Airflow `version` and everything that `requirements`, a file's text, names.

    The toolchain's own when it satisfies them, which takes 0.1 s; else one that is built once and kept, from
    the package registry. Raises RequirementsError when constraints are not to be had or pip cannot resolve.
    """
    listed, constraints = localise(requirements, dags)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "requirements.txt"
        file.write_text(f"{listed}\napache-airflow=={version}\n")
        base = tools().airflow_python
        if base.exists() and _satisfies(base, file):
            return base
        digest = hashlib.sha256(f"{version}\n{requirements}\n{constraints}".encode()).hexdigest()[:12]
        return _built(tools().root / f"airflow-{version}-{digest}", file)


def migrated_database(python: Path, version: str) -> Path:
    """An empty, migrated SQLite database of the Airflow `version` behind `python`.

    Made once (5 s) and kept beside it. Raises RequirementsError when Airflow cannot make it.
    """
    template = python.parent.parent / f"airflow-{version}.db"
    with _lock(template.with_suffix(".lock")):
        if not template.exists():
            with tempfile.TemporaryDirectory() as folder:
                database = Path(folder) / "airflow.db"
                environment = {
                    "PATH": os.environ.get("PATH", ""),
                    "HOME": folder,
                    "AIRFLOW_HOME": folder,
                    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{database}",
                    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
                }
                done = subprocess.run(
                    [python, "-m", "airflow", "db", "migrate"],
                    env=environment,
                    capture_output=True,
                    text=True,
                    check=False,
                )
                if done.returncode != 0:
                    raise RequirementsError(
                        f"Airflow's database cannot be made: {done.stderr.strip()[-2000:]}"
                    )
                part = template.with_suffix(".part")
                shutil.copyfile(database, part)
                part.replace(template)
    return template


def localise(requirements: str, dags: Path) -> tuple[str, str]:
    """A requirements file with its constraints looked for in `dags`, and those constraints' text.

    Raises RequirementsError when constraints lie anywhere but beside the DAGs, or were not deployed.
    """
    found = []

    def replaced(match: re.Match[str]) -> str:
        path = match["path"]
        if not path.startswith(f"{MWAA_DAGS}/"):
            raise RequirementsError(f"requirements.txt: constraints must lie in {MWAA_DAGS}, {path} does not")
        local = dags / path.removeprefix(f"{MWAA_DAGS}/")
        if not local.exists():
            raise RequirementsError(f"requirements.txt names the constraints {path}, which were not deployed")
        found.append(local.read_text())
        return f"--constraint {local}"

    return CONSTRAINT.sub(replaced, requirements), "\n".join(found)


def _satisfies(python: Path, requirements: Path) -> bool:
    done = _uv("pip", "install", "--dry-run", "--offline", "--python", python, "--requirement", requirements)
    return done.returncode == 0 and "Would make no changes" in done.stderr


def _built(folder: Path, requirements: Path) -> Path:
    python = folder / "bin" / "python"
    complete = folder / "complete"
    with _lock(folder.with_suffix(".lock")):
        if not complete.exists():
            for arguments in (
                ("venv", "--quiet", "--clear", "--python", tools().airflow_python, folder),
                ("pip", "install", "--quiet", "--python", python, "--requirement", requirements),
            ):
                done = _uv(*arguments)
                if done.returncode != 0:
                    raise RequirementsError(f"The requirements cannot be installed: {done.stderr.strip()}")
            complete.touch()
    return python


def _uv(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(part) for part in (tools().uv, *arguments)],
        env={**os.environ, "UV_PYTHON_DOWNLOADS": "never"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
