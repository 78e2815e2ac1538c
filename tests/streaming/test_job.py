"""The streaming job on real Kafka and Spark: every record has one fate, whatever fails meanwhile."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pyarrow.parquet as parquet
import pytest
from confluent_kafka import Producer

from local import processes
from local.engines import kafka
from streaming.events import PUBLISHED_AT, TICK, FlightEvent, frame, milliseconds, to_json
from streaming.lateness import AHEAD, ALLOWED_LATENESS, DISORDER, WATERMARK_DELAY
from streaming.producer import Encoder, Sent, avro_encoder, json_encoder, send
from streaming.replay import Defects, Published, publications
from streaming.spark.job import StreamJob
from streaming.tables import STREAM_EVENTS, STREAM_WINDOWS
from tests.local.kafka_clients import read
from tests.streaming.conftest import ZONES, Streams
from tests.streaming.job_process import JobProcess
from tests.streaming.stream_account import FIRST, SECOND, account, check_content, folder, stream_job, table

pytestmark = [pytest.mark.spark, pytest.mark.timeout(600)]

DEFECTS = Defects(late=0.06, duplicate=0.1, malformed=0.05, seed=7)
UNREADABLE = [
    (frame(SECOND, b"\x08ab"), "malformed"),
    (b'{"event_id": "a', "malformed"),
    (frame("99999999-2222-3333-4444-555555555555", b"x"), "unknown_schema"),
    (b"\x00\x01\x02", "unknown_format"),
    (b"", "empty"),
    (frame(SECOND, b"\xfe\xff\xff\xff\x0f"), "malformed"),
    (b'{"event_id": "a", "event_time": 9223372036854775807}', "malformed"),
    (b'{"event_id": "a", "event_time": 0, "scheduled_time": -9999999999999}', "invalid"),
]
"""Avro and JSON cut off, a schema that nobody registered, neither of both, nothing; a text of 2 GB, moments
that no clock has and that Parquet does not take; each with the reason.
"""


@pytest.fixture(scope="module")
def spark(streams: Streams, tmp_path_factory: pytest.TempPathFactory) -> Iterator[JobProcess]:
    process = JobProcess(tmp_path_factory.mktemp("spark"), streams.trust_store)
    yield process
    process.kill()


@pytest.fixture
def job(streams: Streams, tmp_path: Path) -> StreamJob:
    return stream_job(streams, tmp_path / "lake")


def produce(
    streams: Streams, topic: str, planned: Iterable[Published], encode: Encoder | None = None, **more: Any
) -> Sent:
    settings = streams.brokers.client_settings()
    return send(planned, settings, topic, encode or avro_encoder(SECOND, 2), **more)


def test_a_killed_job_goes_on_from_its_checkpoint(
    streams: Streams, job: StreamJob, flights: list[dict[str, Any]], spark: JobProcess
) -> None:
    sent = produce(streams, job.topic, publications(flights, ZONES, DEFECTS))
    spark.start(job)
    spark.wait_until(lambda: len(list((folder(job) / "events").glob("*/batch=*"))) >= 2)
    spark.kill()
    counted = spark.run(job)

    assert counted["dropped_by_watermark"] == 0
    account(job, sent)
    check_content(job, flights)


def test_every_record_has_one_fate_and_every_window_what_it_says(
    streams: Streams, job: StreamJob, flights: list[dict[str, Any]], spark: JobProcess
) -> None:
    sent = produce(streams, job.topic, publications(flights, ZONES, DEFECTS))
    counted = spark.run(job)

    found = account(job, sent)
    assert all(number > 0 for number in found.values()), found
    assert counted["dropped_by_watermark"] == 0
    check_content(job, flights)
    own = {"bootstrap.servers": streams.cluster.bootstrap()}
    assert len(read(own, job.dead_letters, found["dead_letter"], seconds=10)) == found["dead_letter"]
    assert read(own, job.alerts, 1, seconds=10), "the afternoon ran late"


def test_partitions_a_day_apart_lose_no_event_that_is_in_time(
    streams: Streams, job: StreamJob, spark: JobProcess
) -> None:
    """Given a backlog of two days, a partition each, with records as late and as early as they may be, when
    all is read in small batches, of which the last ones are of one partition alone, Spark drops none.
    """
    days = [(datetime(2013, 7, day, 12, tzinfo=UTC), pairs) for day, pairs in ((9, 60), (10, 15))]
    planned = [(number, each) for number, (day, pairs) in enumerate(days) for each in _in_time(day, pairs)]
    # Time passes on both until every window is closed.
    ends = days[-1][0] + timedelta(hours=3) + WATERMARK_DELAY
    ticks = [_published(ends + timedelta(hours=hour), TICK, TICK) for hour in range(3)]
    planned += [(number, each) for number in (0, 1) for each in ticks]
    sent = Sent()
    producer = Producer(streams.brokers.client_settings())
    for partition, each in planned:
        assert each.event is not None
        header: Any = [(PUBLISHED_AT, str(milliseconds(each.at)).encode())]
        producer.produce(job.topic, to_json(each.event), partition=partition, headers=header)
        sent.produced += each.event.event_type != TICK
    assert producer.flush(120) == 0
    counted = spark.run(replace(job, records_per_batch=40))

    assert counted["batches"] > 3
    assert counted["dropped_by_watermark"] == 0
    assert account(job, sent)["windows"] == sent.produced


def _in_time(start: datetime, pairs: int) -> Iterator[Published]:
    """Pairs of events: one AHEAD of its publication, one DISORDER behind that and just in time."""
    for number in range(pairs):
        latest = start + timedelta(minutes=2 * number)
        yield _published(latest, f"{start:%d}-{number}-ahead", "departed", AHEAD)
        yield _published(latest - DISORDER, f"{start:%d}-{number}-behind", "departed", -ALLOWED_LATENESS)


def _published(at: datetime, identity: str, kind: str, happened: timedelta = timedelta(0)) -> Published:
    """A record published at a moment, of an event that happened so long after it."""
    origin = "EWR" if kind != TICK else ""
    event = FlightEvent(identity, kind, identity, f"{at:%Y-%m-%d}", "UA", 1, origin, "LAX", at + happened, at)
    return Published(at, identity, event)


def test_unreadable_records_in_the_middle_of_a_batch_harm_no_other(
    streams: Streams, job: StreamJob, flights: list[dict[str, Any]], spark: JobProcess
) -> None:
    planned = list(publications(flights, ZONES))
    middle = planned[len(planned) // 2].at
    place = next(number for number, each in enumerate(planned) if each.at > middle)
    planned[place:place] = [Published(middle, "poison", raw=value) for value, _ in UNREADABLE]
    # Between them one of an event that happened the day before, and one that has not happened yet.
    event = next(each.event for each in planned if each.event and each.event.event_type == "departed")
    planned[place:place] = [
        Published(middle, "old", replace(event, event_id="old", event_time=middle - timedelta(days=1))),
        Published(middle, "new", replace(event, event_id="new", event_time=middle + timedelta(hours=1))),
    ]
    sent = produce(streams, job.topic, planned)
    # One more, whose header tells no time: its own counts, and that is years later.
    producer = Producer(streams.brokers.client_settings())
    told: Any = [(PUBLISHED_AT, b"9" * 18)]
    producer.produce(job.topic, to_json(replace(event, event_id="untold")), headers=told)
    assert producer.flush(120) == 0
    sent.produced += 1
    spark.run(replace(job, records_per_batch=None))

    found = account(job, sent)
    reasons = sorted(row["reason"] for row in table(job, "events") if row["outcome"] == "dead_letter")
    assert reasons == sorted([*(reason for _, reason in UNREADABLE), "in_the_future"])
    assert (found["late"], found["duplicates"]) == (2, 0)
    late = [row["event_id"] for row in table(job, "events") if row["outcome"] == "late"]
    assert sorted(late) == ["old", "untold"]


def test_the_files_have_the_columns_that_athena_is_told_of(
    streams: Streams, job: StreamJob, flights: list[dict[str, Any]], spark: JobProcess
) -> None:
    produce(streams, job.topic, publications(flights[:12], ZONES))
    spark.run(job)

    for name, described in (("events", STREAM_EVENTS), ("windows", STREAM_WINDOWS)):
        path = next((folder(job) / name).rglob("*.parquet"))
        written = {field.name: TYPES[str(field.type)] for field in parquet.read_schema(path)}
        beyond = {"key": "binary", "value": "binary"} if name == "events" else {}
        assert written == {**beyond, **{column.name: column.type for column in described.columns}}


def test_what_is_delivered_twice_counts_once_and_schema_versions_and_json_mix(
    streams: Streams, job: StreamJob, flights: list[dict[str, Any]], spark: JobProcess
) -> None:
    encoders = [avro_encoder(FIRST, 1), avro_encoder(SECOND, 2), json_encoder]
    number = count()

    def mixed(event: FlightEvent) -> bytes:
        return encoders[next(number) % 3](event)

    sent = produce(streams, job.topic, publications(flights, ZONES, Defects(duplicate=1.0)), mixed)
    spark.run(replace(job, records_per_batch=400))

    found = account(job, sent)
    assert found["duplicates"] == found["windows"] == sent.produced / 2
    check_content(job, flights)


def test_a_killed_broker_loses_nothing(
    streams: Streams, job: StreamJob, flights: list[dict[str, Any]], spark: JobProcess
) -> None:
    job = replace(job, available_now=False, records_per_batch=None)
    planned = list(publications(flights, ZONES, DEFECTS))
    # The last ticks bring the watermark a little past this.
    spark.start(job, until=(planned[-1].at - WATERMARK_DELAY - timedelta(minutes=15)).isoformat())
    sent: list[Sent] = []
    # At this rate the records take 8 s: the broker dies in the middle and is back before the end.
    sender = threading.Thread(target=lambda: sent.append(produce(streams, job.topic, planned, rate=45)))
    sender.start()
    spark.wait_until(lambda: any((folder(job) / "events").glob("*/batch=*")))
    process = processes.find(kafka.process_name(streams.cluster, 1))
    assert process is not None
    os.kill(process.pid, signal.SIGKILL)
    threading.Timer(2.0, kafka.start_broker, (streams.cluster, 1)).start()
    sender.join()
    counted = spark.finish()

    assert counted["dropped_by_watermark"] == 0
    account(job, sent[0])
    check_content(job, flights)


TYPES = {
    "binary": "binary",
    "bool": "boolean",
    "double": "double",
    "int32": "int",
    "int64": "bigint",
    "string": "string",
    "timestamp[ns]": "timestamp",
}
"""Types of Parquet's columns, as Arrow reads them, in the catalogue's words."""
