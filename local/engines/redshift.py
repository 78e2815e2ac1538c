"""A Redshift namespace's engine: a PostgreSQL server with Redshift's functions and views, and endpoints."""

from __future__ import annotations

import hashlib
import hmac
import os
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from local import processes
from local.engines import postgres
from local.engines.redshift_wire import Settings
from local.layout import ROOT

OWNER = "rdsdb"
"""The superuser of a real namespace that belongs to AWS; only the emulation uses it."""
REDSHIFT_SETTINGS = {
    # Redshift's string literals have backslash escapes.
    "standard_conforming_strings": "off",
    "escape_string_warning": "off",
    # Redshift analyses and vacuums by itself, soon after a load.
    "autovacuum_naptime": "10s",
    # What it reads lies in memory here: a jump costs no more than the next page.
    "random_page_cost": "1.1",
}
CATALOG = [Path(__file__).with_name(f"redshift_{name}.sql") for name in ("catalog", "views", "schema")]
ENDPOINT_READY_SECONDS = 20.0


def create(namespace: str, database: str, admin: str, password: str) -> postgres.Server:
    """The engine of a new namespace: `database` and `dev` exist, `admin` is a superuser as on Redshift.

    Passwords are MD5, as Redshift's are: its drivers cannot read PostgreSQL's offer of SCRAM.
    """
    server = postgres.create(
        _server_name(namespace), owner=OWNER, settings=REDSHIFT_SETTINGS, authentication="md5"
    )
    with server.connect("template1") as connection:
        for script in CATALOG:
            connection.execute(script.read_text().encode())
    with server.connect() as connection:
        postgres.create_user(connection, admin, password, "SUPERUSER")
        for name in dict.fromkeys((database, "dev")):
            postgres.create_database(connection, name, admin)
    return server


def delete(namespace: str) -> None:
    """Delete the namespace's data."""
    postgres.drop(_server_name(namespace))


def open_endpoint(server: postgres.Server, namespace: str, workgroup: str, preferred_port: int) -> int:
    """Start the wire protocol of a workgroup; the port, `preferred_port` if it is free."""
    port = processes.free_port(preferred_port)
    settings = Settings(port, server.port, namespace, server.owner, server.password)
    name = _endpoint_name(workgroup)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **settings.environment()}
    process = processes.spawn(name, [sys.executable, "-m", "local.engines.redshift_wire"], env=environment)
    deadline = time.monotonic() + ENDPOINT_READY_SECONDS
    while not processes.listening(port):
        if not process.running() or time.monotonic() > deadline:
            processes.stop(name)
            raise RuntimeError(f"the endpoint of workgroup {workgroup} did not start (log: {process.log})")
        time.sleep(0.05)
    return port


def close_endpoint(workgroup: str) -> None:
    """Stop the wire protocol of a workgroup."""
    processes.stop(_endpoint_name(workgroup))


def set_admin(server: postgres.Server, admin: str, password: str) -> None:
    """Set the administrator's password."""
    with server.connect() as connection:
        postgres.create_user(connection, admin, password, "SUPERUSER")


def iam_user(caller: str) -> str:
    """The database user of an IAM identity: `IAMR:<role>` for a role's session, `IAM:<user>` for a user."""
    resource = caller.rpartition(":")[2]
    kind, _, rest = resource.partition("/")
    if kind == "assumed-role":
        return f"IAMR:{rest.partition('/')[0]}"
    return f"IAM:{rest.rpartition('/')[2]}" if kind == "user" else "IAM:RootIdentity"


def temporary_password(server: postgres.Server, user: str, seconds: int = 900) -> str:
    """A password with which `user` may log in for so long; the user is made, without any right, if it is new.

    Callers within a password's time get the same one, for longer: their sessions do not end each other's.
    When its time is over it never works again.
    """
    now = datetime.now(UTC)
    with server.connect() as connection:
        connection.execute("SELECT pg_advisory_lock(7)")
        known = connection.execute(
            "SELECT shobj_description(oid, 'pg_authid'), rolvaliduntil FROM pg_roles "
            "WHERE rolname = %s AND rolvaliduntil > %s",
            [user, now],
        ).fetchone()
        issued, valid = known or (now.isoformat(), now)
        until = max(valid, now + timedelta(seconds=seconds))
        secret = f"{user} {issued}".encode()
        password = hmac.new(server.password.encode(), secret, hashlib.sha256).hexdigest()
        postgres.create_user(connection, user, password, f"VALID UNTIL '{until.isoformat()}'")
        remark = sql.SQL("COMMENT ON ROLE {} IS {}").format(sql.Identifier(user), sql.Literal(issued))
        connection.execute(remark)
    return password


def cancel(server: postgres.Server, pid: int) -> bool:
    """Cancel what the session `pid` runs."""
    with server.connect() as connection:
        row = connection.execute(sql.SQL("SELECT pg_cancel_backend({})").format(sql.Literal(pid))).fetchone()
    return bool(row and row[0])


def connect(
    port: int, database: str, user: str, password: str, application: str = "RedshiftDataAPI"
) -> psycopg.Connection[Any]:
    """A client's connection to an endpoint, in autocommit mode."""
    return psycopg.connect(
        host="127.0.0.1", port=port, dbname=database, user=user, password=password, autocommit=True,
        application_name=application, connect_timeout=10,
    )  # fmt: skip


def _server_name(namespace: str) -> str:
    return f"redshift-{namespace}"


def _endpoint_name(workgroup: str) -> str:
    return f"redshift-endpoint-{workgroup}"
