"""python -m etl --start 2013-01-01 --end 2013-01-31: load these days, both included.

A month at a time, each in one transaction; running days again leaves the same rows. Ends with one JSON line
that accounts for every row, or, with exit code 1, with one that says what failed.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Sequence
from datetime import date

import boto3
import psycopg
from botocore.exceptions import BotoCoreError, ClientError

from flights.sources.download import SourceError
from flights.sources.period import Period
from flights.sources.settings import SettingsError

from .extract import Extract, MissingDataError
from .load import Loader, connect
from .settings import EtlSettings
from .transform import Counts, named_airlines, operational_flights, plausible_weather

EXPECTED = (BotoCoreError, ClientError, MissingDataError, SettingsError, SourceError, psycopg.Error)


def load(period: Period, settings: EtlSettings) -> dict[str, Counts]:
    """Load the period; rows read, written and rejected by table."""
    extract = Extract(settings, boto3.session.Session())
    airports = extract.airports()
    counted: dict[str, Counts] = {}
    with connect(settings, *extract.credentials()) as connection:
        loader = Loader(connection)
        loader.create_schema()
        counted["airports"] = loader.merge("airports", airports, Counter())
        airlines = extract.airlines(period.end)
        if airlines.empty:
            _tell("WARNING", "The lake has no list of airlines: carriers are loaded under their codes.")
        counted["airlines"] = loader.merge("airlines", *named_airlines(airlines))
        for days in period.months():
            month = Period(days[0], days[-1])
            flights, rejected = operational_flights(extract.flights(month), airports)
            weather = plausible_weather(extract.weather(month))
            for table, rows, refused in (("weather", weather, Counter()), ("flights", flights, rejected)):
                replaced = loader.replace(table, rows, month, refused)
                counted[table] = counted.get(table, Counts()) + replaced
        loader.analyze()
    return counted


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse, load, tell; the exit code."""
    parser = argparse.ArgumentParser(prog="etl", description=__doc__)
    parser.add_argument("--start", required=True, type=date.fromisoformat, help="first day, ISO")
    parser.add_argument("--end", required=True, type=date.fromisoformat, help="last day, included")
    given = parser.parse_args(arguments)
    days = {"stage": "container_etl", "start": given.start.isoformat(), "end": given.end.isoformat()}
    started = time.monotonic()
    try:
        counted = load(Period(given.start, given.end), EtlSettings.of_environment(os.environ))
    except (*EXPECTED, ValueError) as problem:
        _tell("ERROR", str(problem).strip() or type(problem).__name__, **days)
        return 1
    seconds = round(time.monotonic() - started, 1)
    rows = {table: counts.as_dict() for table, counts in counted.items()}
    _tell("INFO", "loaded", **days, rows=rows, seconds=seconds)
    return 0


def _tell(level: str, message: str, **fields: object) -> None:
    print(json.dumps({"level": level, "message": message, **fields}), flush=True)


if __name__ == "__main__":
    sys.exit(main())
