"""The Python environment of an MWAA environment: its image's packages, and what its requirements add.

MWAA's containers install a requirements file with pip under the image's own constraints; where that fails
they log so, and start Airflow with what the image has: `python/mwaa/utils/user_requirements.py` and
`bin/airflow-user/safe-pip-install` of images/airflow/3.0.6 in
https://github.com/aws/amazon-mwaa-docker-images.
"""

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
from dataclasses import dataclass
from pathlib import Path

from local.toolchain import AIRFLOW_VERSION, MWAA_IMAGES, tools

AIRFLOW_HOME = "/usr/local/airflow"
"""Where MWAA's containers have the folders `dags` and `plugins`, which a requirements file may name."""
GUIDE = (
    "https://docs.aws.amazon.com/mwaa/latest/userguide/working-dags-dependencies.html"
    "#working-dags-dependencies-test-create"
)
UNCONSTRAINED = (
    f"[WARNING] - WARNING: Constraints should be specified for requirements.txt. Please see {GUIDE}",
    "[WARNING] - Forcing local constraints",
)
"""What MWAA logs of a requirements file that names no constraints."""
FAILED = (
    "[ERROR] - ERROR: pip installation exited with a non-zero error code. This could be the result of "
    "package conflict. Notice that MWAA enforces a list of critical packages, e.g. Airflow, Celery, among "
    "others, whose version cannot be overridden by the customer as that can break our setup. Please double "
    "check your requirements.txt file."
)
"""What MWAA logs before it starts Airflow without the requirements."""


class RequirementsError(Exception):
    """Airflow cannot be had in the version; the message says why."""


@dataclass(frozen=True)
class Installation:
    """What became of a requirements file."""

    python: Path
    """Interpreter that has Airflow, and the packages that the file names where they could be installed."""
    log: tuple[str, ...] = ()
    """Lines as MWAA logs them; none without a file."""
    failed: bool = False


def install(version: str, requirements: str, home: Path) -> Installation:
    """Install what `requirements`, a file's text, names beside the image's packages, or say why not.

    `home` has the folders `dags` and `plugins`. The toolchain's own Airflow is used when it satisfies the
    file, which takes 0.1 s; else an environment is built once and kept, from the package registry. Raises
    RequirementsError for a version whose image is not here.
    """
    if version != AIRFLOW_VERSION:
        raise RequirementsError(f"Airflow {version} is not run here, only {AIRFLOW_VERSION}")
    base = tools().airflow_python
    if not requirements:
        return Installation(base)
    unconstrained = not re.search(r"-c |--constraint ", requirements)
    log = UNCONSTRAINED if unconstrained else ()
    if not names_packages(requirements):
        return Installation(base, log)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "requirements.txt"
        file.write_text(requirements.replace(f"{AIRFLOW_HOME}/", f"{home}/"))
        image = MWAA_IMAGES / version
        constraints = [image / "essential_constraints.txt"]
        if unconstrained:
            constraints.append(image / "airflow_constraints.txt")
        asked = ["--requirement", file, *(part for each in constraints for part in ("--constraint", each))]
        if _installs_nothing(base, asked):
            return Installation(base, log)
        tried = _uv("pip", "install", "--dry-run", "--python", base, *asked)
        if tried.returncode != 0:
            words = (f"[INFO] - {line}" for line in tried.stderr.splitlines() if line.strip())
            return Installation(base, (*log, *words, FAILED), failed=True)
        content = file.read_text() + "".join(each.read_text() for each in constraints)
        digest = hashlib.sha256(content.encode()).hexdigest()[:12]
        return Installation(_built(tools().root / f"airflow-{version}-{digest}", base, asked), log)


def names_packages(requirements: str) -> bool:
    """Whether a requirements file has a line besides comments and options."""
    return any(line.strip() and line.strip()[0] not in "#-" for line in requirements.splitlines())


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


def _installs_nothing(python: Path, asked: list[str | Path]) -> bool:
    done = _uv("pip", "install", "--dry-run", "--offline", "--python", python, *asked)
    return done.returncode == 0 and "Would make no changes" in done.stderr


def _built(folder: Path, base: Path, asked: list[str | Path]) -> Path:
    """A copy of the environment of `base` in which `asked` is installed."""
    python = folder / "bin" / "python"
    complete = folder / "complete"
    with _lock(folder.with_suffix(".lock")):
        if not complete.exists():
            image = folder.with_suffix(".txt")
            image.write_text(_uv("pip", "freeze", "--python", base).stdout)
            for arguments in (
                ("venv", "--quiet", "--clear", "--python", base, folder),
                ("pip", "install", "--quiet", "--no-deps", "--python", python, "--requirement", image),
                ("pip", "install", "--quiet", "--python", python, *asked),
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
