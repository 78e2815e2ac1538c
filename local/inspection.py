"""The gateway's answer to "what became of each resource of this stack?": properties beside descriptions."""

from __future__ import annotations

import json
from typing import Any

from local.resources.described import describe
from local.resources.provisioner import TYPES

PATH = "/_refstack/resources"
"""GET …?stack=<name> → a JSON list of resources, each with `properties`, and `described` or `error`."""


def inspect(stack_name: str) -> list[dict[str, Any]]:
    """Every resource of a deployed stack: as it was asked for, and as its service describes it."""
    from ministack.services import cloudformation

    stack = cloudformation._stacks.get(stack_name)
    if stack is None:
        raise LookupError(f"there is no stack {stack_name}")
    found = []
    for logical_id, record in stack["_resources"].items():
        entry = {
            "logical_id": logical_id,
            "type": record["ResourceType"],
            "physical_id": record["PhysicalResourceId"],
            "properties": record.get("Properties") or {},
            "record_only": getattr(TYPES.get(record["ResourceType"]), "record_only", False),
        }
        try:
            entry["described"] = describe(entry["type"], entry["physical_id"], entry["properties"])
        except Exception as error:
            entry["error"] = f"{type(error).__name__}: {error}"
        found.append(entry)
    return found


def answer(stack_name: str) -> tuple[int, bytes]:
    """Status and JSON body for a stack."""
    try:
        return 200, json.dumps(inspect(stack_name), default=str).encode()
    except LookupError as error:
        return 404, json.dumps({"message": str(error)}).encode()
