"""A source that does as it is told, over real HTTP."""

from __future__ import annotations

import io
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from flights.sources.download import RetryPolicy


@dataclass
class Answer:
    """One answer: `announced` is the Content-Length, if it is to differ from the body's; `modified` is the
    Last-Modified, if there is to be one."""

    status: int = 200
    body: bytes = b""
    announced: int | None = None
    modified: str | None = None


@dataclass
class Source:
    """A server that gives `answers` in turn, the last one again and again, and notes what was asked."""

    url: str = ""
    answers: list[Answer] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def next_answer(self, path: str) -> Answer:
        self.asked.append(path)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@pytest.fixture
def source() -> Iterator[Source]:
    told = Source()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer = told.next_answer(self.path)
            self.send_response(answer.status)
            length = len(answer.body) if answer.announced is None else answer.announced
            self.send_header("Content-Length", str(length))
            if answer.modified is not None:
                self.send_header("Last-Modified", answer.modified)
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, *_: object) -> None:
            """Keep the test output clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    told.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield told
    server.shutdown()
    thread.join()
    server.server_close()


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
