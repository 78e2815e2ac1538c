"""The streaming job reads from small brokers, which refuse more than 4 new IAM connections a second."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from local.engines import certificates
from local.services.clients import ROOT_KEY, ROOT_SECRET
from streaming.brokers import Brokers
from streaming.producer import avro_encoder, send
from streaming.replay import Defects, publications
from streaming.spark.job import StreamJob
from tests.local.conftest import Gateway
from tests.local.kafka_clients import endpoint, eventually
from tests.streaming.conftest import ZONES, day_of_flights
from tests.streaming.job_process import JobProcess
from tests.streaming.stream_account import SCHEMAS, SECOND, account, check_content

pytestmark = [pytest.mark.gateway, pytest.mark.spark, pytest.mark.slow, pytest.mark.timeout(600)]

PARTITIONS = 4
EXECUTORS = {"spark.master": "local[1,16]"}
"""What dev gives the job: one core beside the driver's, and tasks that may fail."""


@pytest.fixture(scope="module")
def cluster(gateway: Gateway) -> str:
    """What dev deploys: two kafka.t3.small with IAM, and the stream's topics."""
    kafka = gateway.client("kafka")
    arn = kafka.create_cluster_v2(
        ClusterName="small",
        Provisioned={
            "BrokerNodeGroupInfo": {"ClientSubnets": ["a", "b"], "InstanceType": "kafka.t3.small"},
            "ClientAuthentication": {"Sasl": {"Iam": {"Enabled": True}}},
            "KafkaVersion": "3.8.x",
            "NumberOfBrokerNodes": 2,
        },
    )["ClusterArn"]
    eventually(lambda: kafka.describe_cluster_v2(ClusterArn=arn)["ClusterInfo"]["State"] == "ACTIVE", 60)
    for name, count in (("events", PARTITIONS), ("dead", 1), ("alerts", 1)):
        kafka.create_topic(ClusterArn=arn, TopicName=name, PartitionCount=count, ReplicationFactor=2)
    return str(arn)


def connections(gateway: Gateway) -> int:
    """How many connections by IAM there were, those that the brokers refused included."""
    calls = [json.loads(line) for line in (gateway.home / "callers.jsonl").read_text().splitlines()]
    refused = sum(
        log.read_text(errors="replace").count("Too many connects")
        for log in (gateway.home / "log").glob("kafka-small-broker-*.log")
    )
    return len([call for call in calls if call["operation"] == "Connect"]) + refused


def test_the_job_reads_a_backlog_of_all_partitions_with_few_connections(
    gateway: Gateway, cluster: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (
        ("SSL_CERT_FILE", str(certificates.bundle())),
        ("AWS_ACCESS_KEY_ID", ROOT_KEY),
        ("AWS_SECRET_ACCESS_KEY", ROOT_SECRET),
        ("AWS_REGION", gateway.client("kafka").meta.region_name),
    ):
        monkeypatch.setenv(name, value)
    flights = day_of_flights()
    # The person's own way in needs no IAM: what is counted below is the job's.
    own = {"bootstrap.servers": endpoint(gateway.home)["bootstrap"]}
    defects = Defects(late=0.06, duplicate=0.1, malformed=0.05, seed=7)
    sent = send(publications(flights, ZONES, defects), own, "events", avro_encoder(SECOND, 2))
    brokers: Any = Brokers.of_cluster(gateway.client("kafka"), cluster)
    job = StreamJob(
        kafka=brokers.spark_options(),
        topic="events",
        partitions=PARTITIONS,
        dead_letters="dead",
        alerts="alerts",
        schemas={identity: json.dumps(found) for identity, found in SCHEMAS.items()},
        lake=(tmp_path / "lake").as_uri(),
        run_key="test",
        trigger_seconds=0.2,
        archive_seconds=0.2,
        available_now=True,
        records_per_batch=150,
        alert_departures=3,
    )
    spark = JobProcess(tmp_path / "spark", certificates.java_trust_store(), EXECUTORS)
    try:
        counted = spark.run(job)
    finally:
        spark.kill()

    assert counted["dropped_by_watermark"] == 0
    account(job, sent)
    check_content(job, flights)
    # Three of each query's source, two of each partition's consumer, three of a producer of each query; and
    # a few that are asked for again. A source for each partition asked for 34.
    assert connections(gateway) < 30
