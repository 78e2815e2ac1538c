"""The faults again and again, in any order, while events keep coming: `make test-faults`."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from local import processes
from local.engines import kafka
from streaming.lateness import WATERMARK_DELAY
from streaming.producer import Sent, avro_encoder, send
from streaming.replay import Defects, publications
from streaming.spark.job import StreamJob
from tests.streaming.conftest import ZONES, Streams
from tests.streaming.job_process import JobProcess
from tests.streaming.stream_account import SECOND, account, check_content, folder, stream_job

pytestmark = [pytest.mark.soak, pytest.mark.spark, pytest.mark.timeout(900)]

DEFECTS = Defects(late=0.05, duplicate=0.3, malformed=0.05, seed=11)
RATE = 4
"""Events a second: all are sent in two minutes and a half."""


def test_killed_jobs_and_brokers_by_chance_lose_and_double_nothing(
    streams: Streams, flights: list[dict[str, Any]], tmp_path: Path
) -> None:
    """Given faults by chance of job and brokers, when all is published, every record has one fate."""
    chance = random.Random(13)
    planned = list(publications(flights, ZONES, DEFECTS))
    job = replace(stream_job(streams, tmp_path / "lake"), available_now=False, records_per_batch=None)
    until = (planned[-1].at - WATERMARK_DELAY - timedelta(minutes=15)).isoformat()
    spark = JobProcess(tmp_path / "spark", streams.trust_store)
    sent: list[Sent] = []
    settings = {**streams.brokers.client_settings(), "delivery.timeout.ms": 300_000}
    sender = threading.Thread(
        target=lambda: sent.append(send(planned, settings, job.topic, avro_encoder(SECOND, 2), rate=RATE))
    )
    try:
        spark.start(job, until)
        sender.start()
        while sender.is_alive():
            # Some progress between faults, else the run would only start.
            before = _batches(job)
            spark.wait_until(lambda before=before: _batches(job) > before or not sender.is_alive())
            time.sleep(chance.uniform(0, 3))
            if chance.random() < 0.5:
                spark.kill()
                spark.start(job, until)
            else:
                _lose(streams, chance.choice((1, 2)), chance.uniform(0.5, 4))
        sender.join()
        counted = spark.finish()
    finally:
        spark.kill()

    assert counted["dropped_by_watermark"] == 0
    account(job, sent[0])
    check_content(job, flights)


def _batches(job: StreamJob) -> int:
    return len(list((folder(job) / "events").glob("*/batch=*")))


def _lose(streams: Streams, broker: int, seconds: float) -> None:
    """Kill a broker, and start it again after a while."""
    process = processes.find(kafka.process_name(streams.cluster, broker))
    assert process is not None
    os.kill(process.pid, signal.SIGKILL)
    time.sleep(seconds)
    kafka.start_broker(streams.cluster, broker)
    kafka.wait(streams.cluster)
