"""Settings of an ingest function: of its environment, and of the requests that it sends."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields

from flights.sources.airports import Airport, airports

USER_AGENT = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/147.0.0.0 Safari/537.36"
)
"""A browser's: registry.faa.gov answers 403 to other agents. The FAA client of
mvanhorn/printing-press-library (pull request 1460, July 2026) downloads the registry with this one: it
"satisfies the Akamai front door, which rejects non-browser User-Agents with 403"."""
ACCEPT = "*/*"
"""As other public code for the registry has it: "rejects requests without a browser-like UA/Accept"."""


class SettingsError(Exception):
    """The environment lacks a setting, or has one that makes no sense."""


def required(environment: Mapping[str, str], *names: str) -> tuple[str, ...]:
    """Values of these variables; SettingsError names all that are missing or empty."""
    missing = [name for name in names if not environment.get(name)]
    if missing:
        raise SettingsError(f"the environment lacks {', '.join(missing)}")
    return tuple(environment[name] for name in names)


@dataclass(frozen=True)
class ClientSettings:
    """How a request looks, and what is trusted."""

    user_agent: str = USER_AGENT
    accept: str = ACCEPT
    intermediates: str = ""
    """Intermediate certificates (PEM) that a server leaves out of its chain; they need not be given if the
    server's certificate names their address. They complete a chain, which still has to end in a root of the
    system's."""

    @classmethod
    def of_json(cls, text: str) -> ClientSettings:
        """Settings from a JSON object; what it lacks or has empty is the default. Raises SettingsError."""
        names = {field.name for field in fields(cls)}
        try:
            given = json.loads(text)
        except ValueError:
            given = None
        if (
            not isinstance(given, dict)
            or not given.keys() <= names
            or not all(isinstance(value, str) for value in given.values())
        ):
            known = ", ".join(sorted(names))
            raise SettingsError(
                f"the settings of requests are {text!r}, not a JSON object of texts called {known}"
            )
        return cls(**{name: value for name, value in given.items() if value})


@dataclass(frozen=True)
class IngestSettings:
    """Where an ingest function reads and writes."""

    raw_bucket: str
    airports: tuple[Airport, ...]
    source_parameter: str
    """Name of the SSM parameter that holds the source's base URL."""
    client_parameter: str
    """Name of the SSM parameter that holds the ClientSettings as JSON."""

    @classmethod
    def of_environment(cls, environment: Mapping[str, str], source_variable: str) -> IngestSettings:
        """Settings from RAW_BUCKET, AIRPORTS ("EWR,JFK,LGA"), CLIENT_PARAMETER and the source's variable."""
        bucket, codes, parameter, client = required(
            environment, "RAW_BUCKET", "AIRPORTS", source_variable, "CLIENT_PARAMETER"
        )
        try:
            known = airports(code.strip() for code in codes.split(","))
        except ValueError as error:
            raise SettingsError(f"AIRPORTS is {codes!r}: {error}") from error
        return cls(bucket, tuple(known), parameter, client)
