"""A COPY under way in a session: rows on their way from S3 to the server, rejected lines to the catalog."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field

import psycopg

from local.engines import redshift_copy
from local.engines.redshift_copy_rows import Reject
from local.engines.redshift_messages import message
from local.engines.redshift_s3 import TransferError, embedded_namespace
from local.engines.redshift_sql import Statement
from local.layout import HOST

INSERT_ERROR = """
INSERT INTO pg_catalog.redshift_load_errors
    (query, pid, userid, table_id, starttime, filename, line_number, colname, col_type, raw_field_value,
     raw_line, err_code, err_reason)
SELECT coalesce((SELECT max(query) FROM pg_catalog.redshift_loads), 0) + 1, %s,
    (SELECT oid FROM pg_roles WHERE rolname = %s), %s, now() AT TIME ZONE 'UTC', %s, %s, %s, %s, %s, %s,
    %s, %s
"""


@dataclass
class Loading:
    """A COPY under way: its statement, its target, and what became of it."""

    statement: Statement
    target: redshift_copy.Target
    error: TransferError | None = None
    lines: int = 0
    over: asyncio.Event = field(default_factory=asyncio.Event)


async def feed(loading: Loading, namespace: str, server: asyncio.StreamWriter) -> list[Reject]:
    """Write a COPY's rows to the server; return the rejected lines. A failure is left in `error`."""
    command = loading.statement.copy
    assert command is not None
    rejects: list[Reject] = []
    chunks = redshift_copy.rows(command, loading.target, embedded_namespace(namespace), rejects.append)
    try:
        while (chunk := await asyncio.to_thread(_next, chunks)) is not None:
            if loading.over.is_set():
                break
            server.write(message(b"d", chunk))
            await server.drain()
    except TransferError as error:
        loading.error = error
    except Exception as error:
        loading.error = TransferError("COPY failed", f"{type(error).__name__}: {error}")
    return rejects


def record(owner: tuple[int, str, str], pid: int, loading: Loading, rejects: list[Reject]) -> None:
    """Keep rejected lines where they outlive the transaction; `owner` is a port, a user and a password."""
    port, user, password = owner
    with psycopg.connect(
        host=HOST, port=port, user=user, password=password, dbname="postgres", autocommit=True
    ) as admin:
        session = admin.execute(
            "SELECT datname, usename FROM pg_stat_activity WHERE pid = %s", [pid]
        ).fetchone()
    if session is None:
        return
    database, caller = session
    with psycopg.connect(host=HOST, port=port, user=user, password=password, dbname=database) as connection:
        connection.cursor().executemany(
            INSERT_ERROR, [(pid, caller, loading.target.oid, *_reported(item)) for item in rejects]
        )


def _reported(item: Reject) -> tuple[str | int, ...]:
    return (item.file, item.line, item.column, item.kind, item.value, item.raw, item.code, item.reason)


def _next(chunks: Iterator[bytes]) -> bytes | None:
    return next(chunks, None)
