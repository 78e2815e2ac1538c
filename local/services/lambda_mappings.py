"""Lambda's event source mappings of MSK clusters; those of other sources, and all else, are ministack's."""

from __future__ import annotations

import json
import threading
import uuid
from datetime import UTC, datetime
from typing import Any

from ministack.services import lambda_svc

from local.services import lambda_pollers
from local.services.kafka import service as kafka
from local.services.service import NotOursError, Request, Service

service = Service("lambda", fallback=True, validation_error="InvalidParameterValueException")
_mappings: dict[str, dict[str, Any]] = service.state("event_source_mappings")
_tags: dict[str, dict[str, str]] = service.state("event_source_mapping_tags")
_lock = threading.RLock()

DEFAULT_BATCH, PAGE = 100, 100
SETTABLE = (
    *("BatchSize", "MaximumBatchingWindowInSeconds", "DestinationConfig", "ProvisionedPollerConfig"),
    *("FunctionResponseTypes", "MaximumRetryAttempts", "BisectBatchOnFunctionError"),
)
FIXED = (
    *("EventSourceArn", "FunctionName", "Enabled", "Topics", "StartingPosition", "Tags"),
    "AmazonManagedKafkaEventSourceConfig",
)
NEED_PROVISIONED_MODE = ("FunctionResponseTypes", "MaximumRetryAttempts", "BisectBatchOnFunctionError")
"""What Kafka sources offer in provisioned mode only."""


@service.operation("CreateEventSourceMapping")
def create_event_source_mapping(request: Request) -> dict[str, Any]:
    """Make a mapping of a topic of an MSK cluster, and begin to poll unless it is disabled."""
    given = request.params
    source = given.get("EventSourceArn", "")
    if ":kafka:" not in source:
        raise NotOursError
    _refuse_unknown(given, *FIXED, *SETTABLE, "UUID")
    if source not in kafka.state("clusters"):
        raise _invalid(f"The cluster {source} does not exist")
    if len(given.get("Topics", [])) != 1:
        raise _invalid("Give exactly one topic")
    if given.get("StartingPosition") not in lambda_pollers.OFFSETS:
        raise _invalid(f"StartingPosition must be one of {', '.join(lambda_pollers.OFFSETS)} here")
    _check(given)
    identity = str(uuid.uuid4())
    config = {"ConsumerGroupId": identity, **given.get("AmazonManagedKafkaEventSourceConfig", {})}
    enabled = given.get("Enabled", True)
    mapping = {
        "UUID": identity,
        "EventSourceMappingArn": _arn(request, identity),
        "EventSourceArn": source,
        "FunctionArn": _function_arn(given["FunctionName"]),
        "Topics": given["Topics"],
        "StartingPosition": given["StartingPosition"],
        "AmazonManagedKafkaEventSourceConfig": config,
        "BatchSize": DEFAULT_BATCH,
        "State": "Enabled" if enabled else "Disabled",
        "StateTransitionReason": "USER_INITIATED",
        "LastModified": datetime.now(UTC),
        "LastProcessingResult": "No records processed",
        **{name: given[name] for name in SETTABLE if name in given},
    }
    with _lock:
        _mappings[identity] = mapping
        _tags[identity] = dict(given.get("Tags", {}))
    if enabled:
        lambda_pollers.start(mapping)
    return {**mapping, "State": "Creating"}


@service.operation("GetEventSourceMapping")
def get_event_source_mapping(request: Request) -> dict[str, Any]:
    """One mapping."""
    return dict(_mapping(request))


@service.operation("ListEventSourceMappings")
def list_event_source_mappings(request: Request) -> dict[str, Any]:
    """Mappings of all sources, or of one source or function."""
    given = request.params
    found = [dict(each) for each in _mappings.values()]
    if "EventSourceArn" in given:
        found = [each for each in found if each["EventSourceArn"] == given["EventSourceArn"]]
    if "FunctionName" in given:
        wanted = _function_arn(given["FunctionName"])
        found = [each for each in found if each["FunctionArn"] == wanted]
    criteria: dict[str, Any] = {
        name: given[name] for name in ("EventSourceArn", "FunctionName") if name in given
    }
    _, _, theirs = lambda_svc._list_esms({**criteria, "MaxItems": "10000"})
    found += json.loads(theirs)["EventSourceMappings"]
    found.sort(key=lambda each: str(each["UUID"]))
    found = [each for each in found if each["UUID"] > given.get("Marker", "")]
    size = int(given.get("MaxItems", PAGE))
    answer: dict[str, Any] = {"EventSourceMappings": found[:size]}
    if len(found) > size:
        answer["NextMarker"] = found[size - 1]["UUID"]
    return answer


