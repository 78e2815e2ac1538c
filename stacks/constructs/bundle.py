"""Zips of the repository's own code: one per Lambda function and container image, and those for Spark.

A bundle is built without Docker, for the interpreter it will run on rather than the one that builds it:
dependencies come from the function's hash-locked `requirements.txt`, as pure-Python wheels only, so that the
same zip runs on AWS Lambda and under whatever Python a laptop has. What pip installed is kept by the hash of
its lock, so a second synth needs no network. Zips are stored uncompressed with fixed dates and a fixed order:
their bytes, and so the asset hashes in the templates, depend on the content alone and not on the machine's
zlib.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "flights"
FUNCTIONS = ROOT / "lambdas"
IMAGES = ROOT / "containers"
CACHE = ROOT / "build" / "bundles"

PYTHON_VERSION = "3.13"
"""The Lambda runtime's Python, for which dependencies are resolved."""
SPARK_PYTHON_VERSION = "3.9"
"""The Python of EMR's release, for what its jobs take along."""

_EPOCH = (1980, 1, 1, 0, 0, 0)
_NOT_CODE = {"requirements.txt", "requirements.in", "packages.txt", "README.md"}
_NOT_IN_IMAGES = {"requirements.in", "README.md"}
_INSTALLER_TRACES = {"INSTALLER", "RECORD", "REQUESTED", "direct_url.json"}


class BundleError(RuntimeError):
    """A bundle cannot be built; the message says which one, why, and what to do."""


def package_zip(package: Path = PACKAGE, *, cache: Path = CACHE) -> Path:
    """Zip of a Python package, as Glue's --extra-py-files and EMR's --py-files take it.

    Parameters
    ----------
    package
        Folder of the package; it becomes the zip's only top-level folder.

    Returns
    -------
    Path
        The zip, in the bundle cache; its bytes depend on the package's files alone.

    Raises
    ------
    BundleError
        The folder holds no Python file.
    """
    files = {f"{package.name}/{name}": path for name, path in _files(package)}
    if not any(name.endswith(".py") for name in files):
        raise BundleError(f"{package} holds no Python code: there is nothing to ship to Glue and EMR.")
    return stored_zip(files, package.name, cache=cache)


def libraries_zip(lock: Path, *, cache: Path = CACHE) -> Path:
    """Zip of a lock's packages for Spark's Python, as --archives takes it: they lie at its top.

    Raises
    ------
    BundleError
        As `dependencies`.
    """
    files = dict(_files(dependencies(lock, python=SPARK_PYTHON_VERSION, cache=cache)))
    return stored_zip(files, f"{lock.parent.name}-libraries", cache=cache)


def function_zip(
    name: str, *, functions: Path = FUNCTIONS, package: Path = PACKAGE, cache: Path = CACHE
) -> Path:
    """Zip of one Lambda function: its handler, the packages that it uses without their Spark parts, its
    dependencies.

    Parameters
    ----------
    name
        Folder of the function under `functions`; holds `handler.py`, `requirements.txt` and, where it uses
        packages of the repository beside the domain's, their names in `packages.txt`, one a line.

    Raises
    ------
    BundleError
        No handler, no such package; or pip could not install the locked dependencies.
    """
    source = functions / name
    if not (source / "handler.py").is_file():
        raise BundleError(f"{source} has no handler.py: a Lambda function is lambdas/<name>/handler.py.")
    files: dict[str, Path] = {}
    lock = source / "requirements.txt"
    if lock.is_file():
        files.update(_files(dependencies(lock, cache=cache)))
    for used in (package, *_packages(source)):
        without_spark = ((inner, path) for inner, path in _files(used) if not inner.startswith("spark/"))
        files.update({f"{used.name}/{inner}": path for inner, path in without_spark})
    files.update({inner: path for inner, path in _files(source) if inner not in _NOT_CODE})
    return stored_zip(files, name, cache=cache)


def _packages(source: Path) -> list[Path]:
    """The repository's packages that a function names."""
    named = source / "packages.txt"
    found = [ROOT / name for name in named.read_text().split()] if named.is_file() else []
    for each in found:
        if not (each / "__init__.py").is_file():
            raise BundleError(f"{named} names {each.name}, which is no package of {ROOT}.")
    return found


