"""What the embedded AWS remembers from one run to the next.

Services keep their state in dicts got from `Service.state`; ministack's modules have theirs. `save` writes
all of it to one file when the gateway stops, `restore` reads it back before the gateway answers, and the
hooks of `Service.on_restore` then restart the engines behind the services.
"""

from __future__ import annotations

import logging
import pickle
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from local.layout import home

log = logging.getLogger("refstack.state")

STATES: dict[str, dict[Any, Any]] = {}
"""Every registered dict by `<service>:<name>`; plain data only: no threads, sockets or locks."""
HOOKS: list[tuple[str, Callable[[], None]]] = []
"""What to run after a restore, with the name of the service that asked for it."""

_lock = threading.Lock()


def register(service: str, name: str) -> dict[Any, Any]:
    """The dict called `name` of `service`; the same one each time."""
    return STATES.setdefault(f"{service}:{name}", {})


def state_file() -> Path:
    """Where the state of a stopped gateway lies."""
    return home() / "state" / "state.pickle"


def save() -> None:
    """Write the state of our services and of ministack's to disk, whole or not at all."""
    with _lock:
        content = pickle.dumps({"services": STATES, "ministack": _ministack_state(), "s3": _objects()})
        path = state_file()
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        partial.write_bytes(content)
        partial.replace(path)
    log.info("saved %.1f MB of state to %s", len(content) / 2**20, path)


def restore() -> bool:
    """Read the last gateway's state back, if it left any; return whether it did."""
    path = state_file()
    if not path.exists():
        return False
    saved = pickle.loads(path.read_bytes())  # noqa: S301 - written by `save` into this run's own folder
    for key, content in saved["services"].items():
        STATES.setdefault(key, {}).update(content)
    from ministack import app as ministack_app
    from ministack.services import s3

    for module, content in saved["ministack"].items():
        ministack_app._get_module(module).load_persisted_state(content)
    for name, content in saved["s3"].items():
        getattr(s3, name)._data.update(content)
    log.info("restored the state in %s", path)
    return True


def run_hooks() -> list[str]:
    """Restart the engines after a restore; return a sentence for each that did not come back."""
    failures = []
    for service, hook in HOOKS:
        try:
            hook()
        except Exception as error:
            log.exception("%s did not come back", service)
            failures.append(f"{service}: {type(error).__name__}: {error}")
    return failures


def _ministack_state() -> dict[str, Any]:
    """State of every ministack module that was used, by module name."""
    from ministack import app as ministack_app

    found = {}
    for module in set(ministack_app._state_map.values()):
        loaded = sys.modules.get(f"ministack.services.{module}")
        if loaded is not None and hasattr(loaded, "get_state"):
            content = loaded.get_state()
            if content is not None:
                found[module] = content
    return found


def _objects() -> dict[str, Any]:
    """Buckets with their objects and versions, which ministack's own state leaves out."""
    from ministack.core.responses import AccountRegionScopedDict, AccountScopedDict
    from ministack.services import s3

    scoped = (AccountScopedDict, AccountRegionScopedDict)
    return {name: dict(value._data) for name, value in vars(s3).items() if isinstance(value, scoped)}
