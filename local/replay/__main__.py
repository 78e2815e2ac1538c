"""HTTP server of the replay: `python -m local.replay --port N`. `GET /` lists what there is."""

from __future__ import annotations

import argparse
import json
import re
import sys
from datetime import UTC, date, datetime
from email.utils import format_datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from local.layout import HOST
from local.replay import bts, carriers, faa, lists, open_meteo

FLIGHTS_PATH = "/PREZIP"
WEATHER_PATH = "/v1/archive"
AIRCRAFT_PATH = f"/registry/{{date}}/{faa.FILE}"
AIRLINES_PATH = f"/lookup/{{date}}/{carriers.FILE}"
"""Paths of the lists; an ISO day takes the place of `{date}`."""
NOT_FOUND = b"<h1>404 - File or directory not found.</h1>"


class ReplayServer(ThreadingHTTPServer):
    """Serves the sources on the loopback address; `port` 0 lets the system choose."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, port: int) -> None:
        self.flights = bts.Archive()
        self.weather = open_meteo.Archive()
        self.aircraft = faa.Registry(self.flights.tail_numbers())
        self.airlines = carriers.Lookup()
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
            paths = {"weather": WEATHER_PATH, "aircraft": AIRCRAFT_PATH, "airlines": AIRLINES_PATH}
            self._answer_json(HTTPStatus.OK, {"flights": names, **paths})
        elif target.path == WEATHER_PATH:
            try:
                answer = self.server.weather.answer(dict(parse_qsl(target.query)))
            except open_meteo.RefusedError as error:
                self._answer_json(HTTPStatus.BAD_REQUEST, {"error": True, "reason": str(error)})
            else:
                self._answer_json(HTTPStatus.OK, answer)
        elif (day := _day(AIRCRAFT_PATH, target.path)) is not None:
            self._answer_list(day, "application/x-zip-compressed", self.server.aircraft.get(day))
        elif (day := _day(AIRLINES_PATH, target.path)) is not None:
            self._answer_list(day, "text/csv", self.server.airlines.get(day))
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

    def _answer_list(self, day: date, kind: str, body: bytes) -> None:
        self._answer(HTTPStatus.OK, kind, body, modified=datetime(day.year, day.month, day.day, tzinfo=UTC))

    def _answer(self, status: HTTPStatus, kind: str, body: bytes, modified: datetime | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        if modified is not None:
            self.send_header("Last-Modified", format_datetime(modified, usegmt=True))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


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
