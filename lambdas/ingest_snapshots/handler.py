"""Ingest snapshots: FAA's registry of aircraft, BTS's list of airlines → a gzip CSV for a list as of a day.

Event `{"start": "2013-01-01", "end": "2013-01-31"}`, both days included. Where a source is an archive of
dated lists, those of the event's days are fetched, else the one of today. An object that is there already
with the same content is left alone: running it again writes nothing.

The lists decorate the flights. One that cannot be had is not an error: `missing` of the answer has a sentence
for it, the other list is ingested, and what was there before stays. A download that the invocation cannot end
is kept, and the answer has `"complete": false`: see `ingestion`.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterable
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities import parameters
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import ClientError

from flights.sources.carriers import AIRLINES
from flights.sources.client import Client
from flights.sources.download import SourceError
from flights.sources.faa import AIRCRAFT
from flights.sources.partial import DownloadUnfinishedError
from flights.sources.period import Period
from flights.sources.raw_objects import RawObject
from flights.sources.settings import ClientSettings, required
from flights.sources.snapshots import Snapshot, days_asked, snapshots
from ingestion.continuation import downloader, progress

BUCKET, DOWNLOADS, AIRCRAFT_PARAMETER, AIRLINES_PARAMETER, CLIENT_PARAMETER = required(
    os.environ,
    *("RAW_BUCKET", "DOWNLOADS_PREFIX"),
    *("AIRCRAFT_SOURCE_PARAMETER", "AIRLINES_SOURCE_PARAMETER", "CLIENT_PARAMETER"),
)
# The small list first: it is fetched again by each invocation that goes on with the large one.
SOURCES = ((AIRLINES, AIRLINES_PARAMETER), (AIRCRAFT, AIRCRAFT_PARAMETER))
S3 = boto3.client("s3")
logger = Logger(service="ingest_snapshots")


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Ingest the event's period; return the lists' days and rows, the number of new ones, and rejects.

    Lists that could not be had are in `missing`, by name, each with the reason; those whose download goes on
    in the next invocation in `unfinished`.
    """
    period = Period.of_event(event)
    client = Client(ClientSettings.of_json(parameters.get_parameter(CLIENT_PARAMETER, max_age=60)))
    using = downloader(context, client, S3, BUCKET, DOWNLOADS)
    found = Ingested()
    for source, parameter in SOURCES:
        url = parameters.get_parameter(parameter, max_age=60)
        try:
            found.add(source.dataset, snapshots(source, url, days_asked(url, period), downloader=using))
        except DownloadUnfinishedError as error:
            found.unfinished[source.dataset] = error
            logger.info("download goes on", extra=progress(error))
        except SourceError as error:
            found.missing[source.dataset] = str(error)
            logger.warning("list missing", extra={"list": source.dataset, "reason": str(error)})
    return found.answer()


class Ingested:
    """What an invocation has ingested so far."""

    def __init__(self) -> None:
        self.days: dict[str, list[str]] = {}
        self.rows = self.written = 0
        self.rejects = Counter[str]()
        self.missing: dict[str, str] = {}
        self.unfinished: dict[str, DownloadUnfinishedError] = {}

    def add(self, dataset: str, found: Iterable[Snapshot]) -> None:
        """Store snapshots of a list, one after the other as they come."""
        days = self.days.setdefault(dataset, [])
        for snapshot in found:
            new = put_if_new(snapshot.content)
            if snapshot.rejects is not None:
                put_if_new(snapshot.rejects)
                logger.warning(
                    "records rejected", extra={"reasons": snapshot.reasons, "key": snapshot.rejects.key}
                )
            days.append(snapshot.day.isoformat())
            self.rows += snapshot.content.rows
            self.written += new
            self.rejects.update(snapshot.reasons)
            logger.info("snapshot ingested", extra={"key": snapshot.content.key, "new": new})

    def answer(self) -> dict[str, Any]:
        """As the function returns it."""
        counts = {"rows": self.rows, "written": self.written, "rejects": dict(self.rejects)}
        found = {"dataset": "snapshots", **self.days, **counts, "missing": self.missing}
        for error in self.unfinished.values():
            found |= {**progress(error), "unfinished": list(self.unfinished)}
        return found


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
