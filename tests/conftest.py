"""How the suite spreads over two workers: what shares something costly stays together, longest first."""

from __future__ import annotations

from pathlib import Path

import pytest

TESTS = Path(__file__).parent
TOGETHER = {
    # One deployment and one cdk.out/ at a time.
    "e2e": "end to end",
    # One Spark session for all.
    "flights/spark": "spark",
    "glue_jobs": "spark",
    "emr_steps": "spark",
    # One environment of Airflow.
    "mwaa_dags": "airflow",
}
FIRST = ("end to end", "spark")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Group the tests for `--dist loadgroup`: by what they share, else by file."""
    groups = {item.nodeid: _group(item.path.relative_to(TESTS)) for item in items}
    for item in items:
        item.add_marker(pytest.mark.xdist_group(groups[item.nodeid]))
    order = {name: place for place, name in enumerate(FIRST)}
    items.sort(key=lambda item: order.get(groups[item.nodeid], len(FIRST)))


def _group(path: Path) -> str:
    for folder, group in TOGETHER.items():
        if path.is_relative_to(folder):
            return group
    return path.as_posix()