def image_zip(name: str, *folders: Path, images: Path = IMAGES, cache: Path = CACHE) -> Path:
    """Zip of the build context of one container image: the folder of its Dockerfile, and `folders` beside it.

    Parameters
    ----------
    name
        Folder of the image under `images`; holds `Dockerfile`.
    folders
        What the image copies besides, each under its own name.

    Raises
    ------
    BundleError
        No Dockerfile.
    """
    source = images / name
    if not (source / "Dockerfile").is_file():
        raise BundleError(f"{source} has no Dockerfile: an image is containers/<name>/Dockerfile.")
    files = {inner: path for inner, path in _files(source) if inner not in _NOT_IN_IMAGES}
    for folder in folders:
        files.update({f"{folder.name}/{inner}": path for inner, path in _files(folder) if _ships(inner)})
    return stored_zip(files, f"image-{name}", cache=cache)


def _ships(inner: str) -> bool:
    """Whether a file of a folder beside the Dockerfile belongs into an image: no Spark code, no output."""
    return inner.split("/", 1)[0] not in {"spark", "target", "logs", "dbt_packages"}


def dependencies(lock: Path, *, python: str = PYTHON_VERSION, cache: Path = CACHE) -> Path:
    """Folder with a lock's packages, installed once per content of the lock.

    Parameters
    ----------
    lock
        A requirements file in which every line is pinned and has its hashes.
    python
        Version of the Python that will import them.

    Raises
    ------
    BundleError
        A package has no pure-Python wheel or no hash, or cannot be downloaded; the message ends with pip's.
    """
    requirements = _requirements(lock)
    fingerprint = hashlib.sha256("\n".join([python, *requirements]).encode()).hexdigest()
    target = cache / "packages" / fingerprint[:32]
    if target.is_dir():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(dir=target.parent, prefix="installing-"))
    try:
        if requirements:
            _pip_install(lock, scratch, python)
            _drop_installer_traces(scratch)
        try:
            scratch.rename(target)
        except OSError:
            # Another synth of the same lock was faster; its folder holds the same files.
            if not target.is_dir():
                raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return target


def _requirements(lock: Path) -> list[str]:
    """The lock's lines that mean something: no comments, no blank lines."""
    lines = (line.strip() for line in lock.read_text().splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def _pip_install(lock: Path, target: Path, python: str) -> None:
    """Install the lock's packages into `target` for a version of Python, wheels of pure Python only."""
    command = [
        *(sys.executable, "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"),
        *("--require-hashes", "--no-compile", "--target", str(target), "--requirement", str(lock)),
        *("--only-binary", ":all:", "--platform", "any", "--implementation", "py", "--abi", "none"),
        *("--python-version", python),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        words = (done.stderr or done.stdout).strip().splitlines()
        raise BundleError(
            f"The dependencies of {lock.parent.name} could not be installed from {lock}. They must be pinned "
            f"with hashes and have pure-Python wheels for Python {python}, and the first synth needs "
            f"the package index. pip said: {words[-1] if words else 'nothing'}"
        )


def _drop_installer_traces(folder: Path) -> None:
    """Remove what depends on the machine: scripts with its interpreter's path, and pip's records."""
    shutil.rmtree(folder / "bin", ignore_errors=True)
    for trace in [path for path in folder.glob("*.dist-info/*") if path.name in _INSTALLER_TRACES]:
        trace.unlink()


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    """The folder's files with their POSIX path inside it, without byte code and hidden files."""
    for path in sorted(folder.rglob("*")):
        inner = path.relative_to(folder)
        if path.is_file() and path.suffix != ".pyc" and not any(part.startswith(".") for part in inner.parts):
            yield inner.as_posix(), path


def stored_zip(files: dict[str, Path], name: str, *, cache: Path) -> Path:
    """Write the files into a zip whose bytes depend on their names and contents alone."""
    cache.mkdir(parents=True, exist_ok=True)
    handle, part = tempfile.mkstemp(dir=cache, prefix=f"{name}-", suffix=".part")
    with os.fdopen(handle, "wb") as stream, zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        for inner in sorted(files):
            entry = zipfile.ZipInfo(inner, _EPOCH)
            entry.create_system = 3
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, files[inner].read_bytes())
    # Readers of the final name never see a half-written zip, also with several synths at once.
    return Path(part).replace(cache / f"{name}.zip")
