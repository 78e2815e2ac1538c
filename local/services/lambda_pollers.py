"""Event pollers: each enabled event source mapping of MSK has one, a member of the mapping's consumer group.

It is what Lambda runs for a mapping: with the role of the function it asks MSK for the brokers, signs in by
IAM, reads the topic, and invokes the function; offsets are committed once a batch is done with.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Sequence
from typing import Any

import botocore.credentials
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from local.engines import certificates
from local.engines.kafka_batches import Delivery, KafkaRecord, Outcome, Policy, event, failure
from local.services.clients import assume, client
from streaming.brokers import Brokers

log = logging.getLogger("refstack.pollers")

DEFAULT_WINDOW_SECONDS = 0.5
"""How long a batch is gathered unless the mapping says otherwise."""
SHORTEST_WINDOW_SECONDS = 0.05
PROBLEM_PAUSE_SECONDS = 1.0
STOP_SECONDS = 10.0
OFFSETS = {"TRIM_HORIZON": "earliest", "LATEST": "latest"}

_pollers: dict[str, Poller] = {}
_lock = threading.Lock()


def start(mapping: dict[str, Any]) -> None:
    """Poll for a mapping from now on; its record gets the result of the last batch."""
    poller = Poller(mapping)
    with _lock:
        _pollers[mapping["UUID"]] = poller
    poller.start()


def stop(identity: str) -> None:
    """Stop polling for a mapping; its batch, if one is under way, will be delivered again."""
    with _lock:
        poller = _pollers.pop(identity, None)
    if poller is not None:
        poller.stopping.set()
        poller.join(STOP_SECONDS)


def stop_all() -> None:
    """Stop all pollers."""
    with _lock:
        running = list(_pollers.values())
        _pollers.clear()
    for poller in running:
        poller.stopping.set()
    for poller in running:
        poller.join(STOP_SECONDS)


class _Session(botocore.credentials.CredentialProvider):
    """Credentials of the function's role, for the MSK signer."""

    def __init__(self, role_arn: str, session_name: str) -> None:
        self._role, self._session = role_arn, session_name

    def load(self) -> botocore.credentials.Credentials:
        found = assume(self._role, self._session)
        return botocore.credentials.Credentials(found.access_key, found.secret_key, found.token)


class Poller(threading.Thread):
    """Reads for one mapping until it is told to stop; after a problem it begins anew."""

    def __init__(self, mapping: dict[str, Any]) -> None:
        super().__init__(name=f"poller-{mapping['UUID'][:8]}", daemon=True)
        self.mapping = mapping
        self.stopping = threading.Event()
        self._function = mapping["FunctionArn"].split(":")[6]
        self._brokers = ""

    def run(self) -> None:
        while not self.stopping.is_set():
            try:
                self._read()
            except Exception as problem:
                self.mapping["LastProcessingResult"] = f"PROBLEM: {problem}"[:500]
                log.warning("polling for %s failed: %s", self._function, problem)
                self.stopping.wait(PROBLEM_PAUSE_SECONDS)

    def _read(self) -> None:
        consumer = Consumer(self._settings())
        window = self.mapping.get("MaximumBatchingWindowInSeconds")
        seconds = DEFAULT_WINDOW_SECONDS if window is None else max(window, SHORTEST_WINDOW_SECONDS)
        delivery = Delivery(
            self._invoke, self._discard, Policy.of(self.mapping), self.stopping.is_set, self._pause
        )
        try:
            consumer.subscribe(self.mapping["Topics"])
            while not self.stopping.is_set():
                records = self._gathered(consumer, seconds)
                if records and delivery.deliver(records):
                    consumer.commit(offsets=_behind(records), asynchronous=False)
                    self.mapping["LastProcessingResult"] = "OK"
        finally:
            consumer.close()

    def _gathered(self, consumer: Any, seconds: float) -> list[KafkaRecord]:
        """The records that come within the window, at most a batch; a stop ends the window."""
        size: int = self.mapping["BatchSize"]
        found: list[KafkaRecord] = []
        deadline = time.monotonic() + seconds
        while len(found) < size and not self.stopping.is_set():
            left = deadline - time.monotonic()
            if left <= 0:
                break
            for message in consumer.consume(size - len(found), timeout=min(left, DEFAULT_WINDOW_SECONDS)):
                error = message.error()
                if error is None:
                    found.append(_record(message))
                elif error.code() != KafkaError._PARTITION_EOF and not error.retriable():
                    raise KafkaException(error)
        return found

    def _settings(self) -> dict[str, Any]:
        """A client's settings for the best way in that MSK offers to the function's role."""
        role = self._role()
        kafka = client("kafka", role_arn=role, session_name=self._function)
        source = self.mapping["EventSourceArn"]
        kafka.describe_cluster_v2(ClusterArn=source)
        brokers = Brokers.of_cluster(kafka, source, _Session(role, self._function))
        self._brokers = brokers.addresses
        return {
            **brokers.client_settings(),
            "ssl.ca.location": str(certificates.bundle()),
            "group.id": self.mapping["AmazonManagedKafkaEventSourceConfig"]["ConsumerGroupId"],
            "auto.offset.reset": OFFSETS[self.mapping["StartingPosition"]],
            "enable.auto.commit": False,
            "session.timeout.ms": 6_000,
            # A batch that keeps failing is retried for as long as it takes.
            "max.poll.interval.ms": 86_400_000,
            "log_level": 3,
        }

    def _role(self) -> str:
        found = client("lambda").get_function_configuration(FunctionName=self.mapping["FunctionArn"])
        return str(found["Role"])

    def _invoke(self, records: Sequence[KafkaRecord]) -> Outcome:
        from local import functions

        handed = event(self.mapping["EventSourceArn"], self._brokers, records)
        result = functions.invoke(self.mapping["FunctionArn"], handed)
        outcome = Outcome(bool(result.get("error")), bool(result.get("throttle")), result.get("body"))
        if outcome.error:
            self.mapping["LastProcessingResult"] = "PROBLEM: Function call failed"
            log.warning("%s failed on a batch: %s", self._function, json.dumps(result.get("body"))[:500])
        return outcome

    def _discard(self, records: Sequence[KafkaRecord], attempts: int) -> None:
        destination = self.mapping.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination", "")
        log.error("%s: %d records are given up after %d attempts", self._function, len(records), attempts)
        if not destination:
            return
        body = json.dumps(failure(self.mapping, self._brokers, records, attempts, self.mapping["UUID"]))
        service, name = destination.split(":")[2], destination.rpartition(":")[2]
        there = client(service, role_arn=self._role(), session_name=self._function)
        if service == "sns":
            there.publish(TopicArn=destination, Message=body)
        else:
            url = client("sqs").get_queue_url(QueueName=name)["QueueUrl"]
            there.send_message(QueueUrl=url, MessageBody=body)

    def _pause(self, seconds: float) -> None:
        self.stopping.wait(seconds)


def _record(message: Any) -> KafkaRecord:
    kind, moment = message.timestamp()
    return KafkaRecord(
        message.topic(),
        message.partition(),
        message.offset(),
        kind,
        moment,
        message.key(),
        message.value(),
        [(name, value or b"") for name, value in message.headers() or []],
    )


def _behind(records: Sequence[KafkaRecord]) -> list[TopicPartition]:
    """The offset behind the last record of each partition."""
    last = {(record.topic, record.partition): record.offset for record in records}
    return [TopicPartition(topic, partition, offset + 1) for (topic, partition), offset in last.items()]
