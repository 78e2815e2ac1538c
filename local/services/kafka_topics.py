"""MSK's topics: those that the cluster's brokers hold.

`Configs` is base64 of a JSON object of strings, in requests and in answers:
https://github.com/hashicorp/terraform-provider-aws, internal/service/kafka/topic.go and topic_test.go, whose
acceptance tests run against AWS; awslabs/mcp's MSK server sends and reads the same.
"""

from __future__ import annotations

import base64
import binascii
import json
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
OWN = ConfigSource.DYNAMIC_TOPIC_CONFIG.value
SHOWN = (OWN, ConfigSource.STATIC_BROKER_CONFIG.value)
"""Sources of the settings that DescribeTopic shows. What it answers has server-augmented values, says the
Terraform provider; which ones AWS does not document: here those that differ from Kafka's defaults.
"""


@service.operation("CreateTopic")
def create_topic(request: Request) -> dict[str, Any]:
    """Make a topic."""
    params = request.params
    name = params["TopicName"]
    wanted = NewTopic(
        name,
        num_partitions=params["PartitionCount"],
        replication_factor=params["ReplicationFactor"],
        config=decoded(params["Configs"]) if "Configs" in params else {},
    )
    _wait(_admin(request).create_topics([wanted], operation_timeout=TIMEOUT_SECONDS)[name])
    return {"TopicArn": _arn(request, name), "TopicName": name, "Status": "ACTIVE"}


@service.operation("DescribeTopic")
def describe_topic(request: Request) -> dict[str, Any]:
    """One topic, with its own settings and those that the cluster's configuration gives it."""
    name = request.params["TopicName"]
    partitions = _partitions(request, name)
    return {
        "TopicArn": _arn(request, name),
        "TopicName": name,
        "PartitionCount": len(partitions),
        "ReplicationFactor": len(partitions[0].replicas),
        "Configs": encoded(_settings(_admin(request), name, *SHOWN)),
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
    """Add partitions to a topic, or give it other settings: one of both in a call, as MSK documents it.

    https://docs.aws.amazon.com/msk/latest/developerguide/msk-update-topic.html
    """
    params, name = request.params, request.params["TopicName"]
    if ("PartitionCount" in params) == ("Configs" in params):
        raise _bad_request("You must specify either configs or partitionCount to update.", "configs")
    present = len(_partitions(request, name))
    if params.get("PartitionCount", present) != present:
        more = [NewPartitions(name, params["PartitionCount"])]
        _wait(_admin(request).create_partitions(more, operation_timeout=TIMEOUT_SECONDS)[name])
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while len(_partitions(request, name)) < params["PartitionCount"] and time.monotonic() < deadline:
            time.sleep(0.05)
    if "Configs" in params:
        wanted, present_configs = decoded(params["Configs"]), _settings(_admin(request), name, OWN)
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
        raise _bad_request(f"The cluster {cluster['name']} is being created", "clusterArn")
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


def own_settings(cluster_arn: str, name: str) -> dict[str, str]:
    """Settings of a topic that were given to it, without the cluster's."""
    return _settings(kafka_brokers.engine_of({"arn": cluster_arn}).admin(), name, OWN)


def _settings(admin: Any, name: str, *sources: int) -> dict[str, str]:
    """Settings of the topic that come from these sources, Kafka's numbers for them."""
    resource = ConfigResource(ConfigResource.Type.TOPIC, name)
    [future] = admin.describe_configs([resource]).values()
    return {key: entry.value for key, entry in _wait(future).items() if entry.source in sources}


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


def decoded(configs: str) -> dict[str, str]:
    """A topic's settings from base64 of a JSON object of strings. BadRequestException for anything else."""
    try:
        found = json.loads(base64.b64decode(configs, validate=True))
    except (binascii.Error, ValueError, RecursionError) as problem:
        raise _bad_request("Configs must be a JSON object, base64-encoded", "configs") from problem
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise _bad_request("Configs must be a JSON object whose values are strings", "configs")
    return found


def encoded(settings: dict[str, str]) -> str:
    """Settings as `decoded` reads them."""
    return base64.b64encode(json.dumps(settings, sort_keys=True).encode()).decode()


def _bad_request(message: str, parameter: str) -> ServiceError:
    return ServiceError("BadRequestException", message, InvalidParameter=parameter)


def _arn(request: Request, name: str) -> str:
    return f"{cluster_of(request)['arn'].replace(':cluster/', ':topic/')}/{name}"
