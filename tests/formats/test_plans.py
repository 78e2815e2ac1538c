"""What docs/formats.md says of plans is what Spark and pandas do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from tests.formats import plans


@pytest.fixture(scope="module")
def made(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder: Path = tmp_path_factory.mktemp("plans")
    plans.make(folder)
    return plans.blocks(spark, folder)


def read(block: str) -> tuple[int, int]:
    """Files and rows that a plan's scan read."""
    match = re.search(r"Read: (\d+) of \d+ files, ([\d,]+) of 27,004 rows", block)
    assert match is not None
    return int(match[1]), int(match[2].replace(",", ""))


def test_a_filter_on_partition_columns_opens_the_files_of_the_partition_only(made: dict[str, str]) -> None:
    assert read(made["pruning"]) == read(made["pruning by a function"]) == (1, 943)
    assert read(made["no pruning"]) == (31, 27_004)


def test_a_filter_that_is_pushed_down_skips_row_groups_where_the_file_is_sorted(made: dict[str, str]) -> None:
    _, in_order = read(made["pushdown sorted"])
    _, as_they_come = read(made["pushdown as they come"])
    _, computed = read(made["no pushdown"])

    assert "PushedFilters: [IsNotNull(miles), GreaterThan(miles,2500)]" in made["pushdown sorted"]
    assert "GreaterThan" not in made["no pushdown"]
    assert in_order < 27_004 / 3
    assert as_they_come >= 27_000
    assert computed == 27_004


def test_the_page_shows_what_was_planned(made: dict[str, str]) -> None:
    page = plans.PAGE.read_text(encoding="utf-8")

    assert sorted(plans.shown(page)) == sorted(made)
    assert plans.filled(page, made) == page, "write it anew: python -m tests.formats.plans"