@service.operation("UpdateEventSourceMapping")
def update_event_source_mapping(request: Request) -> dict[str, Any]:
    """Change a mapping; a poller with the new settings takes over."""
    given = request.params
    mapping = _mapping(request)
    _refuse_unknown(given, *SETTABLE, "UUID", "FunctionName", "Enabled")
    _check({**mapping, **given})
    with _lock:
        lambda_pollers.stop(mapping["UUID"])
        mapping.update({name: given[name] for name in SETTABLE if name in given})
        if "FunctionName" in given:
            mapping["FunctionArn"] = _function_arn(given["FunctionName"])
        if "Enabled" in given:
            mapping["State"] = "Enabled" if given["Enabled"] else "Disabled"
        mapping["LastModified"] = datetime.now(UTC)
        if mapping["State"] == "Enabled":
            lambda_pollers.start(mapping)
    return {**mapping, "State": "Updating"}


@service.operation("DeleteEventSourceMapping")
def delete_event_source_mapping(request: Request) -> dict[str, Any]:
    """Stop polling and forget the mapping; the group's offsets stay with the brokers."""
    mapping = _mapping(request)
    lambda_pollers.stop(mapping["UUID"])
    with _lock:
        del _mappings[mapping["UUID"]]
        _tags.pop(mapping["UUID"], None)
    return {**mapping, "State": "Deleting"}


@service.operation("ListTags")
def list_tags(request: Request) -> dict[str, Any]:
    """Tags of a mapping."""
    return {"Tags": dict(_tags_of(request))}


@service.operation("TagResource")
def tag_resource(request: Request) -> None:
    """Add tags to a mapping."""
    _tags_of(request).update(request.params["Tags"])


@service.operation("UntagResource")
def untag_resource(request: Request) -> None:
    """Take tags from a mapping."""
    for name in request.params["TagKeys"]:
        _tags_of(request).pop(name, None)


@service.resource("GetEventSourceMapping", "UpdateEventSourceMapping", "DeleteEventSourceMapping")
def mapping_arn(request: Request) -> str:
    """The mapping that policies are held against."""
    return _arn(request, request.params["UUID"])


@service.on_restore
def restore() -> None:
    """Poll again for the mappings of an earlier gateway, from where its groups have committed."""
    for mapping in _mappings.values():
        if mapping["State"] == "Enabled":
            lambda_pollers.start(mapping)


def _mapping(request: Request) -> dict[str, Any]:
    found = _mappings.get(request.params["UUID"])
    if found is None:
        raise NotOursError
    return found


def _tags_of(request: Request) -> dict[str, str]:
    found = _tags.get(request.params["Resource"].rpartition(":")[2])
    if found is None:
        raise NotOursError
    return found


def _function_arn(name: str) -> str:
    """ARN of a function by its name or ARN, with the qualifier if there is one."""
    function, config, _ = lambda_svc._get_func_record_for_ref(name)
    if not function or not config:
        raise service.error("ResourceNotFoundException", f"Function not found: {name}")
    return name if name.startswith("arn:") else str(config["FunctionArn"])


def _arn(request: Request, identity: str) -> str:
    return f"arn:aws:lambda:{request.region}:{request.account}:event-source-mapping:{identity}"


def _refuse_unknown(given: dict[str, Any], *known: str) -> None:
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise _invalid(f"{', '.join(unknown)} of a Kafka event source is not emulated here")


def _check(given: dict[str, Any]) -> None:
    if "ProvisionedPollerConfig" not in given:
        early = [name for name in NEED_PROVISIONED_MODE if given.get(name) not in (None, [], False)]
        if early:
            raise _invalid(f"{', '.join(early)} of a Kafka event source needs ProvisionedPollerConfig")
    destination = given.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination")
    if destination and destination.split(":")[2] not in ("sqs", "sns"):
        raise _invalid(f"The destination {destination} is not emulated: a queue or a topic of SNS is")


def _invalid(message: str) -> Any:
    return service.error("InvalidParameterValueException", message, Type="User")
