"""The streaming job against a plain consumer: throughput, latency, and a year of flights as events."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from statistics import quantiles
from typing import Any

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import NewTopic  # type: ignore[attr-defined]
from pyspark.sql import SparkSession

from bench import plain_consumer
from bench.history import HISTORY, Platform
from bench.measure import Comparison, interleave
from emr_steps.stream_flight_events import SETTINGS
from flights.schema import CURATED_FLIGHTS
from flights.sources.airports import time_zones
from flights.sources.period import Period
from flights.spark.days import read_days
from local.engines import certificates, kafka
from local.layout import REGION
from streaming.brokers import TLS, Brokers
from streaming.events import PUBLISHED_AT, TICK, FlightEvent, milliseconds, schema
from streaming.lateness import WATERMARK_DELAY
from streaming.producer import Sent, avro_encoder, send
from streaming.replay import Defects, publications
from streaming.spark.job import StreamJob

ROUNDS = 3
MONTH = Period(date(2013, 7, 1), date(2013, 7, 31))
VERSION = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
SCHEMAS = {VERSION: json.dumps(schema())}
PARTITIONS = 4
RATE, STEADY_SECONDS, WARM_UP_SECONDS = 200, 60, 30
DEFECTS = Defects(late=0.01, duplicate=0.02)


def compare(spark: SparkSession, platform: Platform) -> list[Comparison]:
    """All comparisons; the baseline is the plain consumer."""
    with _cluster() as cluster:
        stream = Stream(spark, platform, cluster)
        return [stream.throughput(), *stream.latency(), stream.year()]


class Stream:
    """A Kafka cluster, and both of its readers."""

    def __init__(self, spark: SparkSession, platform: Platform, cluster: kafka.Cluster) -> None:
        self.spark, self.platform, self.cluster = spark, platform, cluster
        self.brokers = Brokers(TLS, cluster.bootstrap(kafka.TLS), REGION)
        for key, value in SETTINGS.items():
            if key.startswith("spark.sql."):
                spark.conf.set(key, value)

    def throughput(self) -> Comparison:
        """A month of flights, read and counted from the first event to the last."""
        topic = self._topics("month")
        sent = self._produce(topic, MONTH)
        ends = self._ends(topic)
        job, counted = self._job(topic), {}

        def plainly() -> None:
            windows = plain_consumer.read(self.brokers.client_settings(), topic, ends, SCHEMAS)
            counted["plain consumer"] = windows.counted

        def with_spark() -> None:
            run = replace(job, run_key=f"month-{time.monotonic_ns()}")
            run.run(self.spark)
            counted["Spark"] = self._in_windows(run)

        seconds = interleave({"plain consumer": plainly, "Spark": with_spark}, ROUNDS)
        return Comparison(
            "a month of events",
            seconds,
            counts=_counts(sent, counted),
            broken=_differing(counted),
        )

    def year(self) -> Comparison:
        """A year of flights, about a million events, once."""
        topic = self._topics("year")
        seconds: dict[str, list[float]] = {}
        sent: list[Sent] = []
        with _timed(seconds, "produce"):
            sent.append(self._produce(topic, HISTORY))
        ends, counted = self._ends(topic), {}
        with _timed(seconds, "plain consumer"):
            windows = plain_consumer.read(self.brokers.client_settings(), topic, ends, SCHEMAS)
        counted["plain consumer"] = windows.counted
        job = self._job(topic)
        with _timed(seconds, "Spark"):
            job.run(self.spark)
        counted["Spark"] = self._in_windows(job)
        return Comparison(
            "a year of events",
            seconds,
            counts=_counts(sent[0], counted),
            broken=_differing(counted),
        )

    def latency(self) -> list[Comparison]:
        """From an unreadable value's publication to its dead letter, among others at a steady rate."""
        measured = {"plain consumer": self._delays(self._plainly), "Spark": self._delays(self._with_spark)}
        return [
            Comparison(
                f"dead letter at {RATE} events a second, p{percent}",
                {name: [quantiles(delays, n=100)[percent - 1]] for name, delays in measured.items()},
                counts={name: {"dead letters": len(delays)} for name, delays in measured.items()},
            )
            for percent in (50, 99)
        ]

    def _plainly(self, topic: str, published: threading.Event) -> None:
        settings, first = self.brokers.client_settings(), dict.fromkeys(range(PARTITIONS), (0, 0))
        plain_consumer.read(settings, topic, first, SCHEMAS, f"{topic}-dead", published.is_set)

    def _with_spark(self, topic: str, _: threading.Event) -> None:
        job = replace(self._job(topic), available_now=False, trigger_seconds=5, archive_seconds=0)
        # The steady stream ends with ticks of the next day.
        job.run(self.spark, until=datetime.now(UTC))

    def _delays(self, read: Callable[[str, threading.Event], None]) -> list[float]:
        """Seconds of each unreadable value but the first ones."""
        topic, published = self._topics(f"steady{time.monotonic_ns()}"), threading.Event()
        reader = threading.Thread(target=read, args=(topic, published))
        reader.start()
        sent = self._steadily(topic)
        time.sleep(1)
        published.set()
        reader.join()
        arrived = self._dead_letters(f"{topic}-dead")
        begun = min(sent.values()) + WARM_UP_SECONDS * 1000
        return [(arrived[place] - at) / 1000 for place, at in sent.items() if at > begun and place in arrived]

    def _steadily(self, topic: str) -> dict[tuple[int, int], int]:
        """Publish at RATE, each tenth value unreadable; when, by partition and offset of those."""
        unreadable: dict[tuple[int, int], int] = {}
        producer = Producer({**self.brokers.client_settings(), "acks": "all", "linger.ms": 5})
        encode = avro_encoder(VERSION, 2)

        def delivered(_: Any, message: Any) -> None:
            unreadable[message.partition(), message.offset()] = message.timestamp()[1]

        started = time.monotonic()
        for number in range(RATE * STEADY_SECONDS):
            while (left := started + number / RATE - time.monotonic()) > 0:
                producer.poll(min(left, 0.01))
            if number % 10 == 0:
                producer.produce(topic, b"\x00", key=str(number), on_delivery=delivered)
            else:
                producer.produce(topic, encode(_event(f"event/{number}", datetime.now(UTC))), key=str(number))
        producer.flush()
        later = datetime.now(UTC) + WATERMARK_DELAY + timedelta(hours=1)
        for partition in range(PARTITIONS):
            headers: Any = [(PUBLISHED_AT, str(milliseconds(later)).encode())]
            tick = replace(_event(f"{TICK}/{partition}", later), event_type=TICK)
            producer.produce(topic, encode(tick), partition=partition, headers=headers)
        producer.flush()
        return unreadable

    def _dead_letters(self, topic: str) -> dict[tuple[int, int], int]:
        """When each dead letter came, in milliseconds, by partition and offset of the value."""
        found: dict[tuple[int, int], int] = {}
        consumer = Consumer({**self.brokers.client_settings(), "group.id": "bench-dead"})
        consumer.assign([TopicPartition(topic, 0, 0)])
        _, end = consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=30)
        while end and (message := consumer.poll(10)) is not None:
            headers: Any = dict(message.headers() or [])
            found[int(headers["partition"]), int(headers["offset"])] = message.timestamp()[1]
            if (message.offset() or 0) + 1 >= end:
                break
        consumer.close()
        return found

    def _topics(self, name: str) -> str:
        wanted = [
            NewTopic(name, num_partitions=PARTITIONS, replication_factor=2),
            *(
                NewTopic(f"{name}-{kind}", num_partitions=1, replication_factor=2)
                for kind in ("dead", "alerts")
            ),
        ]
        for future in self.cluster.admin().create_topics(wanted).values():
            future.result(30)
        return name

    def _produce(self, topic: str, period: Period) -> Sent:
        rows = read_days(self.spark, CURATED_FLIGHTS, f"{self.platform.zone('curated')}/flights", period)
        flights = (row.asDict() for row in rows.toLocalIterator())
        planned = publications(flights, time_zones(), DEFECTS)
        return send(planned, self.brokers.client_settings(), topic, avro_encoder(VERSION, 2))

    def _ends(self, topic: str) -> dict[int, tuple[int, int]]:
        consumer = Consumer({**self.brokers.client_settings(), "group.id": "bench"})
        found = {
            number: consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=30)
            for number in range(PARTITIONS)
        }
        consumer.close()
        return found

    def _job(self, topic: str) -> StreamJob:
        return StreamJob(
            kafka=self.brokers.spark_options(),
            topic=topic,
            partitions=PARTITIONS,
            dead_letters=f"{topic}-dead",
            alerts=f"{topic}-alerts",
            schemas=SCHEMAS,
            lake=f"{self.platform.zone('curated')}/stream",
            run_key=topic,
            available_now=True,
        )

    def _in_windows(self, job: StreamJob) -> int:
        rows = self.spark.read.parquet(f"{job.lake}/windows/run={job.run_key}").where("tumbling")
        return int(rows.selectExpr("sum(events) AS events").collect()[0]["events"])


@contextmanager
def _cluster() -> Iterator[kafka.Cluster]:
    """Two brokers, which end with everything else that was started."""
    os.environ["SSL_CERT_FILE"] = str(certificates.bundle())
    cluster = kafka.start(kafka.Cluster("bench", "arn:bench", brokers=2, listeners=(kafka.TLS,)))
    kafka.wait(cluster)
    try:
        yield cluster
    finally:
        kafka.stop(cluster)


@contextmanager
def _timed(seconds: dict[str, list[float]], name: str) -> Iterator[None]:
    started = time.perf_counter()
    yield
    seconds[name] = [time.perf_counter() - started]


def _event(identity: str, at: datetime) -> FlightEvent:
    return FlightEvent(
        identity, "departed", identity, at.date().isoformat(), "UA", 1, "EWR", "LAX", at, at, 5, "N1"
    )


def _counts(sent: Sent, counted: Mapping[str, int]) -> dict[str, dict[str, int]]:
    return {name: {"events": sent.produced, "in windows": number} for name, number in counted.items()}


def _differing(counted: Mapping[str, int]) -> tuple[str, ...]:
    if len(set(counted.values())) == 1:
        return ()
    return (f"Both read the same events, but counted {json.dumps(counted)}.",)
