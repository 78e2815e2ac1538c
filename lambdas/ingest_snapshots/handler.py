"""Ingest snapshots: FAA's registry of aircraft, BTS's list of airlines → a gzip CSV for a list as of a day.

Event `{"start": "2013-01-01", "end": "2013-01-31"}`, both days included. Where a source is an archive of
dated lists, those of the event's days are fetched, else the one of today. An object that is there already
with the same content is left alone: running it again writes nothing.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities import parameters
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import ClientError

from flights.sources.carriers import AIRLINES
from flights.sources.client import Client
from flights.sources.download import Downloader
from flights.sources.faa import AIRCRAFT
from flights.sources.period import Period
from flights.sources.raw_objects import RawObject
from flights.sources.settings import ClientSettings, required
from flights.sources.snapshots import days_asked, snapshots

BUCKET, AIRCRAFT_PARAMETER, AIRLINES_PARAMETER, CLIENT_PARAMETER = required(
    os.environ, "RAW_BUCKET", "AIRCRAFT_SOURCE_PARAMETER", "AIRLINES_SOURCE_PARAMETER", "CLIENT_PARAMETER"
)
SOURCES = ((AIRCRAFT, AIRCRAFT_PARAMETER), (AIRLINES, AIRLINES_PARAMETER))
S3 = boto3.client("s3")
logger = Logger(service="ingest_snapshots")


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """Ingest the event's period; return the lists' days and rows, the number of new ones, and rejects."""
    period = Period.of_event(event)
    client = Client(ClientSettings.of_json(parameters.get_parameter(CLIENT_PARAMETER, max_age=60)))
    days: dict[str, list[str]] = {}
    rows = written = 0
    rejects = Counter[str]()
    for source, parameter in SOURCES:
        url = parameters.get_parameter(parameter, max_age=60)
        days[source.dataset] = []
        for snapshot in snapshots(source, url, days_asked(url, period), downloader=Downloader(client)):
            new = put_if_new(snapshot.content)
            if snapshot.rejects is not None:
                put_if_new(snapshot.rejects)
                logger.warning(
                    "records rejected", extra={"reasons": snapshot.reasons, "key": snapshot.rejects.key}
                )
            days[source.dataset].append(snapshot.day.isoformat())
            rows += snapshot.content.rows
            written += new
            rejects.update(snapshot.reasons)
            logger.info("snapshot ingested", extra={"key": snapshot.content.key, "new": new})
    return {"dataset": "snapshots", **days, "rows": rows, "written": written, "rejects": dict(rejects)}


def put_if_new(raw: RawObject) -> bool:
    """Put the object unless it is there with this content; whether it was put.

    The content's hash is kept as metadata: with KMS an ETag is no checksum.
    """
    digest = hashlib.sha256(raw.body).hexdigest()
    try:
        if S3.head_object(Bucket=BUCKET, Key=raw.key)["Metadata"].get("sha256") == digest:
            return False
    except ClientError as error:
        if error.response["Error"]["Code"] != "404":
            raise
    S3.put_object(
        Bucket=BUCKET,
        Key=raw.key,
        Body=raw.body,
        ContentType="application/gzip",
        Metadata={"sha256": digest},
    )
    return True
