"""EMR Serverless job: flight events from Kafka to windows, alerts and an archive on S3.

Arguments: --cluster-arn --topic --partitions (of the topic) --dead-letter-topic --alert-topic --registry
--schema --lake, and optionally --run-key, --starting-offsets (JSON: partition to offset), --trigger-seconds
(of the windows), --archive-seconds, --available-now, --records-per-batch, --alert-minutes, --until (ISO 8601:
end when the windows up to then are closed).
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from datetime import datetime
from typing import Optional

import boto3
from pyspark.sql import SparkSession

from streaming.brokers import Brokers, NoWayInError
from streaming.registry import versions
from streaming.spark.job import StreamJob

SETTINGS = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "false",
    "spark.hadoop.mapreduce.fileoutputcommitter.marksuccessfuljobs": "false",
    # The least of the partitions' watermarks counts: streaming.lateness relies on it.
    "spark.sql.streaming.multipleWatermarkPolicy": "min",
    # The job looks at all of them several times a second: few, but more than end in between.
    "spark.sql.streaming.numRecentProgressUpdates": "10",
    "spark.sql.streaming.minBatchesToRetain": "10",
    # Consumers outlive the archive's pauses; a new one would be two new connections.
    "spark.kafka.consumer.cache.timeout": "30m",
}


def main(argv: Optional[Sequence[str]] = None) -> None:  # noqa: UP045 - EMR's Python may be 3.9
    """Run the job."""
    given = _arguments(argv)
    # Not every place where Spark runs tells boto3 a region.
    region = given.cluster_arn.split(":")[3]
    try:
        brokers = Brokers.of_cluster(boto3.client("kafka", region_name=region), given.cluster_arn)
    except NoWayInError as error:
        sys.exit(f"stream_flight_events failed: {error}")
    job = StreamJob(
        kafka=brokers.spark_options(),
        topic=given.topic,
        partitions=given.partitions,
        dead_letters=given.dead_letter_topic,
        alerts=given.alert_topic,
        schemas=versions(boto3.client("glue", region_name=region), given.registry, given.schema),
        lake=given.lake.rstrip("/"),
        run_key=given.run_key,
        starting_offsets=json.loads(given.starting_offsets) if given.starting_offsets else None,
        trigger_seconds=given.trigger_seconds,
        archive_seconds=given.archive_seconds,
        available_now=given.available_now,
        records_per_batch=given.records_per_batch,
        alert_minutes=given.alert_minutes,
    )
    builder = SparkSession.builder.appName("stream_flight_events")
    for key, value in SETTINGS.items():
        builder = builder.config(key, value)
    until = datetime.fromisoformat(given.until.replace("Z", "+00:00")) if given.until else None
    print(json.dumps(job.run(builder.getOrCreate(), until)))


def _arguments(argv: Optional[Sequence[str]]) -> argparse.Namespace:  # noqa: UP045
    parser = argparse.ArgumentParser(allow_abbrev=False)
    for name in ("cluster-arn", "topic", "dead-letter-topic", "alert-topic", "registry", "schema", "lake"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--partitions", type=int, required=True)
    parser.add_argument("--run-key", default="live")
    parser.add_argument("--starting-offsets", default="")
    parser.add_argument("--trigger-seconds", type=float, default=10.0)
    parser.add_argument("--archive-seconds", type=float, default=300.0)
    parser.add_argument("--available-now", action="store_true")
    parser.add_argument("--records-per-batch", type=int)
    parser.add_argument("--alert-minutes", type=float, default=30.0)
    parser.add_argument("--until", default="")
    return parser.parse_args(argv)


if __name__ == "__main__":
    main()
