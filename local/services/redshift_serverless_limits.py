"""Redshift Serverless: usage limits and tags."""

from __future__ import annotations

import uuid
from typing import Any

from local.services.redshift_serverless import (
    arn_of,
    lock,
    page,
    service,
    tag_map,
    tags,
    usage_limits,
    workgroups,
)
from local.services.service import Request


@service.operation("CreateUsageLimit")
def create_usage_limit(request: Request) -> dict[str, Any]:
    """Remember a usage limit. Nothing is billed here, so that none is ever reached."""
    given = request.params
    with lock:
        if given["resourceArn"] not in {item["workgroupArn"] for item in workgroups.values()}:
            raise service.error("ResourceNotFoundException", f"Resource {given['resourceArn']} not found.")
        period = given.get("period", "monthly")
        same = ("resourceArn", "usageType")
        if any(
            all(item[key] == given[key] for key in same) and item["period"] == period
            for item in usage_limits.values()
        ):
            raise service.error("ConflictException", "A usage limit of this type and period exists.")
        identifier = str(uuid.uuid4())
        limit: dict[str, Any] = {
            "usageLimitId": identifier,
            "usageLimitArn": arn_of(request, "usagelimit", identifier),
            "breachAction": "log",
            "period": period,
            **{key: given[key] for key in _LIMIT_FIELDS if key in given},
        }
        usage_limits[identifier] = limit
    return {"usageLimit": limit}


@service.operation("GetUsageLimit")
def get_usage_limit(request: Request) -> dict[str, Any]:
    """One usage limit."""
    return {"usageLimit": _usage_limit(request)}


@service.operation("ListUsageLimits")
def list_usage_limits(request: Request) -> dict[str, Any]:
    """Usage limits, of one workgroup or of one type when asked."""
    given = request.params
    found = [
        limit
        for limit in usage_limits.values()
        if all(given.get(key, limit[key]) == limit[key] for key in ("resourceArn", "usageType"))
    ]
    return page("usageLimits", found, request)


@service.operation("UpdateUsageLimit")
def update_usage_limit(request: Request) -> dict[str, Any]:
    """Change a usage limit's amount or action."""
    limit = _usage_limit(request)
    limit.update({key: request.params[key] for key in ("amount", "breachAction") if key in request.params})
    return {"usageLimit": limit}


@service.operation("DeleteUsageLimit")
def delete_usage_limit(request: Request) -> dict[str, Any]:
    """Forget a usage limit."""
    limit = _usage_limit(request)
    del usage_limits[limit["usageLimitId"]]
    return {"usageLimit": limit}


@service.operation("TagResource")
def tag_resource(request: Request) -> None:
    """Add tags to a namespace or a workgroup."""
    _tags_of(request).update(tag_map(request.params))


@service.operation("UntagResource")
def untag_resource(request: Request) -> None:
    """Take tags from a namespace or a workgroup."""
    found = _tags_of(request)
    for key in request.params["tagKeys"]:
        found.pop(key, None)


@service.operation("ListTagsForResource")
def list_tags(request: Request) -> dict[str, Any]:
    """Tags of a namespace or a workgroup."""
    return {"tags": [{"key": key, "value": value} for key, value in _tags_of(request).items()]}


_LIMIT_FIELDS = ("amount", "breachAction", "resourceArn", "usageType")


def _usage_limit(request: Request) -> dict[str, Any]:
    identifier = request.params["usageLimitId"]
    if identifier not in usage_limits:
        raise service.error(
            "ResourceNotFoundException", f"Usage limit {identifier} not found.", resourceName=identifier
        )
    return usage_limits[identifier]


def _tags_of(request: Request) -> dict[str, str]:
    arn = request.params["resourceArn"]
    if arn not in tags:
        raise service.error("ResourceNotFoundException", f"Resource {arn} not found.", resourceName=arn)
    return tags[arn]
