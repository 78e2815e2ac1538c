"""A Redshift endpoint without a gateway, for the tests of SQL; its fixtures are in conftest.py."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from local.engines import postgres, redshift

NAMESPACE, WORKGROUP, DATABASE, ADMIN, PASSWORD = "wire", "wire", "refstack", "boss", "Secret-1234"


@dataclass(frozen=True)
class Endpoint:
    """A running endpoint and the server behind it."""

    server: postgres.Server
    port: int

    def connect(self, user: str = ADMIN, password: str = PASSWORD) -> psycopg.Connection[Any]:
        return redshift.connect(self.port, DATABASE, user, password)


@contextmanager
def running_endpoint(home: Path) -> Iterator[Endpoint]:
    """An endpoint whose server lies in `home`, stopped and deleted in the end."""
    saved = os.environ.get("REFSTACK_HOME")
    os.environ["REFSTACK_HOME"] = str(home)
    server = redshift.create(NAMESPACE, DATABASE, ADMIN, PASSWORD)
    try:
        yield Endpoint(server, redshift.open_endpoint(server, NAMESPACE, WORKGROUP, 0))
    finally:
        os.environ["REFSTACK_HOME"] = str(home)
        redshift.close_endpoint(WORKGROUP)
        redshift.delete(NAMESPACE)
        if saved is None:
            os.environ.pop("REFSTACK_HOME")
        else:
            os.environ["REFSTACK_HOME"] = saved


def rows(session: psycopg.Connection[Any], sql: str) -> list[Any]:
    """The rows of a query."""
    return session.execute(sql.encode()).fetchall()
