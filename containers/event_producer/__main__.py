"""python -m event_producer --day 2013-02-08: replay the flights of a day as events.

As fast as the brokers take them; --speed-up N lets time pass N times faster than it did, --rate N sends N
events a second. --late, --duplicates and --malformed plant that share of defects (0 to 1). --format json
sends the simple option. Ends with one JSON line that says what was acknowledged, or, with exit code 1, with
one that says what failed.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import sys
from collections.abc import Sequence
from datetime import date
from typing import Any

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
from botocore.exceptions import BotoCoreError, ClientError
from confluent_kafka import KafkaException

from flights.sources.airports import time_zones
from flights.sources.raw_objects import partition
from flights.sources.settings import SettingsError, required
from streaming.brokers import Brokers, NoWayInError
from streaming.events import VERSIONS, schema
from streaming.producer import DeliveryError, Encoder, Sent, avro_encoder, json_encoder, send, summary
from streaming.registry import SchemaError, version_id
from streaming.replay import Defects, publications


class MissingDataError(Exception):
    """The lake has no flights of the day."""


EXPECTED = (
    *(BotoCoreError, ClientError, KafkaException, SettingsError, SchemaError),
    *(DeliveryError, NoWayInError, MissingDataError),
)


def flights_of(s3: Any, bucket: str, day: date) -> list[dict[str, Any]]:
    """Curated flights of a day. Raises MissingDataError."""
    listed = s3.list_objects_v2(Bucket=bucket, Prefix=f"flights/{partition(day)}/").get("Contents", [])
    keys = [each["Key"] for each in listed if each["Key"].endswith(".parquet")]
    if not keys:
        raise MissingDataError(f"The lake has no curated flights of {day}: run the DAG flights_batch first.")
    bodies = [s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys]
    rows: list[dict[str, Any]] = pa.concat_tables(
        [pq.ParquetFile(io.BytesIO(body)).read() for body in bodies]
    ).to_pylist()
    return rows


def replay(given: argparse.Namespace) -> Sent:
    """Send the day's events."""
    arn, topic, registry, name, bucket = required(
        os.environ, "CLUSTER_ARN", "TOPIC", "SCHEMA_REGISTRY", "SCHEMA_NAME", "CURATED_BUCKET"
    )
    brokers = Brokers.of_cluster(boto3.client("kafka"), arn)
    encode: Encoder = json_encoder
    if given.format == "avro":
        newest = VERSIONS[-1]
        encode = avro_encoder(version_id(boto3.client("glue"), registry, name, schema(newest)), newest)
    defects = Defects(given.late, given.duplicates, given.malformed, given.seed)
    return send(
        publications(flights_of(boto3.client("s3"), bucket, given.day), time_zones(), defects),
        brokers.client_settings(),
        topic,
        encode,
        speed_up=given.speed_up,
        rate=given.rate,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse, send, tell; the exit code."""
    parser = argparse.ArgumentParser(prog="event_producer", description=__doc__)
    parser.add_argument("--day", required=True, type=date.fromisoformat)
    pace = parser.add_mutually_exclusive_group()
    pace.add_argument("--speed-up", type=float)
    pace.add_argument("--rate", type=float)
    for name in ("late", "duplicates", "malformed"):
        parser.add_argument(f"--{name}", type=float, default=0.0)
    parser.add_argument("--seed", type=int, default=2013)
    parser.add_argument("--format", choices=("avro", "json"), default="avro")
    given = parser.parse_args(arguments)
    try:
        sent = replay(given)
    except EXPECTED as problem:
        print(json.dumps({"level": "ERROR", "message": str(problem) or type(problem).__name__}), flush=True)
        return 1
    print(summary(sent), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
