"""Reads flights and airlines from the lake, airports from the package, the weather from its API."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from importlib.resources import files
from typing import Any

import boto3
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from flights.schema import CURATED_FLIGHTS, RAW_AIRLINES, RAW_WEATHER
from flights.sources.open_meteo import weather_of_period
from flights.sources.period import Period
from flights.sources.raw_objects import partition

from .settings import EtlSettings

DOWNLOADS = 8
"""Objects that are fetched at a time."""
NULLABLE = {pa.int32(): pd.Int32Dtype(), pa.bool_(): pd.BooleanDtype(), pa.string(): pd.StringDtype()}
"""pandas' types that hold nulls without turning numbers into floats."""
SNAPSHOT = re.compile(r"snapshot=(\d{4}-\d{2}-\d{2})/")


class MissingDataError(Exception):
    """The lake lacks what the run needs; the message says what, and what makes it."""


class Extract:
    """Reads with the clients of one AWS session."""

    def __init__(self, settings: EtlSettings, session: boto3.session.Session) -> None:
        self._settings = settings
        self._session = session
        self._s3 = session.client("s3")

    def credentials(self) -> tuple[str, str]:
        """User and password of the database, as the secret has them at this moment."""
        secrets = self._session.client("secretsmanager")
        secret = json.loads(secrets.get_secret_value(SecretId=self._settings.secret_arn)["SecretString"])
        return secret["username"], secret["password"]

    def flights(self, period: Period) -> pd.DataFrame:
        """Curated flights of the period. Raises MissingDataError when a day has not been curated."""
        days = period.days()
        with ThreadPoolExecutor(DOWNLOADS) as pool:
            keys = list(pool.map(self._keys_of_day, days))
            missing = [day for day, found in zip(days, keys, strict=True) if not found]
            if missing:
                raise MissingDataError(
                    f"The lake has no curated flights of {missing[0]} ({len(missing)} such days): "
                    "run the DAG flights_batch for these days first."
                )
            tables = list(pool.map(self._table, [key for found in keys for key in found]))
        return pa.concat_tables(tables).to_pandas(types_mapper=NULLABLE.get)

    def _keys_of_day(self, day: date) -> list[str]:
        prefix = f"flights/{partition(day)}/"
        found = self._s3.list_objects_v2(Bucket=self._settings.curated_bucket, Prefix=prefix)
        return [one["Key"] for one in found.get("Contents", []) if one["Key"].endswith(".parquet")]

    def _table(self, key: str) -> pa.Table:
        body = self._s3.get_object(Bucket=self._settings.curated_bucket, Key=key)["Body"].read()
        return pq.ParquetFile(io.BytesIO(body)).read(columns=list(CURATED_FLIGHTS.names))

    def weather(self, period: Period) -> pd.DataFrame:
        """Hourly weather at the airports, straight from the source, with the airport's own date."""
        source = self._session.client("ssm").get_parameter(Name=self._settings.weather_parameter)
        objects = weather_of_period(source["Parameter"]["Value"], period, self._settings.airports)
        lines: list[dict[str, Any]] = []
        for day, raw in zip(period.days(), objects, strict=True):
            hours = gzip.decompress(raw.body).decode().splitlines()
            lines += [{"weather_date": day, **json.loads(hour)} for hour in hours]
        # Without an hour, too, the columns are there.
        return pd.DataFrame(lines, columns=["weather_date", *RAW_WEATHER.names])

    def airlines(self, day: date) -> pd.DataFrame:
        """The airlines of the last snapshot up to `day`, or of the first one, as it has them; else none.

        The list only gives names: carriers of flights that it lacks are loaded under their code.
        """
        pages = self._s3.get_paginator("list_objects_v2").paginate(
            Bucket=self._settings.raw_bucket, Prefix="airlines/"
        )
        snapshots = {
            match[1]: one["Key"]
            for page in pages
            for one in page.get("Contents", [])
            if (match := SNAPSHOT.search(one["Key"]))
        }
        if not snapshots:
            return pd.DataFrame(columns=list(RAW_AIRLINES.names), dtype="string")
        taken = max((each for each in snapshots if each <= day.isoformat()), default=min(snapshots))
        body = self._s3.get_object(Bucket=self._settings.raw_bucket, Key=snapshots[taken])["Body"].read()
        with gzip.open(io.BytesIO(body), "rt", encoding="utf-8", newline="") as lines:
            return pd.DataFrame(csv.DictReader(lines), dtype="string")

    def airports(self) -> pd.DataFrame:
        """The reference table of airports."""
        text = files("flights").joinpath("reference", "airports.csv").read_text(encoding="utf-8")
        named = {
            "faa": "airport",
            "name": "name",
            "lat": "latitude_deg",
            "lon": "longitude_deg",
            "alt": "altitude_feet",
            "tzone": "time_zone",
        }
        read = pd.read_csv(io.StringIO(text), na_values=["NA", r"\N"], keep_default_na=False)
        return read[list(named)].rename(columns=named).replace("", None)
