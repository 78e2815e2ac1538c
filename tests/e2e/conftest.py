"""Everything deployed to an embedded AWS of its own, and three real days run through it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from rich.console import Console

from local import demo, processes, runtime, summary
from tests.e2e.three_days import FIRST, Platform


@pytest.fixture(scope="package")
def own_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Path]]:
    """Point the local runtime to a home and a port of its own, by name; undone at the end."""
    saved = {name: os.environ.get(name) for name in ("REFSTACK_HOME", "REFSTACK_PORT")}

    def use(name: str) -> Path:
        home = tmp_path_factory.mktemp(name) / "local"
        os.environ.update(REFSTACK_HOME=str(home), REFSTACK_PORT=str(processes.free_port(0)))
        return home

    yield use
    for name, value in saved.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


@pytest.fixture(scope="package")
def platform(own_home: Callable[[str], Path]) -> Iterator[Platform]:
    """All stacks of dev deployed by the stock CDK CLI, and the DAG run for three days."""
    home = own_home("platform")
    stages = demo.Stages(Console())
    with pytest.MonkeyPatch.context() as patch:
        # What fails is tried again soon.
        patch.setenv("REFSTACK_ORCHESTRATION__RETRY_DELAY_SECONDS", "2")
        try:
            demo.bring_up(stages)
            yield Platform(home, demo.run_pipeline(stages, (FIRST,)))
        finally:
            runtime.stop()


@pytest.fixture(scope="package")
def buckets(platform: Platform) -> dict[str, str]:
    """The deployed buckets by zone."""
    found: dict[str, str] = summary.deployment()["buckets"]
    return found
