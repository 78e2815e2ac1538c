"""The command line of a job."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from datetime import date

from flights.errors import JobError
from flights.sources.period import Period


def parse_arguments(names: Sequence[str], argv: Sequence[str] | None = None) -> argparse.Namespace:
    """The options called `names`, each with a value and required; others, such as Glue's own, are ignored.

    An option may be written with hyphens or underscores. Exits with a usage message if one is missing.
    """
    parser = argparse.ArgumentParser(allow_abbrev=False)
    for name in names:
        spellings = dict.fromkeys((f"--{name}", f"--{name.replace('_', '-')}"))
        parser.add_argument(*spellings, dest=name, required=True)
    arguments, _ = parser.parse_known_args(argv)
    return arguments


def period_of(arguments: argparse.Namespace) -> Period:
    """The period from start_date to end_date; JobError if it is none."""
    try:
        return Period(date.fromisoformat(arguments.start_date), date.fromisoformat(arguments.end_date))
    except ValueError as error:
        raise JobError(f"Wrong dates: {error}. Give --start_date and --end_date as 2013-01-31.") from error


def run_key_of(arguments: argparse.Namespace) -> str:
    """The run key; JobError if it can not be part of an object's key."""
    if not re.fullmatch(r"[A-Za-z0-9_-]+", arguments.run_key):
        raise JobError(f"The run key {arguments.run_key!r} may only have letters, digits, _ and -.")
    return str(arguments.run_key)


def zone_uri(bucket: str) -> str:
    """URI of a zone: `s3://` and the bucket's name, or a folder's URI as it is."""
    return bucket.rstrip("/") if "://" in bucket else f"s3://{bucket}"
