"""What a streaming job left, and the check that every produced record is in it exactly once."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.dataset as dataset

from streaming.events import schema
from streaming.producer import Sent
from streaming.replay import flight_events
from streaming.spark.job import StreamJob
from tests.streaming.conftest import ZONES, Streams

FIRST, SECOND = "11111111-2222-3333-4444-555555555555", "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
SCHEMAS = {FIRST: schema(1), SECOND: schema(2)}


def stream_job(streams: Streams, lake: Path) -> StreamJob:
    """A job over new topics of two partitions, with small batches, that ends when all is read."""
    events, dead, alerts = streams.topics()
    return StreamJob(
        kafka=streams.brokers.spark_options(),
        topic=events,
        partitions=2,
        dead_letters=dead,
        alerts=alerts,
        schemas={identity: json.dumps(found) for identity, found in SCHEMAS.items()},
        lake=lake.as_uri(),
        run_key="test",
        trigger_seconds=0.2,
        archive_seconds=0.2,
        available_now=True,
        records_per_batch=150,
        alert_departures=3,
    )


def folder(job: StreamJob) -> Path:
    """Where the job writes."""
    return Path(job.lake.removeprefix("file://"))


def table(job: StreamJob, name: str) -> list[dict[str, Any]]:
    """All rows of one of the job's tables."""
    found = dataset.dataset(folder(job) / name, partitioning="hive", exclude_invalid_files=False)
    rows: list[dict[str, Any]] = found.to_table().to_pylist()
    return rows


def account(job: StreamJob, sent: Sent) -> dict[str, int]:
    """Where every produced record went; fails unless the sum is exact and each event is counted once."""
    events, windows = table(job, "events"), table(job, "windows")
    fates = Counter(row["outcome"] for row in events)
    accepted = [row["event_id"] for row in events if row["outcome"] == "accepted"]
    found = {
        "windows": sum(row["events"] for row in windows if row["tumbling"]),
        "late": fates["late"],
        "duplicates": len(accepted) - len(set(accepted)),
        "dead_letter": fates["dead_letter"],
    }
    assert len({(row["partition"], row["offset"]) for row in events}) == len(events), "a record came twice"
    assert sum(found.values()) == sent.produced == len(events), found
    assert len({(row["airport"], row["window_start"]) for row in windows}) == len(windows)
    return found


def check_content(job: StreamJob, flights: list[dict[str, Any]]) -> None:
    """No real event is lost: accepted and late ones are those of the flights; windows count what they say."""
    expected = {event.event_id: event for flight in flights for event in flight_events(flight, ZONES)}
    rows = table(job, "events")
    real = {row["event_id"]: row for row in rows if row["outcome"] in ("accepted", "late")}
    assert real.keys() == expected.keys()
    accepted = {row["event_id"] for row in rows if row["outcome"] == "accepted"}
    departures: Counter[tuple[str, Any]] = Counter()
    for identity in accepted:
        event = expected[identity]
        if event.event_type == "departed":
            hour = event.event_time.replace(minute=0, second=0)
            departures[event.origin, hour.replace(tzinfo=None)] += 1
    counted = {
        (row["airport"], row["window_start"].replace(tzinfo=None)): row["departures"]
        for row in table(job, "windows")
        if row["tumbling"] and row["departures"]
    }
    assert counted == dict(departures)
