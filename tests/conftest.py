"""How the suite spreads over two workers: what shares something costly stays together, longest first."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadScopeScheduling

# The same examples at every run, however slow the machine: a verdict is about what has changed since the last
# one. `--hypothesis-profile=explore` looks for others.
settings.register_profile(
    "explore",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.register_profile("suite", settings.get_profile("explore"), derandomize=True)
settings.load_profile("suite")

TOGETHER = {
    # One deployment and one cdk.out/ at a time.
    "tests/e2e/": "end to end",
    # One Spark session for all.
    "tests/flights/spark/": "spark",
    "tests/glue_jobs/": "spark",
    "tests/emr_steps/": "spark",
    "tests/formats/": "spark",
    # One environment of Airflow.
    "tests/mwaa_dags/": "airflow",
}
FIRST = ("end to end", "spark")


def group(nodeid: str) -> str:
    """What a test runs together with: a group of TOGETHER, else the tests of its file."""
    path = nodeid.partition("::")[0]
    return next((name for folder, name in TOGETHER.items() if path.startswith(folder)), path)


class GroupScheduling(LoadScopeScheduling):
    """Gives each worker one group after the other."""

    def _split_scope(self, nodeid: str) -> str:
        return group(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> GroupScheduling:
    """Schedule by group, whatever `--dist` says: its `loadgroup` does nothing on pytest 9.2."""
    return GroupScheduling(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the groups that take longest first."""
    order = {name: place for place, name in enumerate(FIRST)}
    items.sort(key=lambda item: order.get(group(item.nodeid), len(FIRST)))
