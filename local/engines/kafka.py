"""Apache Kafka in KRaft mode: the brokers that a cluster declares, and a controller, each a process.

A broker has a listener for each way in that the cluster allows (IAM over TLS, TLS, plaintext) and one of its
own for the other brokers and for the embedded AWS, all on the loopback address. The controller is a process
apart, as on MSK: any broker may stop while the others go on.
"""

from __future__ import annotations

import base64
import functools
import shutil
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from confluent_kafka.admin import AdminClient

from local import processes
from local.engines import certificates
from local.layout import HOST, gateway_url, home
from local.toolchain import tools
from local.tools import java_environment

READY_SECONDS = 60.0
CONTROLLER_ID = 1000
OWN = "BROKERS"
"""Listener of the brokers among themselves and of the embedded AWS."""
IAM, TLS, PLAINTEXT = "IAM", "TLS", "PLAINTEXT"
PROTOCOLS = {OWN: "PLAINTEXT", "CONTROLLER": "PLAINTEXT", IAM: "SASL_SSL", TLS: "SSL", PLAINTEXT: "PLAINTEXT"}
PORTS = {IAM: 9098, TLS: 9094, PLAINTEXT: 9092, OWN: 9192}
"""Where the first broker listens if the port is free; MSK's own numbers."""

BROKER_HEAP, CONTROLLER_HEAP = "256m", "128m"
JVM = (
    *("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:MaxMetaspaceSize=128m", "-Xss512k"),
    *("-Djava.net.preferIPv4Stack=true", "-Duser.timezone=UTC", "-Djava.awt.headless=true"),
)
SMALL = {
    "num.network.threads": "2",
    "num.io.threads": "2",
    "num.recovery.threads.per.data.dir": "1",
    "background.threads": "2",
    "log.cleaner.dedupe.buffer.size": "8388608",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.num.partitions": "2",
    # A group that nobody else will join need not wait for more members.
    "group.initial.rebalance.delay.ms": "0",
}
"""Settings of size and patience that no client can tell, for one machine."""
LOG4J = """\
log4j.rootLogger=INFO, out
log4j.appender.out=org.apache.log4j.ConsoleAppender
log4j.appender.out.layout=org.apache.log4j.PatternLayout
log4j.appender.out.layout.ConversionPattern=[%d] %p %c{1} %m%n
log4j.logger.kafka.log.LogCleaner=WARN
log4j.logger.org.apache.kafka.common.utils.AppInfoParser=WARN
"""


@dataclass(frozen=True)
class Cluster:
    """A Kafka cluster: how many brokers, which listeners, the deployed properties, and its ports."""

    name: str
    arn: str
    brokers: int
    listeners: tuple[str, ...]
    properties: Mapping[str, str] = field(default_factory=dict)
    iam_connections_per_second: int = 100
    """New connections that a broker takes at its listener for IAM."""
    kafka_id: str = field(default_factory=lambda: _identifier())
    controller_port: int = 0
    ports: Mapping[int, Mapping[str, int]] = field(default_factory=dict)
    """Broker → listener → port."""

    def bootstrap(self, listener: str = OWN) -> str:
        """Addresses of all brokers at a listener, as clients take them."""
        return ",".join(f"{HOST}:{self.ports[one][listener]}" for one in range(1, self.brokers + 1))

    def admin(self) -> Any:
        """A client with all rights, for the embedded AWS itself."""
        return _admin_client(self.bootstrap())


@functools.lru_cache(maxsize=4)
def _admin_client(bootstrap: str) -> Any:
    """Kept: a client that nobody holds any more drops the answers that it still waits for."""
    return AdminClient({"bootstrap.servers": bootstrap, "log_level": 2})


