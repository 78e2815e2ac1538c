"""MSK's topics: remembered, as long as no broker holds them."""

from __future__ import annotations

from typing import Any

from local.services.kafka import cluster_of, service, topics
from local.services.service import Request, ServiceError


@service.operation("CreateTopic")
def create_topic(request: Request) -> dict[str, Any]:
    """Remember a topic of a cluster."""
    cluster = cluster_of(request)
    params = request.params
    arn = f"{cluster['arn'].replace(':cluster/', ':topic/')}/{params['TopicName']}"
    if arn in topics:
        raise ServiceError("TopicExistsException", f"The topic {params['TopicName']} exists")
    topics[arn] = {
        "cluster": cluster["arn"],
        "name": params["TopicName"],
        "partitions": params["PartitionCount"],
        "replication": params["ReplicationFactor"],
        "configs": params.get("Configs"),
    }
    return {"TopicArn": arn, "TopicName": params["TopicName"], "Status": "ACTIVE"}


@service.operation("DescribeTopic")
def describe_topic(request: Request) -> dict[str, Any]:
    """One topic."""
    arn, topic = _topic(request)
    return {
        "TopicArn": arn,
        "TopicName": topic["name"],
        "PartitionCount": topic["partitions"],
        "ReplicationFactor": topic["replication"],
        "Configs": topic["configs"],
        "Status": "ACTIVE",
    }


@service.operation("UpdateTopic")
def update_topic(request: Request) -> dict[str, Any]:
    """Add partitions to a topic, or change its configuration."""
    arn, topic = _topic(request)
    topic["partitions"] = request.params.get("PartitionCount", topic["partitions"])
    topic["configs"] = request.params.get("Configs", topic["configs"])
    return {"TopicArn": arn, "TopicName": topic["name"], "Status": "ACTIVE"}


@service.operation("DeleteTopic")
def delete_topic(request: Request) -> dict[str, Any]:
    """Forget a topic."""
    arn, topic = _topic(request)
    del topics[arn]
    return {"TopicArn": arn, "TopicName": topic["name"], "Status": "DELETING"}


@service.operation("ListTopics")
def listtopics(request: Request) -> dict[str, Any]:
    """The topics of a cluster."""
    arn = cluster_of(request)["arn"]
    return {
        "Topics": [
            {
                "TopicArn": topic_arn,
                "TopicName": topic["name"],
                "PartitionCount": topic["partitions"],
                "ReplicationFactor": topic["replication"],
            }
            for topic_arn, topic in topics.items()
            if topic["cluster"] == arn
        ]
    }


def _topic(request: Request) -> tuple[str, dict[str, Any]]:
    arn = f"{cluster_of(request)['arn'].replace(':cluster/', ':topic/')}/{request.params['TopicName']}"
    if arn not in topics:
        raise ServiceError("NotFoundException", f"The topic {request.params['TopicName']} does not exist")
    return arn, topics[arn]
