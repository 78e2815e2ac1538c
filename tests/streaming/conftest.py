"""One real Kafka cluster a module, over TLS, and a day of flights made up for it."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import NewTopic  # type: ignore[attr-defined]

from local import processes
from local.engines import certificates, kafka
from streaming.brokers import TLS, Brokers

ZONES = {"EWR": "America/New_York", "JFK": "America/New_York", "LAX": "America/Los_Angeles"}
DAY = date(2013, 3, 1)


@dataclass(frozen=True)
class Streams:
    """A running cluster, and how clients reach it."""

    cluster: kafka.Cluster
    trust_store: Path

    @property
    def brokers(self) -> Brokers:
        return Brokers(TLS, self.cluster.bootstrap(kafka.TLS), "us-east-1")

    def topics(self, partitions: int = 2) -> tuple[str, str, str]:
        """New topics for events, dead letters and alerts."""
        prefix = uuid.uuid4().hex[:8]
        names = (f"{prefix}-events", f"{prefix}-dead", f"{prefix}-alerts")
        wanted = [
            NewTopic(name, num_partitions=count, replication_factor=2)
            for name, count in zip(names, (partitions, 1, 1), strict=True)
        ]
        for future in self.cluster.admin().create_topics(wanted).values():
            future.result(30)
        return names


@pytest.fixture(scope="module")
def streams(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Streams]:
    saved = {name: os.environ.get(name) for name in ("REFSTACK_HOME", "SSL_CERT_FILE")}
    os.environ["REFSTACK_HOME"] = str(tmp_path_factory.mktemp("streams"))
    os.environ["SSL_CERT_FILE"] = str(certificates.bundle())
    cluster = kafka.start(
        kafka.Cluster("tests", "arn:tests", brokers=2, listeners=(kafka.TLS,), properties=PROPERTIES)
    )
    try:
        kafka.wait(cluster)
        yield Streams(cluster, certificates.java_trust_store())
    finally:
        processes.stop_all()
        for name, value in saved.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


PROPERTIES = {"auto.create.topics.enable": "false", "min.insync.replicas": "1"}


@pytest.fixture(scope="session")
def flights() -> list[dict[str, Any]]:
    """See `day_of_flights`."""
    return day_of_flights()


def day_of_flights() -> list[dict[str, Any]]:
    """Six flights an hour of one day, late in the afternoon, some cancelled, one diverted."""
    found = []
    for hour in range(6, 22):
        for number in range(6):
            late = 45 if hour in (16, 17) else number - 2
            cancelled = (hour * 6 + number) % 17 == 0
            found.append(
                {
                    "flight_date": DAY,
                    "carrier": "UA" if number % 2 else "B6",
                    "flight_number": hour * 10 + number,
                    "tail_number": f"N{hour}{number}",
                    "origin": "EWR" if number % 2 else "JFK",
                    "dest": "LAX",
                    "sched_dep_time": hour * 100 + number * 9,
                    "dep_delay_minutes": None if cancelled else late,
                    "sched_arr_time": ((hour + 3) % 24) * 100 + number * 9,
                    "arr_delay_minutes": None if cancelled else late - 3,
                    "cancelled": cancelled,
                    "diverted": (hour, number) == (9, 1),
                }
            )
    return found
