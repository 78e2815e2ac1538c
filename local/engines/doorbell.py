"""Ports whose engine starts with the first connection; later ones go through to it as well.

For deployments of which nobody may ever use the data plane: `layout.engines_deferred()`.
"""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable
from contextlib import suppress

from local import processes
from local.layout import HOST

log = logging.getLogger("refstack.doorbell")

CHUNK_BYTES = 1 << 16

_listening: dict[str, socket.socket] = {}
_lock = threading.Lock()


def open_(name: str, preferred_port: int, wake: Callable[[], int]) -> int:
    """Listen for the engine called `name`; the port, `preferred_port` if it is free.

    `wake` starts the engine unless it runs, and gives its own port. It is called for each connection.
    """
    close(name)
    listener = socket.create_server((HOST, processes.free_port(preferred_port)))
    with _lock:
        _listening[name] = listener
    threading.Thread(
        target=_accept, args=(name, listener, wake), name=f"doorbell {name}", daemon=True
    ).start()
    return int(listener.getsockname()[1])


def close(name: str) -> None:
    """Stop listening for an engine; connections that are open stay."""
    with _lock:
        listener = _listening.pop(name, None)
    if listener is not None:
        # A thread that waits in accept() would keep the port.
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def _accept(name: str, listener: socket.socket, wake: Callable[[], int]) -> None:
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=_connect, args=(name, client, wake), daemon=True).start()


def _connect(name: str, client: socket.socket, wake: Callable[[], int]) -> None:
    try:
        engine = socket.create_connection((HOST, wake()))
    except Exception:
        log.exception("%s did not start for its client", name)
        client.close()
        return
    for source, target in ((client, engine), (engine, client)):
        threading.Thread(target=_pump, args=(source, target), daemon=True).start()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(CHUNK_BYTES):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
