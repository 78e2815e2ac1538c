"""A source that takes its time, and a deployed function with little of it."""

from __future__ import annotations

import io
import json
import re
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from local import runtime
from local.services import clients

PIECES = 100


def zip_of(body: bytes) -> bytes:
    """A zip with one file, not compressed."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("readme.pdf", body)
    return packed.getvalue()


@contextmanager
def slow_source(body: bytes, seconds: float) -> Iterator[str]:
    """URL of a document that takes `seconds` to send, from whichever byte on."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = re.fullmatch(r"bytes=(\d+)-", self.headers["Range"] or "")
            start = int(wanted[1]) if wanted else 0
            self.send_response(206 if wanted else 200)
            if wanted:
                self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
            self.send_header("Content-Length", str(len(body) - start))
            self.send_header("ETag", '"one"')
            self.end_headers()
            size = -(-len(body) // PIECES)
            for piece in range(start, len(body), size):
                time.sleep(seconds / PIECES)
                try:
                    self.wfile.write(body[piece : piece + size])
                except OSError:
                    return  # the function had no more time

        def log_message(self, *_: Any) -> None:
            """Keep the test output clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/ReleasableAircraft.zip"
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def changed_parameter(name: str, value: str) -> Iterator[None]:
    """With another value of an SSM parameter."""
    ssm = runtime.client("ssm")
    before = ssm.get_parameter(Name=name)["Parameter"]["Value"]
    ssm.put_parameter(Name=name, Value=value, Overwrite=True)
    try:
        yield
    finally:
        ssm.put_parameter(Name=name, Value=before, Overwrite=True)


@contextmanager
def changed_timeout(function: str, seconds: float) -> Iterator[None]:
    """With another time-out of a function."""
    functions = runtime.client("lambda")
    before = functions.get_function_configuration(FunctionName=function)["Timeout"]
    functions.update_function_configuration(FunctionName=function, Timeout=int(seconds))
    try:
        yield
    finally:
        functions.update_function_configuration(FunctionName=function, Timeout=before)


def invoke(function: str, **event: str) -> dict[str, Any]:
    """What a function answers to Airflow. Raises AssertionError when it failed."""
    airflow = runtime.client("mwaa").get_environment(Name="refstack-dev-airflow")["Environment"]
    caller = clients.client("lambda", role_arn=airflow["ExecutionRoleArn"])
    answer = caller.invoke(FunctionName=function, Payload=json.dumps(event))
    payload: dict[str, Any] = json.load(answer["Payload"])
    assert "FunctionError" not in answer, payload
    return payload
