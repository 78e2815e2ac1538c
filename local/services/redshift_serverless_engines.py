"""The PostgreSQL server behind each namespace of Redshift Serverless, and its workgroups' endpoints."""

from __future__ import annotations

import threading
from dataclasses import asdict
from typing import Any

from local import layout
from local.engines import doorbell, postgres, redshift
from local.services import state

_servers: dict[str, dict[str, Any]] = state.register("redshift-serverless", "servers")
_unmade: dict[str, dict[str, str]] = state.register("redshift-serverless", "unmade")
"""Namespace → what its server is to be, until somebody needs it."""
_endpoints: dict[str, int] = {}
"""Workgroup → port of its endpoint behind a deferred one."""
_lock = threading.RLock()


def create(namespace: str, *, database: str, admin: str, password: str) -> None:
    """Make the server of a namespace, or have it made when somebody needs it."""
    with _lock:
        _unmade[namespace] = {"database": database, "admin": admin, "password": password}
        if not layout.engines_deferred():
            server_of(namespace)


def server_of(namespace: str) -> postgres.Server:
    """The server behind a namespace, made now if it was not yet; KeyError when there is none."""
    with _lock:
        if namespace in _unmade:
            wanted = _unmade[namespace]
            server = redshift.create(namespace, wanted["database"], wanted["admin"], wanted["password"])
            _servers[namespace] = asdict(server)
            del _unmade[namespace]
        return postgres.Server(**_servers[namespace])


def drop(namespace: str) -> None:
    """Delete a namespace's server and its data."""
    with _lock:
        redshift.delete(namespace)
        _servers.pop(namespace, None)
        _unmade.pop(namespace, None)


def restart_all() -> None:
    """Start the servers of an earlier gateway again."""
    for name, record in _servers.items():
        _servers[name] = asdict(postgres.start(postgres.Server(**record)))


def open_endpoint(namespace: str, workgroup: str, preferred_port: int) -> int:
    """Open the endpoint of a workgroup, or have it opened at the first connection; the port for clients."""
    if layout.engines_deferred():
        return doorbell.open_(_endpoint(workgroup), preferred_port, lambda: _awake(namespace, workgroup))
    return redshift.open_endpoint(server_of(namespace), namespace, workgroup, preferred_port)


def close_endpoint(workgroup: str) -> None:
    """Close the endpoint of a workgroup."""
    with _lock:
        doorbell.close(_endpoint(workgroup))
        redshift.close_endpoint(workgroup)
        _endpoints.pop(workgroup, None)


def _awake(namespace: str, workgroup: str) -> int:
    with _lock:
        if workgroup not in _endpoints:
            _endpoints[workgroup] = redshift.open_endpoint(server_of(namespace), namespace, workgroup, 0)
        return _endpoints[workgroup]


def _endpoint(workgroup: str) -> str:
    return f"redshift-{workgroup}"
