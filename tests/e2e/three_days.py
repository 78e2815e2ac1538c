"""What the end-to-end tests share: the range of days, and a view of the platform that ran it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from local import pipeline, runtime, warehouse_client

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

    def returned(
        self, task: str, run: pipeline.Run = FIRST, index: int = -1, dag: str = pipeline.DAG_ID
    ) -> Any:
        """What a task of a run left as its XCom."""
        path = f"/dags/{dag}/dagRuns/{run.run_id}/taskInstances/{task}/xcomEntries/return_value"
        return self.airflow(f"{path}?map_index={index}")["value"]


def tables() -> dict[str, list[dict[str, Any]]]:
    """Every row of every table of the core schema, sorted, without the time it was loaded."""
    names = warehouse_client.query(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = 'core' "
        "AND table_type = 'BASE TABLE' ORDER BY table_name"
    )
    found = {}
    for name in (str(row["table_name"]) for row in names):
        rows = warehouse_client.query(f"SELECT * FROM core.{name}")
        assert all(row.pop("loaded_at") for row in rows)
        found[name] = sorted(rows, key=repr)
    return found
