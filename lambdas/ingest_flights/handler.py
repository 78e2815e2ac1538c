"""Ingest flights: BTS's monthly files → one gzip CSV a day in the raw zone.

Event `{"start": "2013-01-01", "end": "2013-01-31"}`, both days included. Running it again writes the same
keys with the same bytes. An object is written only after its whole month was read and checked. A download
that the invocation cannot end is kept, and the answer is `{"complete": false, …}`: see `ingestion`.
"""

from __future__ import annotations

import os
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities import parameters
from aws_lambda_powertools.utilities.typing import LambdaContext

from flights.sources.bts import flights_of_month
from flights.sources.client import Client
from flights.sources.partial import DownloadUnfinishedError
from flights.sources.period import Period
from flights.sources.settings import ClientSettings, IngestSettings, required
from ingestion.continuation import downloader, progress

SETTINGS = IngestSettings.of_environment(os.environ, "FLIGHTS_SOURCE_PARAMETER")
(DOWNLOADS,) = required(os.environ, "DOWNLOADS_PREFIX")
S3 = boto3.client("s3")
logger = Logger(service="ingest_flights")


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Ingest the event's period; return the numbers of days, rows and objects written."""
    period = Period.of_event(event)
    source = parameters.get_parameter(SETTINGS.source_parameter, max_age=60)
    client = Client(ClientSettings.of_json(parameters.get_parameter(SETTINGS.client_parameter, max_age=60)))
    origins = [airport.code for airport in SETTINGS.airports]
    using = downloader(context, client, S3, SETTINGS.raw_bucket, DOWNLOADS)
    rows = objects = 0
    for days in period.months():
        try:
            month = flights_of_month(source, days, origins, downloader=using)
        except DownloadUnfinishedError as unfinished:
            logger.info("download goes on", extra=progress(unfinished))
            return progress(unfinished)
        for raw in month:
            S3.put_object(
                Bucket=SETTINGS.raw_bucket, Key=raw.key, Body=raw.body, ContentType="application/gzip"
            )
            rows += raw.rows
            objects += 1
        logger.info("month ingested", extra={"month": f"{days[0]:%Y-%m}", "days": len(days)})
    return {
        "dataset": "flights",
        "start": period.start.isoformat(),
        "end": period.end.isoformat(),
        "days": len(period.days()),
        "rows": rows,
        "objects": objects,
    }
