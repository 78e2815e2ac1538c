"""The streaming job: two queries over the same topic, which share nothing but the rule on what is late.

`archive` keeps every record with what became of it, and sends the unreadable ones to the dead-letter topic.
`windows` counts the accepted ones by airport and hour, and sends alerts. Both write a batch's files under a
path that is the batch's own, and overwrite it when the batch is repeated: each record counts once, for any
reader of the files. What goes to topics may come again after a failure, under the same identity.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from typing import Any, Optional

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as f
from pyspark.sql.streaming.query import StreamingQuery

from streaming.events import LARGEST_DEAD_LETTER
from streaming.spark.parsing import ACCEPTED, DEAD_LETTER, TICKED, events
from streaming.spark.windows import airport_windows, alerts, watermarked

POLL_SECONDS = 0.2
CONNECTIONS = {"fetchOffset.numRetries": "10", "fetchOffset.retryIntervalMs": "1000"}
"""What becomes of a connection that a broker refuses to the driver: it is asked for again, a second later.

The executors' consumers are kept by group and partition: with one group, both queries read by the same ones.
Nobody joins the group: Spark assigns partitions and commits nothing.
"""
Write = Callable[[DataFrame, int], None]


@dataclass(frozen=True)
class StreamJob:
    """What one run of the job reads, and where it writes."""

    kafka: Mapping[str, str]
    """Options of Spark's Kafka source and sink that say how to reach the brokers."""
    topic: str
    partitions: int
    dead_letters: str
    alerts: str
    schemas: Mapping[str, str]
    """Avro schemas by the UUID of their version."""
    lake: str
    """URI below which `events/`, `windows/`, `checkpoints/` and `accounting/` lie."""
    run_key: str
    starting_offsets: Optional[Mapping[str, int]] = None  # noqa: UP045 - EMR's Python may be 3.9
    """Offset of each partition at the very first batch; the earliest ones without."""
    trigger_seconds: float = 10.0
    """Seconds between batches of the windows."""
    archive_seconds: float = 300.0
    """Seconds between batches of the archive: the larger, the fewer files."""
    available_now: bool = False
    """Whether to end when what is there at the start is read."""
    records_per_batch: Optional[int] = None  # noqa: UP045
    alert_minutes: float = 30.0
    alert_departures: int = 5

    def run(self, spark: SparkSession, until: Optional[datetime] = None) -> dict[str, Any]:  # noqa: UP045
        """Run the queries until one fails, all is read (`available_now`), or windows up to `until` closed.

        Returns, and writes, what the run counted. Raises the query's own exception.
        """
        spark.conf.set("spark.sql.session.timeZone", "UTC")
        started = time.monotonic()
        windows = self._windows(spark)
        # One query after the other: a small broker takes few new connections a second.
        while windows.isActive and windows.lastProgress is None:
            time.sleep(POLL_SECONDS)
        archive = self._archive(spark)
        dropped: dict[int, int] = {}
        while archive.isActive or windows.isActive:
            for query in (archive, windows):
                if query.exception() is not None:
                    query.awaitTermination()
            self._watch(windows, dropped)
            if until is not None and windows.isActive and _watermark(windows) >= until:
                archive.processAllAvailable()
                break
            time.sleep(POLL_SECONDS)
        for query in (archive, windows):
            query.stop()
            if query.exception() is not None:
                query.awaitTermination()
        self._watch(windows, dropped)
        found = {
            "stage": "stream",
            "run_key": self.run_key,
            "batches": len(dropped),
            "dropped_by_watermark": sum(dropped.values()),
            "seconds": round(time.monotonic() - started, 1),
        }
        rows = spark.createDataFrame([(json.dumps(found),)], "value string")
        rows.coalesce(1).write.mode("overwrite").text(f"{self.lake}/accounting/run={self.run_key}")
        return found

    def _archive(self, spark: SparkSession) -> StreamingQuery:
        read = events(self._read(spark), self.schemas)
        kept = read.where(f.col("outcome") != TICKED)
        return self._start(kept, "archive", self._keep, self.archive_seconds)

    def _windows(self, spark: SparkSession) -> StreamingQuery:
        accepted = (
            events(self._read(spark), self.schemas)
            .where(f.col("outcome").isin(ACCEPTED, TICKED))
            .select("partition", "event_id", "event_type", "event_time", "airport", "delay_minutes")
            # What is behind an exchange is read once for all of its uses.
            .repartition("partition")
        )
        # A watermark of its own for each partition: Spark goes by the one that is furthest behind.
        parts = [
            watermarked(accepted.where(_is(partition)).drop("partition"))
            for partition in range(self.partitions)
        ]
        counted = airport_windows(reduce(DataFrame.union, parts))
        return self._start(counted, "windows", self._publish, self.trigger_seconds)

    def _read(self, spark: SparkSession) -> DataFrame:
        """The topic, by one source: each has connections of its own."""
        reader = (
            spark.readStream.format("kafka")
            .options(**self.kafka)
            .option("assign", json.dumps({self.topic: list(range(self.partitions))}))
            .options(**CONNECTIONS)
            .option("kafka.group.id", f"spark-{self.topic}-{self.run_key}")
            .option("includeHeaders", "true")
            .option("failOnDataLoss", "true")
        )
        if self.starting_offsets is None:
            reader = reader.option("startingOffsets", "earliest")
        else:
            first = {str(each): self.starting_offsets[str(each)] for each in range(self.partitions)}
            reader = reader.option("startingOffsets", json.dumps({self.topic: first}))
        if self.records_per_batch is not None:
            reader = reader.option("maxOffsetsPerTrigger", str(self.records_per_batch))
        return reader.load()

    def _start(self, frame: DataFrame, name: str, write: Write, seconds: float) -> StreamingQuery:
        writer = (
            frame.writeStream.queryName(name)
            .outputMode("append")
            .option("checkpointLocation", f"{self.lake}/checkpoints/run={self.run_key}/{name}")
            .foreachBatch(_computed(write))
        )
        if self.available_now:
            return writer.trigger(availableNow=True).start()
        return writer.trigger(processingTime=f"{seconds} seconds").start()

    def _keep(self, rows: DataFrame, number: int) -> None:
        self._write(rows, "events", number)
        headers = f.array(
            _header("reason", f.col("reason")),
            _header("topic", f.lit(self.topic)),
            _header("partition", f.col("partition").cast("string")),
            _header("offset", f.col("offset").cast("string")),
        )
        unreadable = rows.where(f.col("outcome") == DEAD_LETTER)
        self._send(unreadable.select("key", "value", headers.alias("headers")), self.dead_letters)

    def _publish(self, rows: DataFrame, number: int) -> None:
        self._write(rows, "windows", number)
        late = alerts(rows, self.alert_minutes, self.alert_departures)
        self._send(
            late.select(f.col("airport").alias("key"), f.to_json(f.struct("*")).alias("value")), self.alerts
        )

    def _write(self, rows: DataFrame, table: str, number: int) -> None:
        """One file with the batch's rows, in the place of what an earlier attempt wrote."""
        (
            rows.withColumn("run_key", f.lit(self.run_key))
            .withColumn("batch", f.lit(number))
            .coalesce(1)
            .write.mode("overwrite")
            .parquet(f"{self.lake}/{table}/run={self.run_key}/batch={number:06d}")
        )

    def _send(self, rows: DataFrame, topic: str) -> None:
        """Send a batch's rows from one task; without rows no producer connects."""
        if rows.isEmpty():
            return
        (
            rows.coalesce(1)
            .write.format("kafka")
            .options(**self.kafka)
            .option("topic", topic)
            .option("kafka.acks", "all")
            .option("kafka.max.request.size", str(LARGEST_DEAD_LETTER))
            .option("includeHeaders", "true")
            .save()
        )

    @staticmethod
    def _watch(query: StreamingQuery, dropped: dict[int, int]) -> None:
        """Note, batch by batch, how many rows Spark's operators dropped as behind the watermark."""
        for progress in query.recentProgress:
            number, before = progress["batchId"], dropped.get(progress["batchId"], 0)
            count = sum(each.get("numRowsDroppedByWatermark", 0) for each in progress["stateOperators"])
            dropped[number] = max(before, count)
            if count > before:
                # They are in the archive, but in no window: a job that never ends has to say so meanwhile.
                print(json.dumps({"level": "ERROR", "batch": number, "dropped_by_watermark": count}))


def _computed(write: Write) -> Write:
    """Write batches that have rows, computed once, and on all cores although one task writes them."""

    def once(batch: DataFrame, number: int) -> None:
        rows = batch.persist()
        try:
            if rows.count():
                write(rows, number)
        finally:
            rows.unpersist()

    return once


def _is(partition: int) -> Column:
    """Whether a record is of a partition, in words that Spark leaves behind the exchange: they draw a number.

    It would move the bare condition to where the topic is read, and read it once for each partition.
    """
    return (f.col("partition") == partition) | (f.rand() < 0)


def _header(name: str, value: Any) -> Any:
    return f.struct(f.lit(name).alias("key"), value.cast("binary").alias("value"))


def _watermark(query: StreamingQuery) -> datetime:
    """The query's watermark, in UTC; the epoch before there is one."""
    progress = query.lastProgress
    text = (progress or {}).get("eventTime", {}).get("watermark", "1970-01-01T00:00:00.000Z")
    return datetime.fromisoformat(text.replace("Z", "+00:00"))
