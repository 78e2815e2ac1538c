"""What the container is told by its environment; the password is not in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flights.sources.airports import Airport, airports
from flights.sources.settings import SettingsError, required


@dataclass(frozen=True)
class EtlSettings:
    """Where the ETL reads and writes."""

    raw_bucket: str
    curated_bucket: str
    airports: tuple[Airport, ...]
    weather_parameter: str
    """Name of the SSM parameter that holds the weather source's URL."""
    host: str
    port: int
    database: str
    secret_arn: str
    """Secret with the database's `username` and `password`."""

    @classmethod
    def of_environment(cls, environment: Mapping[str, str]) -> EtlSettings:
        """Settings from the container's variables. Raises SettingsError."""
        raw, curated, codes, weather, host, port, database, secret = required(
            environment,
            *("RAW_BUCKET", "CURATED_BUCKET", "AIRPORTS", "WEATHER_SOURCE_PARAMETER"),
            *("DATABASE_HOST", "DATABASE_PORT", "DATABASE_NAME", "DATABASE_SECRET_ARN"),
        )
        try:
            known = tuple(airports(code.strip() for code in codes.split(",")))
            return cls(raw, curated, known, weather, host, int(port), database, secret)
        except ValueError as problem:
            raise SettingsError(str(problem)) from problem
