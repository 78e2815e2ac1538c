"""Bundles: zips whose bytes depend on content alone, with pure-Python dependencies, without network twice."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from stacks.constructs import bundle
from stacks.constructs.bundle import BundleError, dependencies, function_zip, package_zip


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package with a Spark part, data, and what must not be shipped."""
    root = tmp_path / "flights"
    for inner, text in {
        "__init__.py": "",
        "rules.py": "LIMIT = 15\n",
        "reference/airports.csv": "faa,name\n",
        "spark/__init__.py": "import pyspark\n",
        "__pycache__/rules.cpython-311.pyc": "byte code",
        ".hidden": "secret",
    }.items():
        (root / inner).parent.mkdir(parents=True, exist_ok=True)
        (root / inner).write_text(text)
    return root


@pytest.fixture
def functions(tmp_path: Path) -> Path:
    """A folder with one function without dependencies."""
    root = tmp_path / "lambdas"
    (root / "greet").mkdir(parents=True)
    (root / "greet" / "handler.py").write_text("def handler(event, context):\n    return 'hello'\n")
    (root / "greet" / "requirements.in").write_text("")
    (root / "greet" / "requirements.txt").write_text("# nothing needed\n")
    return root


def names(archive: Path) -> list[str]:
    with zipfile.ZipFile(archive) as opened:
        return opened.namelist()


def test_the_package_for_spark_is_whole_and_nothing_else(package: Path, tmp_path: Path) -> None:
    archive = package_zip(package, cache=tmp_path / "cache")

    assert names(archive) == [
        "flights/__init__.py",
        "flights/reference/airports.csv",
        "flights/rules.py",
        "flights/spark/__init__.py",
    ]


def test_a_function_gets_its_handler_and_the_domain_without_spark(
    package: Path, functions: Path, tmp_path: Path
) -> None:
    archive = function_zip("greet", functions=functions, package=package, cache=tmp_path / "cache")

    assert names(archive) == [
        "flights/__init__.py",
        "flights/reference/airports.csv",
        "flights/rules.py",
        "handler.py",
    ]


def test_the_zip_s_bytes_depend_on_names_and_contents_alone(package: Path, tmp_path: Path) -> None:
    first = package_zip(package, cache=tmp_path / "one").read_bytes()
    for path in package.rglob("*"):
        path.chmod(0o755)
        os.utime(path, (1, 1))

    assert package_zip(package, cache=tmp_path / "two").read_bytes() == first

    (package / "rules.py").write_text("LIMIT = 16\n")
    assert package_zip(package, cache=tmp_path / "two").read_bytes() != first


def test_python_imports_the_package_and_its_data_from_the_zip(package: Path, tmp_path: Path) -> None:
    archive = package_zip(package, cache=tmp_path / "cache")
    code = (
        "import flights.rules, importlib.resources as r; print(flights.rules.LIMIT, "
        "r.files('flights').joinpath('reference/airports.csv').read_text().strip())"
    )

    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(archive)},
        cwd=tmp_path / "cache",
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.strip() == "15 faa,name"


def test_a_package_without_code_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()

    with pytest.raises(BundleError, match="nothing to ship"):
        package_zip(tmp_path / "empty", cache=tmp_path / "cache")


def test_a_function_without_handler_is_refused(functions: Path, tmp_path: Path) -> None:
    (functions / "greet" / "handler.py").unlink()

    with pytest.raises(BundleError, match=r"no handler\.py"):
        function_zip("greet", functions=functions, cache=tmp_path / "cache")


def test_dependencies_are_installed_once_for_a_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock = tmp_path / "requirements.txt"
    lock.write_text("one==1 --hash=sha256:00\n")
    installed: list[Path] = []

    def install(_lock: Path, target: Path, _python: str) -> None:
        installed.append(target)
        (target / "one.py").write_text("")

    monkeypatch.setattr(bundle, "_pip_install", install)
    first = dependencies(lock, cache=tmp_path / "cache")
    lock.write_text("# said differently\none==1 --hash=sha256:00\n\n")
    again = dependencies(lock, cache=tmp_path / "cache")

    assert (first / "one.py").is_file()
    assert again == first
    assert len(installed) == 1

    assert dependencies(lock, python="3.9", cache=tmp_path / "cache") != first
    lock.write_text("one==2 --hash=sha256:00\n")
    assert dependencies(lock, cache=tmp_path / "cache") != first


def test_an_installation_that_fails_leaves_nothing_and_says_why(tmp_path: Path) -> None:
    lock = tmp_path / "greet" / "requirements.txt"
    lock.parent.mkdir()
    lock.write_text("not-pinned\n")

    with pytest.raises(BundleError, match="dependencies of greet could not be installed") as error:
        dependencies(lock, cache=tmp_path / "cache")

    assert "pip said:" in str(error.value)
    assert list((tmp_path / "cache" / "packages").iterdir()) == []


@pytest.mark.parametrize("function", sorted(path.name for path in bundle.FUNCTIONS.iterdir()))
def test_each_function_s_bundle_is_pure_python_and_imports_what_it_needs(function: str) -> None:
    archive = function_zip(function)
    compiled = [name for name in names(archive) if name.endswith((".so", ".pyd", ".dylib"))]

    assert compiled == []
    assert "handler.py" in names(archive)
    assert not any(name.startswith(("flights/spark/", "boto3/", "bin/")) for name in names(archive))

    done = subprocess.run(
        [sys.executable, "-c", "import aws_lambda_powertools; print(aws_lambda_powertools.__file__)"],
        env={"PYTHONPATH": str(archive)},
        cwd=archive.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    assert str(archive) in done.stdout


def test_a_function_gets_the_packages_that_it_names(functions: Path, tmp_path: Path) -> None:
    (functions / "greet" / "packages.txt").write_text("streaming\n")
    held = names(function_zip("greet", functions=functions, cache=tmp_path / "cache"))

    assert {"streaming/events.py", "streaming/schemas/flight_event_v1.avsc"} <= set(held)
    assert not any(name.startswith("streaming/spark/") or name == "packages.txt" for name in held)


def test_a_package_that_is_not_there_is_named(functions: Path, tmp_path: Path) -> None:
    (functions / "greet" / "packages.txt").write_text("nowhere\n")
    with pytest.raises(BundleError, match="nowhere"):
        function_zip("greet", functions=functions, cache=tmp_path / "cache")