def start(cluster: Cluster) -> Cluster:
    """Start every process of the cluster that does not run; return it with its ports. Does not wait.

    A broker whose settings are not those that it was started with is started again.
    """
    folder = _folder(cluster)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "log4j.properties").write_text(LOG4J)
    certificate, key = certificates.server_files()
    keystore = folder / "server.pem"
    keystore.touch(mode=0o600)
    keystore.write_text(key.read_text() + certificate.read_text())
    cluster = _with_ports(cluster)
    _run(cluster, CONTROLLER_ID, _controller_properties(cluster))
    for broker in range(1, cluster.brokers + 1):
        start_broker(cluster, broker)
    return cluster


def start_broker(cluster: Cluster, broker: int) -> None:
    """Start one broker, again if its settings have changed."""
    _run(cluster, broker, _broker_properties(cluster, broker))


def stop_broker(cluster: Cluster, broker: int) -> None:
    """Stop one broker; its data stay."""
    processes.stop(process_name(cluster, broker))


def wait(cluster: Cluster) -> None:
    """Wait until all brokers are in the cluster. RuntimeError with the end of a log when one is not."""
    admin = cluster.admin()
    deadline = time.monotonic() + READY_SECONDS
    while True:
        for node in (CONTROLLER_ID, *range(1, cluster.brokers + 1)):
            if processes.find(process_name(cluster, node)) is None:
                raise RuntimeError(f"Kafka did not start: {_last_line(cluster, node)}")
        try:
            if len(admin.list_topics(timeout=1).brokers) == cluster.brokers:
                return
        except Exception as error:
            if time.monotonic() > deadline:
                raise RuntimeError(f"Kafka did not start in {READY_SECONDS:.0f} s: {error}") from error
        if time.monotonic() > deadline:
            raise RuntimeError(f"Not all brokers of {cluster.name} joined in {READY_SECONDS:.0f} s")
        time.sleep(0.1)


def stop(cluster: Cluster) -> None:
    """Stop the cluster and keep its data."""
    for node in (*range(1, cluster.brokers + 1), CONTROLLER_ID):
        processes.stop(process_name(cluster, node))


def drop(cluster: Cluster) -> None:
    """Stop the cluster and delete its data."""
    for node in (*cluster.ports, CONTROLLER_ID):
        processes.stop(process_name(cluster, node))
    shutil.rmtree(_folder(cluster), ignore_errors=True)


def process_name(cluster: Cluster, node: int) -> str:
    """Name of a node's process, and of its log."""
    return f"kafka-{cluster.name}-{'controller' if node == CONTROLLER_ID else f'broker-{node}'}"


def _with_ports(cluster: Cluster) -> Cluster:
    """The cluster with a free port for each listener that has none yet."""
    taken = {port for ports in cluster.ports.values() for port in ports.values()}

    def pick(preferred: int) -> int:
        port = processes.free_port(0 if preferred in taken else preferred)
        while port in taken:
            port = processes.free_port(0)
        taken.add(port)
        return port

    ports = {}
    for broker in range(1, cluster.brokers + 1):
        known = cluster.ports.get(broker, {})
        running = processes.find(process_name(cluster, broker)) is not None
        ports[broker] = {
            listener: known[listener]
            if listener in known and (running or processes.free_port(known[listener]) == known[listener])
            else pick(PORTS[listener] + 100 * (broker - 1) * 2)
            for listener in (OWN, *cluster.listeners)
        }
    controller = cluster.controller_port
    if processes.find(process_name(cluster, CONTROLLER_ID)) is None:
        controller = processes.free_port(controller) if controller else pick(0)
    return replace(cluster, ports=ports, controller_port=controller)


