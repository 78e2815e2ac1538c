"""PostgreSQL servers on the loopback address: one for each RDS instance and each Redshift namespace.

A server of its own per instance, because PostgreSQL's roles belong to the whole server: two instances may
both have an administrator called `admin`, and a grant in one must not exist in the other. An empty server
takes half a second to make and 30 MB to run.
"""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from local import processes
from local.engines import unprivileged
from local.layout import HOST, home
from local.toolchain import tools

READY_SECONDS = 30.0

SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "max_connections": "60",
    "shared_buffers": "128MB",
    "max_wal_size": "2GB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    # The data live as long as the embedded AWS does: durability would only cost time.
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    # Parallel workers need shared memory that containers often lack.
    "max_parallel_workers_per_gather": "0",
}


@dataclass(frozen=True)
class Server:
    """A PostgreSQL server: where it listens, and its superuser, whom only the emulation itself uses."""

    name: str
    port: int
    owner: str
    password: str
    settings: Mapping[str, str] = field(default_factory=dict)

    def connect(self, database: str = "postgres") -> psycopg.Connection[Any]:
        """A connection as the superuser, in autocommit mode; the caller closes it."""
        return psycopg.connect(
            host=HOST,
            port=self.port,
            dbname=database,
            user=self.owner,
            password=self.password,
            autocommit=True,
            connect_timeout=10,
        )

    def running(self) -> bool:
        """Whether the server's process is alive."""
        return processes.find(self.name) is not None


def create(
    name: str,
    *,
    owner: str,
    preferred_port: int = 0,
    settings: Mapping[str, str] | None = None,
    authentication: str = "scram-sha-256",
) -> Server:
    """Make an empty server called `name`, start it and wait until it answers.

    `settings` are PostgreSQL's, beyond those of every server; `authentication` is how passwords are kept and
    asked for, `scram-sha-256` or `md5`. `preferred_port` is taken if it is free. What a server of this name
    left behind is deleted. Raises RuntimeError with the end of the log when the server does not come up.
    """
    password = secrets.token_urlsafe(24)
    _initialise(name, owner, password, authentication)
    chosen = {**(settings or {}), "password_encryption": authentication}
    return start(Server(name, preferred_port, owner, password, chosen))


def check() -> None:
    """Make an empty server's files and delete them, half a second.

    Raises RuntimeError, in a sentence for a person, when this machine cannot run PostgreSQL here.
    """
    _initialise("check", "check", secrets.token_urlsafe(24), "scram-sha-256")
    drop("check")


def _initialise(name: str, owner: str, password: str, authentication: str) -> None:
    """Make the files of an empty server called `name`, and its superuser."""
    drop(name)
    folder = _folder(name)
    folder.mkdir(parents=True)
    unprivileged.give(folder)
    folder.chmod(0o700)
    with tempfile.NamedTemporaryFile("w", dir=folder.parent, suffix=".password") as file:
        file.write(password)
        file.flush()
        unprivileged.give(file.name)
        argv: list[str | Path] = [
            *(_binary("initdb"), "--pgdata", folder, "--username", owner, "--pwfile", file.name),
            *(
                "--auth",
                authentication,
                "--encoding",
                "UTF8",
                "--locale",
                "C",
                "--no-sync",
                "--no-instructions",
            ),
        ]
        made = processes.spawn(f"{name}-initdb", _unprivileged(argv), env=_environment())
        _wait_for_end(made)


def start(server: Server) -> Server:
    """Start a server that was created and stopped; return it, on another port if its own is taken."""
    processes.stop(server.name)
    _folder(server.name).joinpath("postmaster.pid").unlink(missing_ok=True)
    server = replace(server, port=processes.free_port(server.port))
    chosen = {**SETTINGS, **server.settings}
    settings = [part for key, value in chosen.items() for part in ("-c", f"{key}={value}")]
    argv: list[str | Path] = [
        _binary("postgres"),
        "-D",
        _folder(server.name),
        "-p",
        str(server.port),
        *settings,
    ]
    process = processes.spawn(server.name, _unprivileged(argv), env=_environment())
    deadline = time.monotonic() + READY_SECONDS
    while True:
        try:
            server.connect().close()
        except psycopg.OperationalError as error:
            if not process.running() or time.monotonic() > deadline:
                processes.stop(server.name)
                raise RuntimeError(f"PostgreSQL did not start: {_last_line(process.log)}") from error
            time.sleep(0.05)
        else:
            return server


def stop(name: str) -> None:
    """Stop a server and keep its data."""
    processes.stop(name)


def drop(name: str) -> None:
    """Stop a server and delete its data; nothing happens when there is none."""
    processes.stop(name)
    shutil.rmtree(_folder(name), ignore_errors=True)


def create_user(
    connection: psycopg.Connection[Any], name: str, password: str | None, *attributes: str
) -> None:
    """Create a role that may log in, or change the attributes and the password of the one that exists.

    `attributes` are PostgreSQL's own keywords, e.g. "CREATEDB". Without a password nobody can log in.
    """
    known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [name]).fetchone()
    verb = sql.SQL("ALTER ROLE {}" if known else "CREATE ROLE {}").format(sql.Identifier(name))
    words = [sql.SQL(word) for word in ("LOGIN", *attributes)]
    secret = sql.SQL("PASSWORD {}").format(sql.NULL if password is None else sql.Literal(password))
    connection.execute(sql.SQL(" ").join([verb, *words, secret]))


def create_database(connection: psycopg.Connection[Any], name: str, owner: str) -> None:
    """Create a database that belongs to `owner`."""
    connection.execute(
        sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(name), sql.Identifier(owner))
    )


def _folder(name: str) -> Path:
    return home() / "postgres" / name


def _binary(name: str) -> Path:
    return tools().postgres_bin / name


def _unprivileged(argv: Sequence[str | Path]) -> list[str | Path]:
    return unprivileged.command(argv, _binary("initdb"), home() / "postgres")


def _environment() -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}


def _wait_for_end(process: processes.Process) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while process.running():
        if time.monotonic() > deadline:
            processes.stop(process.name)
            raise RuntimeError(f"initdb did not end within {READY_SECONDS:.0f} s (log: {process.log})")
        time.sleep(0.02)
    processes.stop(process.name)
    if not (_folder(process.name.removesuffix("-initdb")) / "PG_VERSION").exists():
        raise RuntimeError(f"PostgreSQL could not make a database: {_last_line(process.log)}")


def _last_line(log: Path) -> str:
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return f"{lines[-1] if lines else 'it said nothing'} (log: {log})"
