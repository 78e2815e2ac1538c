"""Ingest weather: Open-Meteo's hourly archive → one gzip JSON-lines object a day in the raw zone.

Event `{"start": "2013-01-01", "end": "2013-01-31"}`, both days included, by the airports' local date. Running
it again writes the same keys. Nothing is written unless all airports answered.
"""

from __future__ import annotations

import os
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities import parameters
from aws_lambda_powertools.utilities.typing import LambdaContext

from flights.sources.client import Client
from flights.sources.open_meteo import weather_of_period
from flights.sources.partial import DownloadUnfinishedError
from flights.sources.period import Period
from flights.sources.settings import ClientSettings, IngestSettings
from ingestion.continuation import downloader, progress

SETTINGS = IngestSettings.of_environment(os.environ, "WEATHER_SOURCE_PARAMETER")
S3 = boto3.client("s3")
logger = Logger(service="ingest_weather")


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Ingest the event's period; return the numbers of days, rows and objects written."""
    period = Period.of_event(event)
    source = parameters.get_parameter(SETTINGS.source_parameter, max_age=60)
    client = Client(ClientSettings.of_json(parameters.get_parameter(SETTINGS.client_parameter, max_age=60)))
    try:
        # Its answers are small: what an invocation could not get, the next one asks for anew.
        using = downloader(context, client)
        objects = weather_of_period(source, period, SETTINGS.airports, downloader=using)
    except DownloadUnfinishedError as unfinished:
        logger.info("time is up", extra=progress(unfinished))
        return progress(unfinished)
    for raw in objects:
        S3.put_object(Bucket=SETTINGS.raw_bucket, Key=raw.key, Body=raw.body, ContentType="application/gzip")
    rows = sum(raw.rows for raw in objects)
    logger.info("weather ingested", extra={"days": len(objects), "rows": rows})
    return {
        "dataset": "weather",
        "start": period.start.isoformat(),
        "end": period.end.isoformat(),
        "days": len(period.days()),
        "rows": rows,
        "objects": len(objects),
    }
