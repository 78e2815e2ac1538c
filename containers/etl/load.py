"""Writes to PostgreSQL: rows by the COPY protocol into a temporary table, from there into their own."""

from __future__ import annotations

import io
from collections import Counter
from importlib.resources import files
from typing import Any

import pandas as pd
import psycopg
import pyarrow as pa
from psycopg import sql
from pyarrow import csv

from flights.sources.period import Period

from .settings import EtlSettings
from .transform import Counts

SCHEMA = "operations"
CHUNK_ROWS = 10_000
KEYS = {"airports": "airport", "airlines": "carrier"}
"""Lists that are merged → their key."""
DAYS = {"flights": "flight_date", "weather": "weather_date"}
"""Tables that are replaced by day → the day's column."""


def connect(settings: EtlSettings, user: str, password: str) -> psycopg.Connection[Any]:
    """A connection, encrypted where the server offers it (RDS insists on it)."""
    return psycopg.connect(
        host=settings.host,
        port=settings.port,
        dbname=settings.database,
        sslmode="prefer",
        connect_timeout=15,
        application_name="container_etl",
        user=user,
        password=password,
        autocommit=True,
        # Each month makes its temporary table anew: a plan prepared on the last one's would be refused.
        prepare_threshold=None,
    )


class Loader:
    """Loads tables of the schema `operations`; each call is one transaction, and can be repeated."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    def create_schema(self) -> None:
        """Make tables and indexes that are not there yet; the schema must be."""
        with self._connection.transaction():
            self._lock()
            self._connection.execute(files(__package__).joinpath("schema.sql").read_bytes())

    def merge(self, table: str, rows: pd.DataFrame, rejected: Counter[str]) -> Counts:
        """Insert new rows of a list and update the known ones; none is deleted, since flights name them.

        `rejected` were left out of `rows` before.
        """
        key = KEYS[table]
        with self._connection.transaction():
            self._lock()
            columns = self._copy(table, rows)
            others = [
                sql.SQL("{0} = EXCLUDED.{0}").format(sql.Identifier(each)) for each in columns if each != key
            ]
            done = self._connection.execute(
                sql.SQL("INSERT INTO {} SELECT * FROM incoming ON CONFLICT ({}) DO UPDATE SET {}").format(
                    _name(table), sql.Identifier(key), sql.SQL(", ").join(others)
                )
            )
        return Counts(len(rows) + rejected.total(), done.rowcount, rejected)

    def replace(self, table: str, rows: pd.DataFrame, period: Period, rejected: Counter[str]) -> Counts:
        """Put `rows` in place of all rows of the period's days. `rejected` were left out of them before."""
        day = sql.Identifier(DAYS[table])
        with self._connection.transaction():
            self._lock()
            self._copy(table, rows)
            self._connection.execute(
                sql.SQL("DELETE FROM {} WHERE {} BETWEEN %s AND %s").format(_name(table), day),
                (period.start, period.end),
            )
            if table == "flights":
                # The list of airlines may lag behind the flights.
                self._connection.execute(
                    sql.SQL(
                        "INSERT INTO {} SELECT DISTINCT carrier, carrier FROM incoming ON CONFLICT DO NOTHING"
                    ).format(_name("airlines"))
                )
            done = self._connection.execute(
                sql.SQL("INSERT INTO {} SELECT * FROM incoming").format(_name(table))
            )
        return Counts(len(rows) + rejected.total(), done.rowcount, rejected)

    def analyze(self) -> None:
        """Refresh the planner's statistics."""
        with self._connection.transaction():
            for table in (*KEYS, *DAYS):
                self._connection.execute(sql.SQL("ANALYZE {}").format(_name(table)))

    def _lock(self) -> None:
        """One load at a time, until the transaction ends."""
        self._connection.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", (SCHEMA,))

    def _copy(self, table: str, rows: pd.DataFrame) -> list[str]:
        """Copy rows into the temporary table `incoming`, shaped like `table`; the table's columns."""
        self._connection.execute(
            sql.SQL("CREATE TEMPORARY TABLE incoming (LIKE {}) ON COMMIT DROP").format(_name(table))
        )
        shape = self._connection.execute("SELECT * FROM incoming LIMIT 0").description or []
        columns = [column.name for column in shape]
        lines = pa.Table.from_pandas(rows[columns], preserve_index=False)
        with (
            self._connection.cursor() as cursor,
            cursor.copy("COPY incoming FROM STDIN (FORMAT csv)") as copy,
        ):
            for batch in lines.to_batches(CHUNK_ROWS):
                text = io.BytesIO()
                # Arrow's writer is three times as fast as pandas' own. A null is empty, an empty text quoted.
                csv.write_csv(batch, text, csv.WriteOptions(include_header=False))
                copy.write(text.getvalue())
        return columns


def _name(table: str) -> sql.Identifier:
    return sql.Identifier(SCHEMA, table)
