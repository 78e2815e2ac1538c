"""HTTP server of the replay: `python -m local.replay --port N`. `GET /` lists what there is."""

from __future__ import annotations

import argparse
import json
import sys
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from local.layout import HOST
from local.replay import bts, open_meteo

FLIGHTS_PATH = "/PREZIP"
WEATHER_PATH = "/v1/archive"
NOT_FOUND = b"<h1>404 - File or directory not found.</h1>"


class ReplayServer(ThreadingHTTPServer):
    """Serves both sources on the loopback address; `port` 0 lets the system choose."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, port: int) -> None:
        self.flights = bts.Archive()
        self.weather = open_meteo.Archive()
        super().__init__((HOST, port), _Handler)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://{HOST}:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    """Answers GET and HEAD."""

    server: ReplayServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        target = urlsplit(self.path)
        if target.path == "/":
            names = [f"{FLIGHTS_PATH}/{name}" for name in self.server.flights.names()]
            self._answer_json(HTTPStatus.OK, {"flights": names, "weather": WEATHER_PATH})
        elif target.path == WEATHER_PATH:
            try:
                answer = self.server.weather.answer(dict(parse_qsl(target.query)))
            except open_meteo.RefusedError as error:
                self._answer_json(HTTPStatus.BAD_REQUEST, {"error": True, "reason": str(error)})
            else:
                self._answer_json(HTTPStatus.OK, answer)
        else:
            folder, _, name = target.path.rpartition("/")
            body = self.server.flights.get(name) if folder == FLIGHTS_PATH else None
            if body is None:
                self._answer(HTTPStatus.NOT_FOUND, "text/html", NOT_FOUND)
            else:
                self._answer(HTTPStatus.OK, "application/x-zip-compressed", body)

    do_HEAD = do_GET  # noqa: N815 - http.server's name

    def _answer_json(self, status: HTTPStatus, answer: Any) -> None:
        self._answer(
            status, "application/json; charset=utf-8", json.dumps(answer, ensure_ascii=False).encode()
        )

    def _answer(self, status: HTTPStatus, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def main() -> int:
    """Serve until interrupted; 1 and a sentence if that is not possible."""
    parser = argparse.ArgumentParser(prog="python -m local.replay", description=__doc__)
    parser.add_argument("--port", type=int, default=4580, help="port on the loopback address (default 4580)")
    port = parser.parse_args().port
    try:
        server = ReplayServer(port)
    except FileNotFoundError as error:
        print(f"The replay of the data sources cannot start: {error}.", file=sys.stderr)
        return 1
    except OSError as error:
        reason = error.strerror
        print(f"The replay cannot listen on {HOST}:{port} ({reason}): give another --port.", file=sys.stderr)
        return 1
    print(f"replaying {server.url}{FLIGHTS_PATH} and {server.url}{WEATHER_PATH}", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        return 0
    finally:
        server.server_close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
