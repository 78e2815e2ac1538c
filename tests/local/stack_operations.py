"""Stack operations on a gateway, each until it has ended, and what became of them."""

from __future__ import annotations

import json
import time
import urllib.request
from typing import Any

from local import faults
from tests.local.conftest import Gateway

SECONDS = 120


def plan(gateway: Gateway, *wanted: dict[str, Any]) -> list[dict[str, Any]]:
    """Plan faults; what was left of those planned before."""
    body = json.dumps(wanted).encode()
    with urllib.request.urlopen(gateway.url + faults.PATH, data=body) as answer:
        left: list[dict[str, Any]] = json.loads(answer.read())
    return left


class Stack:
    """A stack by its name; operations wait for their end and answer the status."""

    def __init__(self, gateway: Gateway, name: str) -> None:
        self.name = name
        self.api = gateway.client("cloudformation")

    def create(self, resources: dict[str, Any], **options: Any) -> str:
        """Create it from resources; `Outputs` and parameters of CreateStack as options."""
        self.api.create_stack(**self._wanted(resources, options))
        return self.settled()

    def update(self, resources: dict[str, Any], **options: Any) -> str:
        """Update it to resources; `Outputs` and parameters of UpdateStack as options."""
        self.api.update_stack(**self._wanted(resources, options))
        return self.settled()

    def delete(self, **options: Any) -> str:
        """Delete it; parameters of DeleteStack as options."""
        identifier = self._described(self.name)["StackId"]
        self.api.delete_stack(StackName=self.name, **options)
        return self.settled(identifier)

    def settled(self, identifier: str = "") -> str:
        """Its status once no operation runs any more."""
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            status = str(self._described(identifier or self.name)["StackStatus"])
            if not status.endswith("_IN_PROGRESS"):
                return status
            time.sleep(0.05)
        raise TimeoutError(f"{self.name} is {status}")

    def outputs(self) -> dict[str, str]:
        """Its outputs' values."""
        found = self._described(self.name).get("Outputs", [])
        return {one["OutputKey"]: one["OutputValue"] for one in found}

    def reason(self) -> str:
        """Its status reason."""
        return str(self._described(self.name).get("StackStatusReason", ""))

    def events(self, identifier: str = "") -> list[tuple[str, str, str]]:
        """Logical id, status and reason of each event, the newest first."""
        found = self.api.describe_stack_events(StackName=identifier or self.name)["StackEvents"]
        return [
            (one["LogicalResourceId"], one["ResourceStatus"], one.get("ResourceStatusReason", ""))
            for one in found
        ]

    def why(self, logical_id: str, status: str) -> str:
        """The reason of the newest event of a resource with this status."""
        return next(reason for name, state, reason in self.events() if (name, state) == (logical_id, status))

    def resources(self) -> dict[str, str]:
        """Physical id of each resource that it has, by logical id."""
        found = self.api.describe_stack_resources(StackName=self.name)["StackResources"]
        gone = ("DELETE_COMPLETE", "DELETE_SKIPPED")
        return {
            one["LogicalResourceId"]: one["PhysicalResourceId"]
            for one in found
            if one["ResourceStatus"] not in gone
        }

    def _described(self, name: str) -> dict[str, Any]:
        [found] = self.api.describe_stacks(StackName=name)["Stacks"]
        described: dict[str, Any] = found
        return described

    def _wanted(self, resources: dict[str, Any], options: dict[str, Any]) -> dict[str, Any]:
        template = {"Resources": resources}
        if "Outputs" in options:
            template["Outputs"] = options.pop("Outputs")
        body = json.dumps(template)
        named = {"StackName": self.name, "TemplateBody": body, "Capabilities": ["CAPABILITY_NAMED_IAM"]}
        return {**named, **options}
