"""The DAG of the operational store as Airflow sees it."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.airflow


@pytest.fixture(scope="module")
def container_etl(described: dict[str, Any]) -> dict[str, Any]:
    assert described["errors"] == {}
    dag: dict[str, Any] = described["dags"]["container_etl"]
    return dag


def test_it_is_one_container_after_the_store_is_prepared_started_on_demand(
    container_etl: dict[str, Any],
) -> None:
    prepare, load = container_etl["tasks"]["prepare"], container_etl["tasks"]["load"]

    assert set(container_etl["tasks"]) == {"prepare", "load"}
    assert "LambdaInvokeFunctionOperator" in prepare["bases"]
    assert "EcsRunTaskOperator" in load["bases"]
    assert load["upstream"] == ["prepare"]
    assert container_etl["schedule"] == "None"
    assert container_etl["params"] == {"start": None, "end": None}
    assert "operational store" in container_etl["doc"]


def test_without_days_it_loads_the_day_that_lies_the_publication_lag_before(
    container_etl: dict[str, Any],
) -> None:
    # The run's logical date is 2013-03-17, the lag 75 days.
    assert container_etl["tasks"]["load"]["rendered"] == {
        "arguments": ["--start", "2013-01-01", "--end", "2013-01-01"]
    }


def test_it_polls_and_gives_up_as_the_settings_say(container_etl: dict[str, Any]) -> None:
    task = container_etl["tasks"]["load"]

    assert task["limits"]["waiter_delay"] == 7
    assert task["limits"]["execution_timeout"] == 3602
    assert task["connection"] is None
    assert task["retries"] == 2