def _run(cluster: Cluster, node: int, properties: Mapping[str, str]) -> None:
    name, folder = process_name(cluster, node), _folder(cluster) / str(node)
    text = "".join(f"{key}={_escaped(value)}\n" for key, value in properties.items())
    file = folder / "server.properties"
    if processes.find(name) is not None:
        if file.read_text() == text:
            return
        processes.stop(name)
    data = folder / "data"
    if not (data / "meta.properties").exists():
        # What `kafka-storage format` writes, without a JVM for each node.
        data.mkdir(parents=True)
        (data / "meta.properties").write_text(f"version=1\ncluster.id={cluster.kafka_id}\nnode.id={node}\n")
    file.write_text(text)
    heap = CONTROLLER_HEAP if node == CONTROLLER_ID else BROKER_HEAP
    processes.spawn(
        name,
        [
            *(tools().java_home / "bin" / "java", "-cp", tools().kafka_class_path, f"-Xmx{heap}", *JVM),
            f"-Dlog4j.configuration={(_folder(cluster) / 'log4j.properties').as_uri()}",
            *(f"-Drefstack.gateway={gateway_url()}", f"-Drefstack.cluster={cluster.arn}"),
            *("kafka.Kafka", file),
        ],
        env=java_environment(),
        cwd=folder,
    )


def _escaped(value: str) -> str:
    """A value as java.util.Properties reads it from a file of bytes: ISO 8859-1, `\\uXXXX` for all else."""
    units = value.replace("\\", "\\\\").encode("utf-16-be")
    pairs = [int.from_bytes(units[at : at + 2]) for at in range(0, len(units), 2)]
    return "".join(chr(unit) if unit < 128 else f"\\u{unit:04x}" for unit in pairs)


def _common(cluster: Cluster, node: int) -> dict[str, str]:
    return {
        "node.id": str(node),
        "log.dirs": str(_folder(cluster) / str(node) / "data"),
        "controller.quorum.voters": f"{CONTROLLER_ID}@{HOST}:{cluster.controller_port}",
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": ",".join(f"{name}:{how}" for name, how in PROTOCOLS.items()),
    }


def _controller_properties(cluster: Cluster) -> dict[str, str]:
    return {
        **_replication(cluster),
        **cluster.properties,
        **_common(cluster, CONTROLLER_ID),
        "process.roles": "controller",
        "listeners": f"CONTROLLER://{HOST}:{cluster.controller_port}",
    }


def _broker_properties(cluster: Cluster, broker: int) -> dict[str, str]:
    ports = cluster.ports[broker]
    listeners = ",".join(f"{listener}://{HOST}:{port}" for listener, port in ports.items())
    properties = {
        **SMALL,
        **_replication(cluster),
        **cluster.properties,
        **_common(cluster, broker),
        "process.roles": "broker",
        "listeners": listeners,
        "advertised.listeners": listeners,
        "inter.broker.listener.name": OWN,
        "authorizer.class.name": "refstack.IamAuthorizer",
    }
    for listener in {IAM, TLS} & set(ports):
        prefix = f"listener.name.{listener.lower()}."
        properties[f"{prefix}ssl.keystore.type"] = "PEM"
        properties[f"{prefix}ssl.keystore.location"] = str(_folder(cluster) / "server.pem")
    if IAM in ports:
        prefix = f"listener.name.{IAM.lower()}."
        module = "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule"
        properties[f"{prefix}sasl.enabled.mechanisms"] = "OAUTHBEARER"
        properties[f"{prefix}oauthbearer.sasl.jaas.config"] = f"{module} required ;"
        properties[f"{prefix}oauthbearer.sasl.server.callback.handler.class"] = "refstack.IamTokenValidator"
        properties["refstack.iam.connections.per.second"] = str(cluster.iam_connections_per_second)
    return properties


def _replication(cluster: Cluster) -> dict[str, str]:
    """MSK's own defaults for its internal topics, as far as there are brokers."""
    replicas = min(3, cluster.brokers)
    return {
        "offsets.topic.replication.factor": str(replicas),
        "transaction.state.log.replication.factor": str(replicas),
        "transaction.state.log.min.isr": str(max(1, replicas - 1)),
    }


def _folder(cluster: Cluster) -> Path:
    return home() / "kafka" / cluster.name


def _identifier() -> str:
    """A cluster id as Kafka writes it: 16 random bytes in URL-safe base 64."""
    return base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")


def _last_line(cluster: Cluster, node: int) -> str:
    log = home() / "log" / f"{process_name(cluster, node)}.log"
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return f"{lines[-1] if lines else 'it said nothing'} (log: {log})"
