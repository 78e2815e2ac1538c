"""A warehouse without a cloud: the emulated Redshift, and the DAG's SQL run on it as the DAG runs it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pyarrow.parquet as pq
import pytest

from bench.warehouse import script
from flights.schema import STAR
from flights.tables import Table
from local.engines import postgres, redshift

NAMESPACE, WORKGROUP, DATABASE, ADMIN, PASSWORD = "loads", "loads", "refstack", "boss", "Secret-1234"
CONTEXT = {
    "cfg": {
        "buckets": {"warehouse": "refstack-warehouse"},
        "warehouse": {"copy_role_arn": "arn:aws:iam::000000000000:role/copy"},
    },
    "run_key": "manual_1",
}


class Warehouse:
    """The tables of the star schema in an emulated Redshift."""

    def __init__(self, server: postgres.Server, port: int) -> None:
        self._server = server
        self._port = port

    def reset(self) -> None:
        """Make all tables anew, empty."""
        with self.session() as session:
            for schema in ("staging", "core"):
                session.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE".encode())
                session.execute(f"CREATE SCHEMA {schema}".encode())
            for statement in script("create_tables"):
                session.execute(statement.encode())

    def session(self) -> closing[psycopg.Connection[Any]]:
        """A client's connection, closed after use as the Data API's."""
        return closing(redshift.connect(self._port, DATABASE, ADMIN, PASSWORD))

    def put(self, table: str, columns: Iterable[str], rows: Iterable[tuple[Any, ...]]) -> None:
        """Put rows into a table, past all SQL of the pipeline."""
        with (
            self._server.connect(DATABASE) as session,
            session.cursor().copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN".encode()) as copy,
        ):
            for row in rows:
                copy.write_row(row)

    def load(self, table: Table, delivered: Iterable[tuple[Any, ...]], start: str, end: str) -> None:
        """Run load_<table>.sql in one transaction, with these rows in place of what COPY would find in S3."""
        empty, copy, *rest = script(f"load_{table.name}", **CONTEXT, start=start, end=end)
        assert copy.startswith("COPY")
        with self.session() as session:
            session.execute(empty.encode())
            self.put(f"staging.{table.name}", table.names, delivered)
            with session.transaction():
                for statement in rest:
                    session.execute(statement.encode())

    def load_run(self, zone: Path, run_key: str, start: str, end: str) -> None:
        """Load what a run of the Spark jobs delivered, in the DAG's order."""
        for table in STAR:
            rows = pq.read_table(zone / table.name / f"run={run_key}").to_pylist()
            self.load(table, (tuple(row.values()) for row in rows), start, end)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """What a query gives."""
        with self.session() as session:
            return session.execute(sql.encode()).fetchall()

    def tables(self) -> dict[str, list[tuple[Any, ...]]]:
        """Every row of every table of the star schema, sorted, without the time it was loaded."""
        return {
            table.name: sorted(self.rows(f"SELECT {', '.join(table.names)} FROM core.{table.name}"), key=repr)
            for table in STAR
        }


@pytest.fixture(scope="module")
def warehouse_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """One emulated Redshift for a module."""
    saved = os.environ.get("REFSTACK_HOME")
    os.environ["REFSTACK_HOME"] = home = str(tmp_path_factory.mktemp("warehouse"))
    server = redshift.create(NAMESPACE, DATABASE, ADMIN, PASSWORD)
    try:
        yield Warehouse(server, redshift.open_endpoint(server, NAMESPACE, WORKGROUP, 0))
    finally:
        os.environ["REFSTACK_HOME"] = home
        redshift.close_endpoint(WORKGROUP)
        redshift.delete(NAMESPACE)
        if saved is None:
            os.environ.pop("REFSTACK_HOME")
        else:
            os.environ["REFSTACK_HOME"] = saved


@pytest.fixture
def warehouse(warehouse_server: Warehouse) -> Warehouse:
    """A warehouse with empty tables."""
    warehouse_server.reset()
    return warehouse_server
