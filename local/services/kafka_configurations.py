"""MSK's configurations and their revisions.

`ServerProperties` is server.properties in plain text for SDKs and CloudFormation, whose clients encode it:
https://docs.aws.amazon.com/msk/1.0/apireference/configurations.html (a text that is encoded twice is refused:
awsdocs/aws-cloudformation-user-guide#1186).
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

from local.services import kafka_brokers
from local.services.kafka import service
from local.services.service import Request, ServiceError

_configurations = service.state("configurations")

SETTABLE = frozenset(
    (
        *("allow.everyone.if.no.acl.found", "auto.create.topics.enable", "compression.type"),
        *("connections.max.idle.ms", "default.replication.factor", "delete.topic.enable"),
        *("group.initial.rebalance.delay.ms", "group.max.session.timeout.ms"),
        *("group.min.session.timeout.ms", "leader.imbalance.per.broker.percentage"),
        *("log.cleaner.delete.retention.ms", "log.cleaner.min.cleanable.ratio", "log.cleanup.policy"),
        *("log.flush.interval.messages", "log.flush.interval.ms", "log.local.retention.bytes"),
        *("log.local.retention.ms", "log.message.timestamp.after.max.ms"),
        *("log.message.timestamp.before.max.ms", "log.message.timestamp.difference.max.ms"),
        *("log.message.timestamp.type", "log.retention.bytes", "log.retention.hours"),
        *("log.retention.minutes", "log.retention.ms", "log.roll.ms", "log.segment.bytes"),
        *("max.incremental.fetch.session.cache.slots", "message.max.bytes", "min.insync.replicas"),
        *("num.io.threads", "num.network.threads", "num.partitions"),
        *("num.recovery.threads.per.data.dir", "num.replica.fetchers", "offsets.retention.minutes"),
        *("offsets.topic.replication.factor", "replica.fetch.max.bytes"),
        *("replica.fetch.response.max.bytes", "replica.lag.time.max.ms", "replica.selector.class"),
        *("replica.socket.receive.buffer.bytes", "socket.receive.buffer.bytes"),
        *("socket.request.max.bytes", "socket.send.buffer.bytes", "transaction.max.timeout.ms"),
        *("transaction.state.log.min.isr", "transaction.state.log.replication.factor"),
        *("transactional.id.expiration.ms", "unclean.leader.election.enable"),
        *("zookeeper.connection.timeout.ms", "zookeeper.session.timeout.ms"),
    )
)
"""Broker properties that a configuration may set.

https://docs.aws.amazon.com/msk/latest/developerguide/msk-configuration-properties.html
"""


@service.operation("CreateConfiguration")
def create_configuration(request: Request) -> dict[str, Any]:
    """Make a configuration with its first revision."""
    params = request.params
    if any(one["name"] == params["Name"] for one in _configurations.values()):
        raise ServiceError("ConflictException", f"A configuration {params['Name']} exists")
    arn = f"arn:aws:kafka:{request.region}:{request.account}:configuration/{params['Name']}/{uuid.uuid4()}-1"
    _configurations[arn] = {
        "arn": arn,
        "name": params["Name"],
        "created": datetime.now(UTC),
        "description": params.get("Description", ""),
        "kafka_versions": params.get("KafkaVersions", []),
        "revisions": [_revision(1, params)],
    }
    return _configuration_info(_configurations[arn])


@service.operation("UpdateConfiguration")
def update_configuration(request: Request) -> dict[str, Any]:
    """Add a revision to a configuration."""
    found = _configuration(request)
    found["revisions"].append(_revision(len(found["revisions"]) + 1, request.params))
    return {"Arn": found["arn"], "LatestRevision": _revision_info(found["revisions"][-1])}


@service.operation("DescribeConfiguration")
def describe_configuration(request: Request) -> dict[str, Any]:
    """One configuration."""
    return _configuration_info(_configuration(request))


@service.operation("DescribeConfigurationRevision")
def describe_configuration_revision(request: Request) -> dict[str, Any]:
    """One revision of a configuration, with its properties."""
    found = _configuration(request)
    number = request.params["Revision"]
    if not 1 <= number <= len(found["revisions"]):
        raise ServiceError("NotFoundException", f"There is no revision {number}")
    revision = found["revisions"][number - 1]
    return {"Arn": found["arn"], **_revision_info(revision), "ServerProperties": revision["properties"]}


@service.operation("ListConfigurations")
def list_configurations(request: Request) -> dict[str, Any]:
    """All configurations."""
    return {"Configurations": [_configuration_info(one) for one in _configurations.values()]}


@service.operation("ListConfigurationRevisions")
def list_configuration_revisions(request: Request) -> dict[str, Any]:
    """All revisions of a configuration."""
    return {"Revisions": [_revision_info(one) for one in _configuration(request)["revisions"]]}


@service.operation("DeleteConfiguration")
def delete_configuration(request: Request) -> dict[str, Any]:
    """Forget a configuration."""
    found = _configuration(request)
    del _configurations[found["arn"]]
    return {"Arn": found["arn"], "State": "DELETING"}


def _configuration(request: Request) -> dict[str, Any]:
    arn = request.params["Arn"]
    if arn not in _configurations:
        raise ServiceError("NotFoundException", f"The configuration {arn} does not exist")
    found: dict[str, Any] = _configurations[arn]
    return found


def _revision(number: int, params: dict[str, Any]) -> dict[str, Any]:
    """A new revision. BadRequestException unless its properties are lines of those that MSK supports."""
    try:
        given = kafka_brokers.parse_properties(bytes(params["ServerProperties"]).decode())
    except UnicodeDecodeError as problem:
        raise _bad_request("The server properties are not text") from problem
    if refused := sorted(given.keys() - SETTABLE):
        raise _bad_request(f"MSK does not support the configuration properties {', '.join(refused)}")
    return {
        "number": number,
        "created": datetime.now(UTC),
        "description": params.get("Description", ""),
        "properties": params["ServerProperties"],
    }


def _revision_info(revision: dict[str, Any]) -> dict[str, Any]:
    return {
        "Revision": revision["number"],
        "CreationTime": revision["created"],
        "Description": revision["description"],
    }


def _configuration_info(configuration: dict[str, Any]) -> dict[str, Any]:
    return {
        "Arn": configuration["arn"],
        "Name": configuration["name"],
        "CreationTime": configuration["created"],
        "Description": configuration["description"],
        "KafkaVersions": configuration["kafka_versions"],
        "LatestRevision": _revision_info(configuration["revisions"][-1]),
        "State": "ACTIVE",
    }


def _bad_request(message: str) -> ServiceError:
    return ServiceError("BadRequestException", message, InvalidParameter="serverProperties")
