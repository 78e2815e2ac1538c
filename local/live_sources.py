"""What the live sources answer to this machine: one small request each, with an environment's settings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import urllib3

from flights.sources.airports import airports
from flights.sources.bts import month_url
from flights.sources.client import Client, reason
from flights.sources.errors import SourceError
from flights.sources.open_meteo import request_url
from flights.sources.period import Period
from flights.sources.settings import ClientSettings
from flights.sources.snapshots import DATE
from stacks.settings import Ingestion

DAY = date(2013, 1, 1)
"""A day that every source has: nothing is asked for that may not be published yet."""
ASKED_BYTES = 1024
TIMEOUT_SECONDS = 30.0

ZIP, CARRIERS, JSON = b"PK\3\4", b"Code,Description", b"{"
"""How a zip, the table of carriers and JSON begin."""


@dataclass(frozen=True)
class Request:
    """What is asked of a source, and how its answer has to begin."""

    source: str
    url: str
    begins: bytes


@dataclass(frozen=True)
class Finding:
    """What came of a request: a sentence, and whether the pipeline could work with the answer."""

    request: Request
    sentence: str
    good: bool


def requests(settings: Ingestion) -> list[Request]:
    """One request to each source of the settings."""
    [place] = airports(settings.airports[:1])
    day = DAY.isoformat()
    return [
        Request("flights", month_url(settings.flights_source, DAY), ZIP),
        Request("weather", request_url(settings.weather_source, Period(DAY, DAY), place), JSON),
        Request("aircraft", settings.aircraft_source.replace(DATE, day), ZIP),
        Request("airlines", settings.airlines_source.replace(DATE, day), CARRIERS),
    ]


def ask(settings: Ingestion) -> Iterator[Finding]:
    """Ask each source, one after the other."""
    given = {name: getattr(settings, name) for name in ("user_agent", "accept", "intermediates")}
    client = ClientSettings(**{name: value for name, value in given.items() if value is not None})
    for request in requests(settings):
        try:
            yield _asked(request, Client(client))
        except SourceError as error:
            yield Finding(request, str(error), good=False)


def _asked(request: Request, client: Client) -> Finding:
    """The answer to one request: its first bytes are enough, and no server has to send more.

    FAA's refuses HEAD, so the first bytes are asked for.
    """
    asked = {"Range": f"bytes=0-{ASKED_BYTES - 1}"}
    with client.get(request.url, asked, timeout=TIMEOUT_SECONDS) as answer:
        try:
            begin = bytes(answer.raw.read(ASKED_BYTES, decode_content=False))
        except (urllib3.exceptions.HTTPError, OSError) as error:
            return Finding(request, f"{request.url} broke off ({reason(error)})", good=False)
    headers = answer.headers
    whole = re.fullmatch(r"bytes .*/(\d+)", headers.get("Content-Range", ""))
    size = whole[1] if whole else headers.get("Content-Length") if answer.status_code == 200 else None
    words = [
        f"{answer.status_code}",
        f"{int(size):,} bytes" if size else "size unknown",
        f"last modified {headers['Last-Modified']}" if "Last-Modified" in headers else "no date",
        "ranges" if answer.status_code == 206 else "no ranges",
    ]
    if request.url.startswith("https:"):
        fetched = ", ".join(client.completed)
        words.append(
            f"certificate chain completed with {fetched}" if fetched else "certificate chain complete"
        )
    if not begin.removeprefix(b"\xef\xbb\xbf").startswith(request.begins):
        words.append(f"but it begins with {begin[:40]!r}, not with {request.begins!r}")
        return Finding(request, ", ".join(words), good=False)
    return Finding(request, ", ".join(words), good=True)
