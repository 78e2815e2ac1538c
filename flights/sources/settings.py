"""Settings of an ingest function, read from its environment once, when it starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flights.sources.airports import Airport, airports


class SettingsError(Exception):
    """The environment lacks a setting, or has one that makes no sense."""


def required(environment: Mapping[str, str], *names: str) -> tuple[str, ...]:
    """Values of these variables; SettingsError names all that are missing or empty."""
    missing = [name for name in names if not environment.get(name)]
    if missing:
        raise SettingsError(f"the environment lacks {', '.join(missing)}")
    return tuple(environment[name] for name in names)


@dataclass(frozen=True)
class IngestSettings:
    """Where an ingest function reads and writes."""

    raw_bucket: str
    airports: tuple[Airport, ...]
    source_parameter: str
    """Name of the SSM parameter that holds the source's base URL."""

    @classmethod
    def of_environment(cls, environment: Mapping[str, str], source_variable: str) -> IngestSettings:
        """Settings from RAW_BUCKET, AIRPORTS ("EWR,JFK,LGA") and the variable that names the parameter."""
        bucket, codes, parameter = required(environment, "RAW_BUCKET", "AIRPORTS", source_variable)
        try:
            known = airports(code.strip() for code in codes.split(","))
        except ValueError as error:
            raise SettingsError(f"AIRPORTS is {codes!r}: {error}") from error
        return cls(bucket, tuple(known), parameter)
