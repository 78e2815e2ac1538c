"""A PostgreSQL server and a replay of the sources, without an embedded AWS around them."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local import processes
from local.engines import postgres
from local.replay.__main__ import ReplayServer


@contextmanager
def postgres_server(name: str, home: Path) -> Iterator[postgres.Server]:
    """An empty server whose data and log are below `home`."""
    saved = os.environ.get("REFSTACK_HOME")
    os.environ["REFSTACK_HOME"] = str(home)
    try:
        yield postgres.create(name, owner="admin")
    finally:
        processes.stop_all()
        if saved is None:
            del os.environ["REFSTACK_HOME"]
        else:
            os.environ["REFSTACK_HOME"] = saved


@contextmanager
def replay_server() -> Iterator[ReplayServer]:
    """The sources of 2013 over HTTP."""
    server = ReplayServer(0)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
