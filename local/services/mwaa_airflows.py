"""The Airflow behind each MWAA environment."""

from __future__ import annotations

import threading
from collections.abc import Callable

from local import layout
from local.engines import doorbell
from local.engines.airflow import PREFERRED_PORT, Airflow, Configuration

_running: dict[str, Airflow] = {}
_deferred: dict[str, tuple[int, Callable[[], Configuration]]] = {}
"""Environment → the port that starts its Airflow, and what it is made of."""
_lock = threading.RLock()
_waking = threading.Lock()


def start(name: str, configuration: Callable[[], Configuration]) -> None:
    """Start the Airflow of an environment, or have it started when somebody needs it.

    AirflowError when it cannot run.
    """
    if layout.engines_deferred():
        port = doorbell.open_(_bell(name), PREFERRED_PORT, lambda: _port(name))
        with _lock:
            _deferred[name] = (port, configuration)
        return
    _run(name, configuration())


def find(name: str) -> Airflow | None:
    """The Airflow of an environment, started now if that was deferred; None while there is none."""
    with _waking:
        with _lock:
            airflow, deferred = _running.get(name), _deferred.get(name)
        if airflow is None and deferred is not None:
            _run(name, deferred[1]())
            airflow = _running[name]
        return airflow


def web_server(name: str) -> str | None:
    """Host and port of an environment's web server; None while there is none."""
    with _lock:
        if name in _deferred:
            return f"{layout.HOST}:{_deferred[name][0]}"
        return _running[name].api.url.partition("://")[2] if name in _running else None


def stop(name: str) -> None:
    """End an environment's Airflow; what it stored stays."""
    doorbell.close(_bell(name))
    with _lock:
        _deferred.pop(name, None)
        airflow = _running.pop(name, None)
    if airflow is not None:
        airflow.stop()


def remove(name: str, configuration: Callable[[], Configuration]) -> None:
    """End an environment's Airflow and delete what it stored."""
    doorbell.close(_bell(name))
    with _lock:
        _deferred.pop(name, None)
        airflow = _running.pop(name, None)
    (airflow or Airflow(configuration())).remove()


def stop_all() -> None:
    """End the Airflow of every environment; what they stored stays."""
    with _lock:
        running = list(_running.values())
    for airflow in running:
        airflow.stop()


def _run(name: str, configuration: Configuration) -> None:
    airflow = Airflow(configuration)
    airflow.start()
    with _lock:
        _running[name] = airflow


def _port(name: str) -> int:
    airflow = find(name)
    if airflow is None:
        raise LookupError(f"environment {name} has no Airflow")
    return int(airflow.api.url.rpartition(":")[2])


def _bell(name: str) -> str:
    return f"mwaa-{name}"
