"""Which PostgreSQL versions RDS makes new instances of. The servers behind them are all of one version."""

from __future__ import annotations

from local.services.service import ServiceError

CURRENT = "18.6"
"""What RDS makes when no version is asked for."""
NO_LONGER = frozenset({"16.5", "16.6", "16.7", "16.8", "17.1", "17.2", "17.3", "17.4"})
"""Minor versions that RDS makes no instance of since May 2026, though it keeps running those there are.

https://docs.aws.amazon.com/AmazonRDS/latest/PostgreSQLReleaseNotes/postgresql-release-calendar.html
"""


def check(version: str) -> None:
    """Raise InvalidParameterCombination unless RDS makes instances of `version`."""
    if version in NO_LONGER:
        raise ServiceError("InvalidParameterCombination", f"Cannot find version {version} for postgres")
