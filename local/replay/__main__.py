"""HTTP server of the replay: `python -m local.replay --port N`. `GET /` lists what there is."""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from datetime import UTC, date, datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qsl, urlsplit

from local.layout import HOST
from local.replay import bts, carriers, faa, lists, open_meteo
from local.replay.answers import DENIED, Answer, Faults
from local.replay.incomplete_chain import IncompleteChain

FLIGHTS_PATH = "/PREZIP"
WEATHER_PATH = "/v1/archive"
AIRCRAFT_PATH = f"/registry/{{date}}/{faa.FILE}"
AIRLINES_PATH = f"/lookup/{{date}}/{carriers.FILE}"
"""Paths of the lists; an ISO day takes the place of `{date}`."""
FAULTS_PATH = "/faults"
TOO_MANY = b"<h1>429 - Too many requests.</h1>"
NOT_FOUND = b"<h1>404 - File or directory not found.</h1>"
BROWSERS = "Mozilla/5.0 ("
"""How the agents begin that registry.faa.gov serves; it refuses HEAD to all."""
PUBLISHED = date(2014, 2, 20)
"""Day on which BTS published the files of the year."""


class ReplayServer(ThreadingHTTPServer):
    """Serves the sources on the loopback address; `port` 0 lets the system choose.

    With `chain` it speaks TLS and leaves out the intermediate certificate, as transtats.bts.gov does at
    times.
    """

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, port: int, chain: IncompleteChain | None = None) -> None:
        self.flights = bts.Archive()
        self.weather = open_meteo.Archive()
        self.aircraft = faa.Registry(self.flights.tail_numbers())
        self.airlines = carriers.Lookup()
        self.faults = Faults()
        self._chain = chain
        super().__init__((HOST, port), _Handler)

    def get_request(self) -> tuple[Any, Any]:
        """The next connection; its handshake is made by the thread that serves it."""
        connection, address = super().get_request()
        if self._chain is not None:
            connection = self._chain.context.wrap_socket(
                connection, server_side=True, do_handshake_on_connect=False
            )
        return connection, address

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Show faults of the replay's own; that a client leaves is its right."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"{'https' if self._chain else 'http'}://{HOST}:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    """Answers GET and HEAD; PUT to FAULTS_PATH switches faults on, and `{}` all of them off."""

    server: ReplayServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path == FAULTS_PATH:
            self._send(_json(HTTPStatus.OK, self.server.faults.as_json()))
        elif self.path != "/" and self.server.faults.is_busy():
            self._send(self._busy())
        else:
            answer = self._answer(urlsplit(self.path))
            self._send(answer.of_request(dict(self.headers), ranges=not self.server.faults.no_ranges))

    do_HEAD = do_GET  # noqa: N815 - http.server's name

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path != FAULTS_PATH:
            self._send(Answer(HTTPStatus.NOT_FOUND, "text/html", NOT_FOUND))
            return
        try:
            self.server.faults = Faults.of_json(body)
        except ValueError as error:
            self._send(_json(HTTPStatus.BAD_REQUEST, {"error": str(error)}))
        else:
            self._send(_json(HTTPStatus.OK, self.server.faults.as_json()))

    def _answer(self, target: SplitResult) -> Answer:
        if target.path == "/":
            names = [f"{FLIGHTS_PATH}/{name}" for name in self.server.flights.names()]
            paths = {"weather": WEATHER_PATH, "aircraft": AIRCRAFT_PATH, "airlines": AIRLINES_PATH}
            return _json(HTTPStatus.OK, {"flights": names, **paths})
        if target.path == WEATHER_PATH:
            try:
                return _json(HTTPStatus.OK, self.server.weather.answer(dict(parse_qsl(target.query))))
            except open_meteo.RefusedError as error:
                return _json(HTTPStatus.BAD_REQUEST, {"error": True, "reason": str(error)})
        if (day := _day(AIRCRAFT_PATH, target.path)) is not None:
            if self.command == "HEAD" or not self.headers.get("User-Agent", "").startswith(BROWSERS):
                return Answer(HTTPStatus.FORBIDDEN, "text/html", DENIED)
            return _zip(self.server.aircraft.get(day), _midnight(day))
        if (day := _day(AIRLINES_PATH, target.path)) is not None:
            return Answer(HTTPStatus.OK, "text/csv", self.server.airlines.get(day), _midnight(day))
        folder, _, name = target.path.rpartition("/")
        body = self.server.flights.get(name) if folder == FLIGHTS_PATH else None
        if body is None or any(name == bts.file_name(month) for month in self.server.faults.missing_months):
            return Answer(HTTPStatus.NOT_FOUND, "text/html", NOT_FOUND)
        return _zip(body, _midnight(PUBLISHED))

    def _busy(self) -> Answer:
        asked = self.server.faults.retry_after
        headers = {"Retry-After": asked} if asked else {}
        return Answer(HTTPStatus.TOO_MANY_REQUESTS, "text/html", TOO_MANY, headers=headers)

    def _send(self, answer: Answer) -> None:
        faults = self.server.faults
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.kind)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if self.command == "HEAD":
            return
        sent = 0
        for piece in faults.pieces(answer.body):
            if faults.bytes_per_second and sent:
                time.sleep(len(piece) / faults.bytes_per_second)
            self.wfile.write(piece)
            sent += len(piece)
        self.close_connection = self.close_connection or sent < len(answer.body)


def _json(status: HTTPStatus, answer: Any) -> Answer:
    body = answer if isinstance(answer, bytes) else json.dumps(answer, ensure_ascii=False).encode()
    return Answer(status, "application/json; charset=utf-8", body)


def _zip(body: bytes, modified: datetime) -> Answer:
    return Answer(HTTPStatus.OK, "application/x-zip-compressed", body, modified)


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _day(pattern: str, path: str) -> date | None:
    """The day of the list in force on the day that `path` names; None if it is no path of `pattern`."""
    before, after = map(re.escape, pattern.split("{date}"))
    match = re.fullmatch(rf"{before}(\d{{4}}-\d\d-\d\d){after}", path)
    try:
        return lists.latest(date.fromisoformat(match[1])) if match else None
    except ValueError:
        return None


def main() -> int:
    """Serve until interrupted; 1 and a sentence if that is not possible."""
    parser = argparse.ArgumentParser(prog="python -m local.replay", description=__doc__)
    parser.add_argument("--port", type=int, default=4580, help="port on the loopback address (default 4580)")
    parser.add_argument(
        "--incomplete-chain",
        type=Path,
        metavar="FOLDER",
        help="answer by TLS without the intermediate certificate; FOLDER gets root.pem for the client",
    )
    given = parser.parse_args()
    port = given.port
    try:
        chain = IncompleteChain(given.incomplete_chain) if given.incomplete_chain else None
        server = ReplayServer(port, chain)
    except FileNotFoundError as error:
        print(f"The replay of the data sources cannot start: {error}.", file=sys.stderr)
        return 1
    except OSError as error:
        reason = error.strerror
        print(f"The replay cannot listen on {HOST}:{port} ({reason}): give another --port.", file=sys.stderr)
        return 1
    paths = ", ".join((WEATHER_PATH, AIRCRAFT_PATH, AIRLINES_PATH))
    try:
        # From this line on it may be interrupted.
        print(f"replaying {server.url}{FLIGHTS_PATH}, {paths}", flush=True)
        server.serve_forever()
    except KeyboardInterrupt:
        return 0
    finally:
        server.server_close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
