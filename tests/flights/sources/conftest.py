"""A source that does as it is told, over real HTTP."""

from __future__ import annotations

import io
import re
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from flights.sources.download import RetryPolicy


@dataclass
class Answer:
    """One answer: `announced` is the Content-Length, if it is to differ from the body's; `modified` is the
    Last-Modified, if there is to be one; `headers` are others."""

    status: int = 200
    body: bytes = b""
    announced: int | None = None
    modified: str | None = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Source:
    """A server that gives `answers` in turn, the last one again and again, and notes what was asked."""

    url: str = ""
    answers: list[Answer] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    headers: list[Any] = field(default_factory=list)
    """Headers of each request."""

    def next_answer(self, path: str) -> Answer:
        self.asked.append(path)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@dataclass
class File:
    """A server of one file and its ranges; each of `cuts` ends a connection after so many bytes."""

    url: str = ""
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    cuts: list[int] = field(default_factory=list)
    ranges: bool = True
    asked: list[str | None] = field(default_factory=list)
    """The Range of each request."""
    sent: list[int] = field(default_factory=list)
    """Bytes of each answer."""

    def answer(self, wanted: str | None, condition: str | None) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body, as RFC 9110 has them."""
        self.asked.append(wanted)
        validators = {self.headers.get("ETag"), self.headers.get("Last-Modified")}
        if wanted is None or not self.ranges or (condition and condition not in validators):
            return 200, self.headers, self.body
        start = int(re.fullmatch(r"bytes=(\d+)-", wanted)[1])  # type: ignore[index]
        if start >= len(self.body):
            return 416, {**self.headers, "Content-Range": f"bytes */{len(self.body)}"}, b""
        part = f"bytes {start}-{len(self.body) - 1}/{len(self.body)}"
        # A 206 to an If-Range need not repeat what it was asked with: RFC 9110, section 15.3.7.
        headers = {name: value for name, value in self.headers.items() if name == "ETag"}
        return 206, {**headers, "Content-Range": part}, self.body[start:]


@pytest.fixture
def file() -> Iterator[File]:
    served = File()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, headers, body = served.answer(self.headers["Range"], self.headers["If-Range"])
            sent = body[: served.cuts.pop(0)] if served.cuts else body
            served.sent.append(len(sent))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(sent)

        def log_message(self, *_: object) -> None:
            """Keep the test output clean."""

    yield from running(served, Handler)


def running(served: Any, handler: type[BaseHTTPRequestHandler]) -> Iterator[Any]:
    """`served` with the URL of a server that answers by `handler`, until the test ends."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    served.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield served
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def source() -> Iterator[Source]:
    told = Source()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            told.headers.append(self.headers)
            answer = told.next_answer(self.path)
            self.send_response(answer.status)
            length = len(answer.body) if answer.announced is None else answer.announced
            self.send_header("Content-Length", str(length))
            if answer.modified is not None:
                self.send_header("Last-Modified", answer.modified)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, *_: object) -> None:
            """Keep the test output clean."""

    yield from running(told, Handler)


@pytest.fixture
def answer() -> type[Answer]:
    return Answer


@pytest.fixture
def impatient() -> RetryPolicy:
    """Three attempts, hardly any wait."""
    return RetryPolicy(attempts=3, first_wait=0.001, longest_wait=0.002)


@pytest.fixture
def zipped() -> Callable[..., bytes]:
    """A zip of these members, by name."""

    def pack(**members: str) -> bytes:
        body = io.BytesIO()
        with zipfile.ZipFile(body, "w", zipfile.ZIP_DEFLATED) as packed:
            for name, text in members.items():
                packed.writestr(name.replace("_csv", ".csv"), text)
        return body.getvalue()

    return pack
