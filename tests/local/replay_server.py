"""A replay of the sources in a thread of the test."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

from local.replay.__main__ import ReplayServer


def serve(*arguments: Any) -> Iterator[ReplayServer]:
    """A server on a free port, until the generator goes on."""
    server = ReplayServer(0, *arguments)
    server.RequestHandlerClass.log_message = lambda *_: None
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()
