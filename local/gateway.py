"""The embedded AWS: ministack with our services and resource types, in one process on the loopback address.

python -m local.gateway        serve on REFSTACK_PORT (4566), state in REFSTACK_HOME, until SIGTERM
"""

from __future__ import annotations

import asyncio
import importlib
import json
import logging
import os
import pkgutil
import signal
import sys
import threading
from typing import Any
from urllib.parse import parse_qs

from local import layout, processes
from local.services import state
from local.services.clients import ROOT_KEY, ROOT_SECRET, endpoint_environment
from local.services.service import raw_path

READY_PATH = "/_refstack/ready"
"""Answers 200 once every service and resource type is in place."""
SHUTDOWN_SECONDS = 20.0

log = logging.getLogger("refstack.gateway")


def configure() -> None:
    """Set what ministack reads from the environment when it is imported."""
    port = str(layout.gateway_port())
    os.environ.update(
        AUTH="true",
        GATEWAY_PORT=port,
        BIND_HOST=layout.HOST,
        MINISTACK_HOST=layout.HOST,
        MINISTACK_ACCOUNT_ID=layout.ACCOUNT,
        MINISTACK_REGION=layout.REGION,
        MINISTACK_WORKER_THREADS="128",
        AWS_ACCESS_KEY_ID=ROOT_KEY,
        AWS_SECRET_ACCESS_KEY=ROOT_SECRET,
        IOT_MTLS_ENABLED="0",
        SFTP_ENABLED="0",
        STATE_DIR=str(layout.home() / "state" / "ministack"),
        DOCKER_HOST="unix:///nonexistent/docker.sock",
        **endpoint_environment(),
    )
    os.environ.setdefault("LOG_LEVEL", "INFO")
    os.environ.pop("AWS_SESSION_TOKEN", None)
    os.environ.pop("AWS_PROFILE", None)


def load(package: str) -> list[str]:
    """Import every module of `package`; raise ImportError that names the one that fails."""
    parent = importlib.import_module(package)
    names = sorted(module.name for module in pkgutil.iter_modules(parent.__path__, f"{package}."))
    for name in names:
        try:
            importlib.import_module(name)
        except Exception as error:
            raise ImportError(f"{name} cannot be imported: {type(error).__name__}: {error}") from error
    return names


def install() -> Any:
    """Put our services, resource types and identity checks into ministack; return its ASGI app."""
    from ministack import app as ministack_app

    from local import (
        cloudformation,
        functions,
        identity,
        launch_images,
        managed_policies,
        objects,
        protocol_errors,
        public_parameters,
        routing,
        s3_answers,
        stack_events,
        stack_rules,
    )

    loaded = load("local.services") + load("local.resources")
    protocol_errors.install()
    identity.install()
    routing.install()
    cloudformation.install()
    functions.install()
    launch_images.install()
    managed_policies.install()
    objects.install()
    public_parameters.install()
    s3_answers.install()
    stack_events.install()
    stack_rules.install()
    log.info("loaded %s", ", ".join(loaded))
    return ministack_app.app


async def serve(app: Any) -> None:
    """Answer requests until SIGTERM or SIGINT, from the state in which an earlier gateway stopped."""
    from hypercorn.asyncio import serve as hypercorn_serve  # type: ignore[import-not-found]
    from hypercorn.config import Config  # type: ignore[import-not-found]

    from local import account, faults, inspection
    from local.services import kafka_identity, lambda_pollers

    config = Config()
    config.bind = [f"{layout.HOST}:{layout.gateway_port()}"]
    config.keep_alive_timeout = 75
    config.graceful_timeout = 2.0
    config.backlog = 1024
    config.loglevel = "WARNING"
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, _begin_shutdown, stopping)

    restored = state.restore()
    readiness: dict[str, Any] = {"status": "restoring" if restored else "ready"}

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        path = scope["path"] if scope["type"] == "http" else None
        if path == READY_PATH:
            code = 200 if readiness["status"] == "ready" else 503
            body = json.dumps({**readiness, "pid": os.getpid(), "home": str(layout.home())}).encode()
            await _respond(send, code, body)
        elif path == inspection.PATH:
            [stack] = parse_qs(scope["query_string"].decode())["stack"]
            await _respond(send, *await asyncio.to_thread(inspection.answer, stack))
        elif path == faults.PATH:
            await _respond(send, *faults.answer(await _body(receive)))
        elif path == account.PATH:
            await _respond(send, 200, account.plant(await _body(receive)))
        elif path == kafka_identity.PATH:
            body = await _body(receive)
            await _respond(send, *await asyncio.to_thread(kafka_identity.answer, body))
        else:
            raw_path.set(scope.get("raw_path", b"").decode("latin-1"))
            await app(scope, receive, send)

    async def bring_back() -> None:
        readiness.update(restore_failures=await asyncio.to_thread(state.run_hooks), status="ready")

    restoring = asyncio.create_task(bring_back()) if restored else None
    await hypercorn_serve(answer, config, shutdown_trigger=stopping.wait)
    if restoring is not None:
        restoring.cancel()
    # A batch that is under way is not committed: what it has written belongs to the state that is saved.
    await asyncio.to_thread(lambda_pollers.stop_all)
    await asyncio.to_thread(state.save)
    await asyncio.to_thread(stop_children)
    logging.shutdown()
    # Threads of jobs that still run would keep the interpreter waiting for them.
    os._exit(0)


async def _body(receive: Any) -> bytes:
    """The whole body of a request."""
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


async def _respond(send: Any, status: int, body: bytes) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def stop_children() -> None:
    """Stop the engines that this gateway started, and its Lambda workers."""
    from local import functions
    from local.services import mwaa

    functions.stop()
    # Whoever starts its processes again when they end has to end them itself.
    mwaa.stop_environments()
    processes.stop_all(spare=os.getpid())


def main() -> int:
    """Serve; 0 after a stop by signal, 1 with one sentence when the port is taken or a module is broken."""
    configure()
    port = layout.gateway_port()
    if processes.listening(port):
        print(f"Port {port} is in use: stop what listens there, or set REFSTACK_PORT.", file=sys.stderr)
        return 1
    try:
        app = install()
    except ImportError as error:
        logging.exception("the gateway cannot start")
        print(f"The gateway cannot start: {error}", file=sys.stderr)
        return 1
    asyncio.run(serve(app))
    return 0


def _begin_shutdown(stopping: asyncio.Event) -> None:
    """Stop serving; leave by force when something (a job, a stuck custom resource) does not end in time."""
    stopping.set()

    def force() -> None:
        stop_children()
        os._exit(0)

    timer = threading.Timer(SHUTDOWN_SECONDS, force)
    timer.daemon = True
    timer.start()


if __name__ == "__main__":
    sys.exit(main())
