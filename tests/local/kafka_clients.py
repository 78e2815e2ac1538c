"""Stock Kafka clients for the tests: as the person at the machine, and by IAM as on AWS."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import botocore.credentials
from aws_msk_iam_sasl_signer import MSKAuthTokenProvider
from confluent_kafka import Consumer, Producer

from local.layout import REGION


def endpoint(home: Path) -> dict[str, Any]:
    """What endpoints.json will say of the last cluster."""
    found: dict[str, Any] = json.loads((home / "kafka" / "endpoints.json").read_text())[-1]
    return found


class Session(botocore.credentials.CredentialProvider):
    """Fixed credentials, for the MSK signer."""

    def __init__(self, keys: dict[str, str]) -> None:
        self._keys = keys

    def load(self) -> botocore.credentials.Credentials:
        return botocore.credentials.Credentials(
            self._keys["AccessKeyId"], self._keys["SecretAccessKey"], self._keys.get("SessionToken")
        )


def iam(bootstrap: str, ca: str, keys: dict[str, str]) -> dict[str, Any]:
    """Settings of a client that signs in by IAM over TLS."""

    def token(_: str) -> tuple[str, float]:
        signed, expires = MSKAuthTokenProvider.generate_auth_token_from_credentials_provider(
            REGION, Session(keys)
        )
        return signed, expires / 1000

    return {
        "bootstrap.servers": bootstrap,
        "security.protocol": "SASL_SSL",
        "sasl.mechanisms": "OAUTHBEARER",
        "oauth_cb": token,
        "ssl.ca.location": ca,
    }


def send(settings: dict[str, Any], topic: str, values: list[bytes], key: bytes | None = None) -> None:
    """Produce values and wait until all are acknowledged by every replica in sync."""
    failures: list[Any] = []

    def delivered(error: Any, _: Any) -> None:
        if error is not None:
            failures.append(error)

    producer = Producer({**settings, "enable.idempotence": True})
    for value in values:
        producer.produce(topic, value, key=key, on_delivery=delivered)
    left = producer.flush(120)
    assert (left, failures) == (0, [])


def read(
    settings: dict[str, Any], topic: str, count: int, group: str = "tests", seconds: float = 30
) -> list[bytes]:
    """The first `count` values of a topic, in the order that they came."""
    consumer = Consumer(
        {
            **settings,
            "group.id": group,
            "auto.offset.reset": "earliest",
            "session.timeout.ms": 6000,
            "enable.auto.commit": False,
        }
    )
    consumer.subscribe([topic])
    found: list[bytes] = []
    deadline = time.monotonic() + seconds
    while len(found) < count and time.monotonic() < deadline:
        message = consumer.poll(0.2)
        if message is not None and message.error() is None:
            found.append(message.value())
    consumer.close()
    return found


def eventually(check: Callable[[], Any], seconds: float = 60) -> Any:
    """What `check` returns once it is true."""
    deadline = time.monotonic() + seconds
    while True:
        found = check()
        if found or time.monotonic() > deadline:
            assert found
            return found
        time.sleep(0.1)
