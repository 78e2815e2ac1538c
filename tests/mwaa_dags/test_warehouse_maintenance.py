"""The maintenance DAG as Airflow sees it, and what freshness means."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from local.engines.redshift_sql import translate
from mwaa_dags.refstack_dags import freshness

FACTS = ["fact_airport_daily", "fact_flight", "fact_flight_lifecycle"]


@pytest.fixture(scope="module")
def maintenance(described: dict[str, Any]) -> dict[str, Any]:
    assert described["errors"] == {}
    dag: dict[str, Any] = described["dags"]["warehouse_maintenance"]
    return dag


@pytest.mark.airflow
def test_its_steps_come_in_order_and_freshness_beside_them(maintenance: dict[str, Any]) -> None:
    above = {name: task["upstream"] for name, task in maintenance["tasks"].items()}

    assert above == {
        "vacuum": [],
        "analyze_tables": ["vacuum"],
        "export_mart": ["analyze_tables"],
        "hours_since_load": [],
        "check_freshness": ["hours_since_load"],
    }
    assert maintenance["tasks"]["vacuum"]["mapped"], "VACUUM runs in no transaction, so each by itself"


@pytest.mark.airflow
def test_it_runs_by_an_option_of_the_environment(
    maintenance: dict[str, Any], describe: Callable[..., dict[str, Any]]
) -> None:
    assert maintenance["schedule"] == "None"
    assert maintenance["catchup"] is False
    assert maintenance["max_active_runs"] == 1
    assert "Export" in maintenance["doc"]
    scheduled = describe(AIRFLOW__REFSTACK__MAINTENANCE_SCHEDULE="0 12 * * *")["dags"]
    assert scheduled["warehouse_maintenance"]["schedule"] == "0 12 * * *"
    assert scheduled["flights_batch"]["schedule"] == "None"


@pytest.mark.airflow
def test_its_statements_are_redshifts(maintenance: dict[str, Any]) -> None:
    for name in ("analyze_tables", "export_mart", "hours_since_load"):
        task = maintenance["tasks"][name]
        sql = task["rendered"]["sql"]
        for statement in [sql] if isinstance(sql, str) else sql:
            assert translate(statement)
        assert task["limits"]["poll_interval"] == 7
        assert task["limits"]["execution_timeout"] == 1801
        assert task["connection"] is None


@pytest.mark.airflow
def test_the_mart_goes_to_the_exports_as_the_unload_role(maintenance: dict[str, Any]) -> None:
    [statement] = translate(maintenance["tasks"]["export_mart"]["rendered"]["sql"])
    unload = statement.unload

    assert unload is not None
    assert unload.target == "s3://warehouse-bucket/exports/mart_on_time_performance/"
    assert unload.role_arn == "arn:aws:iam::000000000000:role/unload"
    assert (unload.format, unload.partition_by, unload.kms_key) == ("parquet", ["month_start"], "auto")
    assert unload.clean_path, "running it again replaces the files"
    assert not unload.manifest, "which CLEANPATH would leave, and the next run refuse to overwrite"


@pytest.mark.airflow
def test_every_fact_table_is_watched(maintenance: dict[str, Any]) -> None:
    queried = maintenance["tasks"]["hours_since_load"]["rendered"]["sql"]
    analysed = maintenance["tasks"]["analyze_tables"]["rendered"]["sql"]

    assert sorted(name for name in FACTS if f"'{name}'" in queried) == FACTS
    assert len(analysed) == len(FACTS)


def answer(*rows: tuple[str, int | None]) -> dict[str, Any]:
    """GetStatementResult's answer."""
    return {
        "ColumnMetadata": [{"name": "table_name"}, {"name": "hours"}],
        "Records": [
            [{"stringValue": table}, {"isNull": True} if hours is None else {"longValue": hours}]
            for table, hours in rows
        ],
    }


def test_tables_loaded_within_the_limit_are_fresh() -> None:
    hours = freshness.hours_since_load(answer(("fact_flight", 48), ("fact_airport_daily", 0)))

    freshness.check(hours, 48)
    assert hours == {"fact_flight": 48, "fact_airport_daily": 0}


def test_each_stale_or_empty_table_is_named() -> None:
    hours = freshness.hours_since_load(answer(("a", 49), ("b", 1), ("c", None)))

    with pytest.raises(freshness.StaleTableError, match=r"48 hours: a was loaded 49 hours ago; c is emp"):
        freshness.check(hours, 48)
