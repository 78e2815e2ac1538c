"""The questions of docs/sql on the engines of a deployed platform: rows as every engine has them."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import psycopg

from local import runtime, summary, warehouse_client
from tests.docs.sql_answers import FOLDER, plain, text

Rows = list[list[str]]


def on_postgresql(name: str) -> Rows:
    """The rows of a question on RDS."""
    return _asked(runtime.write_endpoints()["database"], name)


def on_redshift(name: str) -> Rows:
    """The rows of a question on the workgroup, over the page's views."""
    return _asked(runtime.write_endpoints()["warehouse"], name)


def on_athena(name: str) -> Rows:
    """The rows of a question over the curated zone."""
    athena = runtime.client("athena")
    started = athena.start_query_execution(
        QueryString=text(name),
        QueryExecutionContext={"Database": summary.deployment()["catalog"]["curated_database"]},
        ResultConfiguration={
            "OutputLocation": f"s3://{summary.deployment()['buckets']['artifacts']}/athena/"
        },
    )["QueryExecutionId"]
    while True:
        status = athena.get_query_execution(QueryExecutionId=started)["QueryExecution"]["Status"]
        if status["State"] in {"SUCCEEDED", "FAILED", "CANCELLED"}:
            break
        time.sleep(0.1)
    assert status["State"] == "SUCCEEDED", status.get("StateChangeReason")
    _, *rows = athena.get_query_results(QueryExecutionId=started)["ResultSet"]["Rows"]
    return [[plain(field.get("VarCharValue")) for field in row["Data"]] for row in rows]


def create_redshift_views() -> None:
    """What docs/sql/redshift_views.sql makes, as the administrator."""
    script = (FOLDER / "redshift_views.sql").read_text()
    for statement in script.split(";\n"):
        if statement.strip():
            warehouse_client.query(statement)


def _asked(at: dict[str, Any], name: str) -> Rows:
    with psycopg.connect(**at, autocommit=True) as connection:
        connection.execute("SET search_path TO operations")
        return [[plain(value) for value in row] for row in connection.execute(text(name)).fetchall()]


ENGINES: dict[str, Callable[[str], Rows]] = {"Redshift": on_redshift, "Athena": on_athena}
"""Engines beside PostgreSQL."""
