"""Wheels of all that the requirements name, for a web server that reaches no package index.

https://docs.aws.amazon.com/mwaa/latest/userguide/best-practices-dependencies.html
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from stacks.constructs.bundle import CACHE, ROOT, BundleError, stored_zip

PYTHON_VERSION = "3.12"
"""Of Airflow 3 on MWAA."""
PLATFORMS = ("manylinux_2_17_x86_64", "manylinux2014_x86_64", "manylinux_2_28_x86_64")
"""What MWAA's machines, Amazon Linux 2023, take."""
UNPACKED = "/usr/local/airflow/plugins"
"""Where MWAA unpacks plugins.zip."""
CONSTRAINT = re.compile(r'^--constraint "(?P<path>.+)"$', re.MULTILINE)
IMAGES = ROOT / "mwaa_dags" / "mwaa_image"
"""By Airflow version: the constraints that MWAA installs under, which no requirements file can change."""


@dataclass(frozen=True)
class Wheels:
    """What an environment without a package index is made of."""

    requirements: Path
    """The requirements, to be looked for among the wheels alone."""
    archive: Path
    """Zip of the wheels: MWAA's plugins.zip."""


def download(source: Path, version: str, *, cache: Path = CACHE) -> Wheels | None:
    """Wheels for `source`/requirements.txt and all that it needs; kept by what they are made of.

    In the versions that MWAA's own constraints for Airflow `version` allow. None when the file names nothing.

    Parameters
    ----------
    source
        Folder with requirements.txt, and beside it the constraints that it names.

    Raises
    ------
    BundleError
        A package has no wheel for MWAA's Python and machines, contradicts MWAA's constraints, or cannot be
        downloaded; or the constraints of that version are not known.
    """
    listed = (source / "requirements.txt").read_text()
    if not any(line.strip() and line.strip()[0] not in "#-" for line in listed.splitlines()):
        return None
    image = IMAGES / version
    if not image.is_dir():
        raise BundleError(
            f"The wheels for MWAA's private web server are made under the constraints of its image, and "
            f"{IMAGES.relative_to(ROOT)} has none for Airflow {version}: add them, or require nothing."
        )
    named = CONSTRAINT.search(listed)
    own = source / Path(named["path"]).name if named else image / "airflow_constraints.txt"
    constraints = (image / "essential_constraints.txt", own)
    content = listed + "".join(each.read_text() for each in constraints)
    parts = "\n".join((PYTHON_VERSION, *PLATFORMS, content))
    folder = cache / "wheels" / hashlib.sha256(parts.encode()).hexdigest()[:32]
    if not folder.is_dir():
        _download(CONSTRAINT.sub("", listed), constraints, folder)
    offline = folder.with_suffix(".txt")
    offline.write_text(f"--find-links {UNPACKED}\n--no-index\n{listed}")
    wheels = {path.name: path for path in folder.glob("*.whl")}
    return Wheels(offline, stored_zip(wheels, f"wheels-{folder.name}", cache=cache))


def _download(requirements: str, constraints: Iterable[Path], folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        file, found = Path(scratch, "requirements.txt"), Path(scratch, "wheels")
        file.write_text(requirements)
        command = [
            *(sys.executable, "-m", "pip", "download", "--quiet", "--no-input"),
            *("--disable-pip-version-check", "--only-binary", ":all:", "--dest", str(found)),
            *("--python-version", PYTHON_VERSION, "--implementation", "cp"),
            *(part for platform in PLATFORMS for part in ("--platform", platform)),
            *("--requirement", str(file)),
            *(part for each in constraints for part in ("--constraint", str(each))),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            words = [line for line in done.stderr.splitlines() if line.startswith("ERROR: ")]
            raise BundleError(
                "The wheels for MWAA's private web server could not be downloaded: every requirement must "
                f"have one for Python {PYTHON_VERSION} within MWAA's constraints ({IMAGES.name}/), and the "
                "first synth needs the package index. pip "
                f"said: {words[0] if words else 'nothing'}"
            )
        try:
            found.rename(folder)
        except OSError:
            # Another synth was faster; its folder holds the same wheels.
            if not folder.is_dir():
                raise
