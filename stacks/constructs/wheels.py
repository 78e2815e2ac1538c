"""Wheels of all that MWAA installs, for a web server that reaches no package index.

https://docs.aws.amazon.com/mwaa/latest/userguide/best-practices-dependencies.html
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from stacks.constructs.bundle import CACHE, BundleError, stored_zip

PYTHON_VERSION = "3.12"
"""Of Airflow 3 on MWAA."""
PLATFORMS = ("manylinux_2_17_x86_64", "manylinux2014_x86_64", "manylinux_2_28_x86_64")
"""What MWAA's machines, Amazon Linux 2023, take."""
UNPACKED = "/usr/local/airflow/plugins"
"""Where MWAA unpacks plugins.zip."""
CONSTRAINT = re.compile(r'^--constraint "(?P<path>.+)"$', re.MULTILINE)


@dataclass(frozen=True)
class Wheels:
    """What an environment without a package index is made of."""

    requirements: Path
    """The requirements, to be looked for among the wheels alone."""
    archive: Path
    """Zip of the wheels: MWAA's plugins.zip."""


def download(source: Path, *, cache: Path = CACHE) -> Wheels:
    """Wheels for `source`/requirements.txt and all that it needs; kept by what they are made of.

    Parameters
    ----------
    source
        Folder with requirements.txt, and beside it the constraints that it names.

    Raises
    ------
    BundleError
        A package has no wheel for MWAA's Python and machines, or cannot be downloaded.
    """
    listed = (source / "requirements.txt").read_text()
    named = CONSTRAINT.search(listed)
    constraints = source / Path(named["path"]).name if named else None
    content = listed + (constraints.read_text() if constraints else "")
    parts = "\n".join((PYTHON_VERSION, *PLATFORMS, content))
    folder = cache / "wheels" / hashlib.sha256(parts.encode()).hexdigest()[:32]
    if not folder.is_dir():
        _download(CONSTRAINT.sub("", listed), constraints, folder)
    offline = folder.with_suffix(".txt")
    offline.write_text(f"--find-links {UNPACKED}\n--no-index\n{listed}")
    wheels = {path.name: path for path in folder.glob("*.whl")}
    return Wheels(offline, stored_zip(wheels, f"wheels-{folder.name}", cache=cache))


def _download(requirements: str, constraints: Path | None, folder: Path) -> None:
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
            *(("--constraint", str(constraints)) if constraints else ()),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            words = [line for line in done.stderr.splitlines() if line.startswith("ERROR: ")]
            raise BundleError(
                "The wheels for MWAA's private web server could not be downloaded: every requirement must "
                f"have one for Python {PYTHON_VERSION}, and the first synth needs the package index. pip "
                f"said: {words[0] if words else 'nothing'}"
            )
        try:
            found.rename(folder)
        except OSError:
            # Another synth was faster; its folder holds the same wheels.
            if not folder.is_dir():
                raise
