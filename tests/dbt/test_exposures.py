"""Exposures: what is said to depend on the marts is what reads them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from local.layout import ROOT

READERS = ("bench", "containers", "docs/sql", "emr_steps", "glue_jobs", "lambdas", "local", "mwaa_dags")
"""Where a file might read the warehouse: everything that ships, and the questions of the documentation."""


def exposures() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = yaml.safe_load((ROOT / "dbt/models/exposures.yml").read_text())["exposures"]
    return found


def marts_read(file: Path) -> set[str]:
    return set(re.findall(r"\bmarts\.(mart_\w+)", file.read_text()))


def test_an_exposure_depends_on_the_marts_that_its_file_reads() -> None:
    for exposure in exposures():
        named = {re.fullmatch(r"ref\('(\w+)'\)", each)[1] for each in exposure["depends_on"]}  # type: ignore[index]
        file = ROOT / exposure["config"]["meta"]["read_by"]

        assert named == marts_read(file), exposure["name"]


def test_every_file_that_reads_a_mart_is_an_exposure() -> None:
    files = (
        path for folder in READERS for path in (ROOT / folder).rglob("*") if path.suffix in {".py", ".sql"}
    )
    reading = {path.relative_to(ROOT).as_posix() for path in files if marts_read(path)}

    assert reading == {exposure["config"]["meta"]["read_by"] for exposure in exposures()}
