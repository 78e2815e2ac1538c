"""Lint covers every Python file: what ruff, mypy and pre-commit leave out, pyproject.toml says for all."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from mypy.config_parser import parse_config_file
from mypy.find_sources import create_source_list
from mypy.options import Options

from local import cli
from local.layout import ROOT

NOT_OURS = {".git", ".tools", "build", "cdk.out", "node_modules"}
"""Folders of what is made, not written."""


def written() -> set[str]:
    """Every Python file of the checkout."""
    found = set()
    for top in ROOT.iterdir():
        paths = [top] if top.suffix == ".py" else top.rglob("*.py") if top.name not in NOT_OURS else []
        found |= {str(path.relative_to(ROOT)) for path in paths}
    return found


def commands(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[tuple[str, ...]]]:
    """The arguments with which `make lint` and pre-commit run each program."""
    run: dict[str, list[tuple[str, ...]]] = {}
    monkeypatch.setattr(cli, "_check", lambda _, program, *given: run.setdefault(program, []).append(given))
    monkeypatch.setattr(cli, "ENVIRONMENTS", ())
    cli.lint()
    hooks = re.findall(r"entry: \.tools/main/bin/(\S+) ?(.*)", (ROOT / ".pre-commit-config.yaml").read_text())
    for program, given in hooks:
        run.setdefault(program, []).append(tuple(given.split()))
    return run


def test_ruff_checks_every_file(monkeypatch: pytest.MonkeyPatch) -> None:
    in_lint = [given for given in commands(monkeypatch)["ruff"] if "--force-exclude" not in given]
    assert in_lint == [("check", "."), ("format", "--check", ".")]

    ruff = [Path(sys.executable).parent / "ruff", "check", "--show-files", "."]
    shown = subprocess.run(ruff, cwd=ROOT, capture_output=True, text=True, check=True).stdout

    assert written() - {str(Path(line).relative_to(ROOT)) for line in shown.splitlines()} == set()


def test_mypy_checks_every_file_that_is_not_a_test(monkeypatch: pytest.MonkeyPatch) -> None:
    assert commands(monkeypatch)["mypy"] == [(".",), (".",)]
    monkeypatch.chdir(ROOT)
    options = Options()
    parse_config_file(options, lambda: None, "pyproject.toml", sys.stdout, sys.stderr)

    found = {str(Path(source.path or "")) for source in create_source_list(["."], options)}

    assert {path for path in written() - found if not path.startswith("tests/")} == set()
    assert any(path.startswith("operational_store/") for path in found)


def test_nothing_is_listed_tree_by_tree() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]

    assert "isort" not in settings["ruff"]["lint"]
    assert "files" not in settings["mypy"]
