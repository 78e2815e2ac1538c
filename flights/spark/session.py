"""The Spark session of a job."""

from __future__ import annotations

from pyspark.sql import SparkSession

SETTINGS = {
    # Times are UTC wherever they are instants; local ones are kept as hhmm numbers.
    "spark.sql.session.timeZone": "UTC",
    # Casts of text that does not fit give null: the cleaning rules judge it, not an exception.
    "spark.sql.ansi.enabled": "false",
    # Output becomes visible when the whole job is done, never a failed job's. Where renaming is copying, as
    # on S3, version 1 is also the cheaper one: it moves whole folders (see flights.spark.days).
    "spark.hadoop.mapreduce.fileoutputcommitter.algorithm.version": "1",
    # COPY reads every object under its prefix: no marker objects among them.
    "spark.hadoop.mapreduce.fileoutputcommitter.marksuccessfuljobs": "false",
    # List a run's input from the driver: a Spark job of one task a folder costs more than it saves.
    "spark.sql.sources.parallelPartitionDiscovery.threshold": "1000",
}
"""What the jobs rely on, whatever the cluster's defaults."""


def job_session(name: str) -> SparkSession:
    """The session of the job `name`: the running one, if the service has made one, with our settings."""
    builder = SparkSession.builder.appName(name)
    for key, value in SETTINGS.items():
        builder = builder.config(key, value)
    spark = builder.getOrCreate()
    for key, value in SETTINGS.items():
        spark.conf.set(key.removeprefix("spark.hadoop."), value)
    return spark
