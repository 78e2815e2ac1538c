"""What lies in RDS for PostgreSQL, and a way to keep its writers waiting."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from containers.etl import load
from local import runtime


def connect() -> psycopg.Connection:
    """As the master user."""
    return psycopg.connect(**runtime.write_endpoints()["database"])


def flights(day: str) -> int:
    """Rows of a day in the schema operations."""
    with connect() as database:
        [(count,)] = database.execute(
            "SELECT COUNT(*) FROM operations.flights WHERE flight_date = %s", [day]
        ).fetchall()
    return int(count)


def arrivals() -> list[tuple[Any, ...]]:
    """Day and notices of each arrival that was noted."""
    with connect() as database:
        if database.execute("SELECT to_regclass('orchestration.arrivals')").fetchone() == (None,):
            return []
        return database.execute("SELECT day::text, files FROM orchestration.arrivals ORDER BY 1").fetchall()


@contextmanager
def busy() -> Iterator[None]:
    """With another load under way: one that starts now waits for its end before it writes."""
    with connect() as database:
        database.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [load.SCHEMA])
        yield
