"""Everything deployed to an embedded AWS of its own, and three real days run through it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from rich.console import Console

from local import demo, pipeline, processes, runtime, summary

FIRST = pipeline.Run("2013-01-01", "2013-01-03")


@dataclass(frozen=True)
class Platform:
    """A running platform and the records of its DAG runs."""

    home: Path
    records: list[dict[str, Any]]

    def airflow(self, path: str) -> Any:
        """An answer of Airflow's own REST API, with the password that `make up` tells."""
        airflow = runtime.write_endpoints()["airflow"]
        login = {"username": airflow["user"], "password": airflow["password"]}
        token = requests.post(f"{airflow['url']}/auth/token", json=login, timeout=30).json()["access_token"]
        answer = requests.get(
            f"{airflow['url']}/api/v2{path}", headers={"Authorization": f"Bearer {token}"}, timeout=30
        )
        answer.raise_for_status()
        return answer.json()

    def returned(self, task: str, run: pipeline.Run = FIRST, index: int = -1) -> Any:
        """What a task of a run left as its XCom."""
        path = f"/dags/flights_batch/dagRuns/{run.run_id}/taskInstances/{task}/xcomEntries/return_value"
        return self.airflow(f"{path}?deserialize=true&map_index={index}")["value"]


@pytest.fixture(scope="session")
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


@pytest.fixture(scope="module")
def platform(own_home: Callable[[str], Path]) -> Iterator[Platform]:
    """All stacks of dev deployed by the stock CDK CLI, and the DAG run for three days."""
    home = own_home("platform")
    stages = demo.Stages(Console())
    try:
        demo.bring_up(stages)
        yield Platform(home, demo.run_pipeline(stages, (FIRST,)))
    finally:
        runtime.stop()


@pytest.fixture(scope="module")
def buckets(platform: Platform) -> dict[str, str]:
    """The deployed buckets by zone."""
    found: dict[str, str] = summary.deployment()["buckets"]
    return found
