"""Raw objects as lines: one gzip text object a day."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from flights.errors import UnreadableObjectError, listing
from flights.sources.period import Period
from flights.sources.raw_objects import raw_key
from flights.spark.days import files_by_day, paths_to_read
from flights.spark.storage import Storage


class RawObjects:
    """The objects of a period's days of one data set under a zone's URI, one a day."""

    def __init__(self, spark: SparkSession, zone: str, dataset: str, period: Period) -> None:
        """Raises UnreadableObjectError if a day's object is missing or has no bytes."""
        self._spark = spark
        self._zone = zone
        self._dataset = dataset
        expected = {day: f"{zone}/{raw_key(dataset, day)}" for day in period.days()}
        self._objects = list(expected.values())
        found = files_by_day(spark, f"{zone}/{dataset}", period)
        whole = {file.uri.rpartition("/")[2] for files in found.values() for file in files if file.size > 0}
        missing = [uri for uri in self._objects if uri.rpartition("/")[2] not in whole]
        if missing:
            raise UnreadableObjectError(
                f"{len(missing)} of {len(self._objects)} raw objects are missing or have no bytes: "
                f"{listing(missing)}. Ingest those days again, then run this job again; nothing of this run "
                "was written."
            )
        self._paths = paths_to_read(f"{zone}/{dataset}", period, found)

    def lines(self) -> DataFrame:
        """The objects' lines as (object_day DATE, source_key, position, line); blank lines are dropped.

        `position` grows within an object. Other objects in the days' folders are not read.
        """
        keys = [uri.removeprefix(f"{self._zone}/") for uri in self._objects]
        # All keys of a data set are equally long: years have four digits, months and days two.
        source_key = F.substring("_metadata.file_path", -len(keys[0]), len(keys[0]))
        text = self._spark.read.option("recursiveFileLookup", "true").text(self._paths)
        return (
            text.select(
                source_key.alias("source_key"),
                F.monotonically_increasing_id().alias("position"),
                F.col("value").alias("line"),
            )
            .where(F.col("source_key").isin(keys))
            .where(F.trim("line") != "")
            .withColumn("object_day", self._day(keys[0]))
        )

    def _day(self, key: str) -> Column:
        """The day in `source_key`, of which `key` is an example."""
        return F.substring("source_key", key.rindex("/") + len(self._dataset) + 3, 10).cast("date")

    def damaged(self) -> UnreadableObjectError | None:
        """The error that names the objects that can not be read to their end; None if all are whole."""
        storage = Storage(self._spark)
        damages = [
            f"{uri} ({damage})" for uri in self._objects if (damage := storage.damage(uri)) is not None
        ]
        if not damages:
            return None
        return UnreadableObjectError(
            f"{len(damages)} of {len(self._objects)} raw objects can not be read to their end: "
            f"{listing(damages)}. How many rows they lack is unknown, so nothing of this run was written. "
            "Ingest those days again, then run this job again."
        )
