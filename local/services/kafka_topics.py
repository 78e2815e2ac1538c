"""MSK's topics: those that the cluster's brokers hold."""

from __future__ import annotations

import base64
import binascii
import time
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ConfigSource,
    NewPartitions,
    NewTopic,
)

from local.services import kafka_brokers
from local.services.kafka import cluster_of, service
from local.services.service import Request, ServiceError

TIMEOUT_SECONDS = 30.0
MISSING = "NotFoundException"
SETTLE_SECONDS = 2.0


@service.operation("CreateTopic")
def create_topic(request: Request) -> dict[str, Any]:
    """Make a topic."""
    params = request.params
    name = params["TopicName"]
    wanted = NewTopic(
        name,
        num_partitions=params["PartitionCount"],
        replication_factor=params["ReplicationFactor"],
        config=_decoded(params.get("Configs")),
    )
    _wait(_admin(request).create_topics([wanted], operation_timeout=TIMEOUT_SECONDS)[name])
    return {"TopicArn": _arn(request, name), "TopicName": name, "Status": "ACTIVE"}


@service.operation("DescribeTopic")
def describe_topic(request: Request) -> dict[str, Any]:
    """One topic, with the settings that are its own."""
    name = request.params["TopicName"]
    partitions = _partitions(request, name)
    overrides = "".join(f"{key}={value}\n" for key, value in sorted(_overrides(request, name).items()))
    return {
        "TopicArn": _arn(request, name),
        "TopicName": name,
        "PartitionCount": len(partitions),
        "ReplicationFactor": len(partitions[0].replicas),
        "Configs": base64.b64encode(overrides.encode()).decode(),
        "Status": "ACTIVE",
    }


@service.operation("DescribeTopicPartitions")
def describe_topic_partitions(request: Request) -> dict[str, Any]:
    """Leader and replicas of each partition of a topic."""
    found = _partitions(request, request.params["TopicName"])
    return {
        "Partitions": [
            {"Partition": each.id, "Leader": each.leader, "Replicas": each.replicas, "Isr": each.isrs}
            for _, each in sorted(found.items())
        ]
    }


@service.operation("UpdateTopic")
def update_topic(request: Request) -> dict[str, Any]:
    """Add partitions to a topic, or give it other settings."""
    params, name = request.params, request.params["TopicName"]
    present = len(_partitions(request, name))
    if params.get("PartitionCount", present) != present:
        more = [NewPartitions(name, params["PartitionCount"])]
        _wait(_admin(request).create_partitions(more, operation_timeout=TIMEOUT_SECONDS)[name])
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while len(_partitions(request, name)) < params["PartitionCount"] and time.monotonic() < deadline:
            time.sleep(0.05)
    if "Configs" in params:
        wanted, present_configs = _decoded(params["Configs"]), _overrides(request, name)
        changes = [
            ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET)
            for key, value in wanted.items()
        ] + [
            ConfigEntry(key, None, incremental_operation=AlterConfigOpType.DELETE)
            for key in present_configs.keys() - wanted.keys()
        ]
        resource = ConfigResource(ConfigResource.Type.TOPIC, name, incremental_configs=changes)
        [future] = _admin(request).incremental_alter_configs([resource]).values()
        _wait(future)
    return {"TopicArn": _arn(request, name), "TopicName": name, "Status": "ACTIVE"}


@service.operation("DeleteTopic")
def delete_topic(request: Request) -> dict[str, Any]:
    """Delete a topic with its records."""
    name = request.params["TopicName"]
    _wait(_admin(request).delete_topics([name], operation_timeout=TIMEOUT_SECONDS)[name])
    return {"TopicArn": _arn(request, name), "TopicName": name, "Status": "DELETING"}


@service.operation("ListTopics")
def list_topics(request: Request) -> dict[str, Any]:
    """The topics of a cluster by name prefix, Kafka's own included."""
    prefix = request.params.get("TopicNameFilter", "")
    found = _admin(request).list_topics(timeout=TIMEOUT_SECONDS).topics
    return {
        "Topics": [
            {
                "TopicArn": _arn(request, name),
                "TopicName": name,
                "PartitionCount": len(topic.partitions),
                "ReplicationFactor": len(topic.partitions[0].replicas),
                "OutOfSyncReplicaCount": sum(
                    len(each.replicas) - len(each.isrs) for each in topic.partitions.values()
                ),
            }
            for name, topic in sorted(found.items())
            if name.startswith(prefix)
        ]
    }


def _admin(request: Request) -> Any:
    cluster = cluster_of(request)
    if cluster["state"] == "CREATING":
        raise ServiceError("BadRequestException", f"The cluster {cluster['name']} is being created")
    return kafka_brokers.engine_of(cluster).admin()


def _partitions(request: Request, name: str) -> dict[int, Any]:
    # A broker may hear of a new topic a moment after the one that was asked to make it.
    deadline = time.monotonic() + SETTLE_SECONDS
    while name not in (topics := _admin(request).list_topics(timeout=TIMEOUT_SECONDS).topics):
        if time.monotonic() > deadline:
            raise ServiceError(MISSING, f"The topic {name} does not exist")
        time.sleep(0.05)
    found: dict[int, Any] = topics[name].partitions
    return found


def _overrides(request: Request, name: str) -> dict[str, str]:
    """Settings of the topic that are not the cluster's."""
    resource = ConfigResource(ConfigResource.Type.TOPIC, name)
    [future] = _admin(request).describe_configs([resource]).values()
    own = ConfigSource.DYNAMIC_TOPIC_CONFIG.value
    return {key: entry.value for key, entry in _wait(future).items() if entry.source == own}


def _wait(future: Any) -> Any:
    """What an admin operation gives; Kafka's refusals in MSK's words."""
    try:
        return future.result(TIMEOUT_SECONDS)
    except KafkaException as problem:
        error = problem.args[0]
        if error.code() == KafkaError.TOPIC_ALREADY_EXISTS:
            raise ServiceError("TopicExistsException", error.str()) from problem
        if error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
            raise ServiceError(MISSING, error.str()) from problem
        raise ServiceError("BadRequestException", error.str()) from problem


def _decoded(configs: str | None) -> dict[str, str]:
    """A topic's settings: lines of `key=value` in base 64."""
    try:
        text = base64.b64decode(configs or "", validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as problem:
        raise ServiceError("BadRequestException", "Configs are not text in base 64") from problem
    return kafka_brokers.parse_properties(text)


def _arn(request: Request, name: str) -> str:
    return f"{cluster_of(request)['arn'].replace(':cluster/', ':topic/')}/{name}"
