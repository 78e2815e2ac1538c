"""MSK's clusters as Apache Kafka runs them: from a cluster's record to its brokers."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from local.engines import certificates, kafka
from local.jars import KAFKA_VERSION
from local.layout import home
from local.services import state
from local.services.service import ServiceError

log = logging.getLogger("refstack.kafka")

SERVERLESS_BROKERS = 3
"""MSK Serverless replicates over three zones."""
ENDPOINTS = "endpoints.json"
IAM_CONNECTIONS_PER_SECOND = {"kafka.t3.small": 4}
OTHERS_CONNECTIONS_PER_SECOND = 100
"""New connections a second that a broker takes from IAM clients, by its instance type.

https://docs.aws.amazon.com/msk/latest/developerguide/limits.html, "Maximum TCP connection rate per broker
(IAM)"; of MSK Serverless, "connection attempts".
"""

_engines: dict[str, dict[str, Any]] = state.register("kafka", "engines")
_configurations: dict[str, dict[str, Any]] = state.register("kafka", "configurations")
_lock = threading.RLock()


def check(kind: str, details: dict[str, Any]) -> None:
    """Refuse what no broker here could do: another Kafka, ways in that are not emulated."""
    if kind == "SERVERLESS":
        return
    version = details["KafkaVersion"]
    if not KAFKA_VERSION.startswith(version.removesuffix(".kraft").rstrip("x")):
        raise _bad_request(f"Kafka {version} is not installed here, {KAFKA_VERSION} is", "kafkaVersion")
    authentication = details.get("ClientAuthentication", {})
    for name, enabled in (
        ("SASL/SCRAM", authentication.get("Sasl", {}).get("Scram", {}).get("Enabled")),
        ("Mutual TLS", authentication.get("Tls", {}).get("Enabled")),
    ):
        if enabled:
            raise _bad_request(f"{name} authentication is not emulated", "clientAuthentication")


def provision(record: dict[str, Any]) -> None:
    """Start the brokers of a new or a changed cluster; it is ACTIVE once they answer."""
    _in_background(record, lambda: _start(record))


def reboot(record: dict[str, Any], broker: int) -> None:
    """Stop one broker and start it again."""
    engine = engine_of(record)
    if not 1 <= broker <= engine.brokers:
        raise _bad_request(f"There is no broker {broker}", "brokerIds")

    def again() -> None:
        kafka.stop_broker(engine, broker)
        kafka.start_broker(engine, broker)
        kafka.wait(engine)

    record["state"] = "REBOOTING_BROKER"
    _in_background(record, again)


def drop(record: dict[str, Any]) -> None:
    """Stop the brokers and delete what they hold."""
    with _lock:
        if record["arn"] in _engines:
            kafka.drop(engine_of(record))
            del _engines[record["arn"]]
            _write_endpoints()


def engine_of(record: dict[str, Any]) -> kafka.Cluster:
    """The Kafka cluster behind an MSK cluster."""
    return kafka.Cluster(**_engines[record["arn"]])


def listeners(record: dict[str, Any]) -> tuple[str, ...]:
    """The ways in that the cluster's settings allow, and no others."""
    if record["kind"] == "SERVERLESS":
        return (kafka.IAM,)
    details = record["details"]
    authentication = details.get("ClientAuthentication", {})
    transit = details.get("EncryptionInfo", {}).get("EncryptionInTransit", {}).get("ClientBroker", "TLS")
    found = []
    if authentication.get("Sasl", {}).get("Iam", {}).get("Enabled"):
        found.append(kafka.IAM)
    if authentication.get("Unauthenticated", {}).get("Enabled", not authentication):
        found += [way for way in (kafka.TLS, kafka.PLAINTEXT) if way in transit.split("_")]
    return tuple(found)


def connections_per_second(details: dict[str, Any]) -> int:
    """New connections a second that a broker of the cluster takes from IAM clients."""
    instance = details.get("BrokerNodeGroupInfo", {}).get("InstanceType", "")
    return IAM_CONNECTIONS_PER_SECOND.get(instance, OTHERS_CONNECTIONS_PER_SECOND)


def restore(clusters: dict[str, dict[str, Any]]) -> None:
    """Start the brokers of an earlier gateway again, with what they hold."""
    for record in clusters.values():
        _start(record)


def _start(record: dict[str, Any]) -> None:
    arn = record["arn"]
    wanted = {
        "brokers": record["details"].get("NumberOfBrokerNodes", SERVERLESS_BROKERS),
        "listeners": listeners(record),
        "iam_connections_per_second": connections_per_second(record["details"]),
        "properties": _properties(record["details"]),
    }
    with _lock:
        known = _engines.get(arn) or {"name": record["name"], "arn": arn}
        engine = kafka.start(kafka.Cluster(**{**known, **wanted}))
        _engines[arn] = asdict(engine)
        _write_endpoints()
    kafka.wait(engine)


def _in_background(record: dict[str, Any], work: Callable[[], None]) -> None:
    def run() -> None:
        try:
            work()
        except Exception as error:
            log.exception("Kafka of %s", record["name"])
            record["state"] = "FAILED"
            record["state_message"] = str(error)
        else:
            record["state"] = "ACTIVE"

    threading.Thread(target=run, name=f"kafka-{record['name']}", daemon=True).start()


def _properties(details: dict[str, Any]) -> dict[str, str]:
    """Server properties of the configuration revision that the cluster runs."""
    chosen = details.get("ConfigurationInfo")
    if not chosen:
        return {}
    if chosen["Arn"] not in _configurations:
        raise _bad_request(f"There is no configuration {chosen['Arn']}", "configurationInfo")
    revision = _configurations[chosen["Arn"]]["revisions"][int(chosen["Revision"]) - 1]
    return parse_properties(bytes(revision["properties"]).decode())


def parse_properties(text: str) -> dict[str, str]:
    """Lines of `key=value`, comments and blank lines left out."""
    lines = (line.strip() for line in text.splitlines())
    pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
    return {key.strip(): value.strip() for key, _, value in pairs}


def _write_endpoints() -> None:
    """Where the person who runs this reaches the brokers, for endpoints.json."""
    path = home() / "kafka" / ENDPOINTS
    path.parent.mkdir(parents=True, exist_ok=True)
    clusters = [kafka.Cluster(**engine) for engine in _engines.values()]
    found = [
        {
            "cluster": one.arn,
            "bootstrap": one.bootstrap(),
            **{listener.lower(): one.bootstrap(listener) for listener in one.listeners},
            "ca": str(certificates.bundle()),
        }
        for one in clusters
    ]
    path.write_text(json.dumps(found, indent=2) + "\n")


def _bad_request(message: str, parameter: str) -> ServiceError:
    return ServiceError("BadRequestException", message, InvalidParameter=parameter)
