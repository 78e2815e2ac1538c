"""The PostgreSQL server behind each RDS instance."""

from __future__ import annotations

import threading
from dataclasses import asdict
from typing import Any

from local import layout
from local.engines import doorbell, postgres
from local.services import state
from local.services.rds_master_user import prepare

OWNER = "rdsadmin"
"""The superuser that AWS keeps for itself on a real instance."""

_servers: dict[str, dict[str, Any]] = state.register("rds", "servers")
_unmade: dict[str, dict[str, Any]] = state.register("rds", "unmade")
"""Instance → what its server is to be, until somebody needs it."""
_lock = threading.RLock()


def create(name: str, port: int, *, admin: str, password: str, database: str | None) -> int:
    """Make the server of an instance, or have it made at the first connection; the port for clients."""
    with _lock:
        _unmade[name] = {"admin": admin, "password": password, "database": database}
        if layout.engines_deferred():
            return _ring(name, port)
        return server_of(name, port).port


def server_of(name: str, port: int = 0) -> postgres.Server:
    """The server of an instance; it is made now if it was not yet, on this port if that is free."""
    with _lock:
        if name in _unmade:
            wanted = _unmade[name]
            server = postgres.create(_process(name), owner=OWNER, preferred_port=port)
            prepare(server, wanted["admin"], wanted["password"], wanted["database"])
            _servers[name] = asdict(server)
            del _unmade[name]
        return postgres.Server(**_servers[name])


def start(name: str, port: int | None = None) -> int:
    """Start a server that was stopped, or move it to another port; the port for clients."""
    with _lock:
        doorbell.close(_process(name))
        known = server_of(name)
        wanted = known if port is None else postgres.Server(**{**asdict(known), "port": port})
        _servers[name] = asdict(postgres.start(wanted))
        return int(_servers[name]["port"])


def restore(name: str, port: int) -> int:
    """Bring the server of an earlier gateway back; the port for clients."""
    return _ring(name, port) if name in _unmade else start(name)


def stop(name: str) -> None:
    """Stop a server and keep its data."""
    doorbell.close(_process(name))
    postgres.stop(_process(name))


def drop(name: str) -> None:
    """Delete a server and its data."""
    with _lock:
        doorbell.close(_process(name))
        postgres.drop(_process(name))
        _servers.pop(name, None)
        _unmade.pop(name, None)


def _ring(name: str, port: int) -> int:
    return doorbell.open_(_process(name), port, lambda: server_of(name).port)


def _process(name: str) -> str:
    return f"rds-{name}"
