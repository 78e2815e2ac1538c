"""The AWS account that a command works on: clients, and the stacks of an environment that it has."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

PROJECT = "refstack"
RETAINING = frozenset({"Retain", "RetainExceptOnCreate"})
"""Deletion policies under which a resource outlives its stack."""

Template = Mapping[str, Any]


class Account:
    """Clients of the account that `environment` points to; what it leaves out is the machine's own."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._clients: dict[str, Any] = {}

    def client(self, service: str) -> Any:
        """A boto3 client, the same one for each call."""
        if service not in self._clients:
            named = self._environment
            endpoint = named.get("AWS_ENDPOINT_URL")
            self._clients[service] = boto3.client(  # type: ignore[call-overload]
                service,
                endpoint_url=endpoint,
                region_name=named.get("AWS_REGION") or os.environ.get("AWS_REGION"),
                aws_access_key_id=named.get("AWS_ACCESS_KEY_ID"),
                aws_secret_access_key=named.get("AWS_SECRET_ACCESS_KEY"),
                # An emulator answers on an address, to which a host prefix cannot be put.
                config=Config(inject_host_prefix=endpoint is None, retries={"mode": "standard"}),
            )
        return self._clients[service]

    def pages(self, service: str, operation: str, key: str, **arguments: Any) -> Iterator[Any]:
        """Every item under `key` of all pages of a list operation."""
        client = self.client(service)
        if not client.can_paginate(operation):
            yield from getattr(client, operation)(**arguments).get(key, [])
            return
        for page in client.get_paginator(operation).paginate(**arguments):
            yield from page.get(key, [])


@dataclass(frozen=True)
class Stack:
    """A stack as it is deployed."""

    name: str
    stack_id: str
    status: str
    protected: bool
    """Whether termination protection is on."""
    template: Template = field(repr=False)
    resources: tuple[Mapping[str, Any], ...] = field(repr=False)
    """Entries of ListStackResources, without those that are deleted."""

    @cached_property
    def exports(self) -> frozenset[str]:
        """Names that the stack exports."""
        return exports(self.template)

    @cached_property
    def imports(self) -> frozenset[str]:
        """Names that the stack imports."""
        return imports(self.template)

    def policy(self, logical_id: str) -> str:
        """Deletion policy of a resource, as CloudFormation applies it when the stack is deleted."""
        resource = self.template.get("Resources", {}).get(logical_id, {})
        default = "Snapshot" if resource.get("Type") == "AWS::RDS::DBInstance" else "Delete"
        return str(resource.get("DeletionPolicy", default))

    def retained(self) -> list[str]:
        """Type and physical id of each resource that outlives the stack."""
        return [
            f"{each['ResourceType']} {each['PhysicalResourceId']}"
            for each in self.resources
            if self.policy(each["LogicalResourceId"]) in RETAINING and each.get("PhysicalResourceId")
        ]

    def of_type(self, type_name: str, *, disposable: bool) -> list[str]:
        """Physical ids of the resources of a type; with `disposable` those only that go with the stack."""
        return [
            each["PhysicalResourceId"]
            for each in self.resources
            if each["ResourceType"] == type_name
            and each.get("PhysicalResourceId")
            and not (disposable and self.policy(each["LogicalResourceId"]) != "Delete")
        ]


def exports(template: Template) -> frozenset[str]:
    """Names that a template exports. The CDK writes them out, so an intrinsic function is none of ours."""
    names = (each.get("Export", {}).get("Name") for each in template.get("Outputs", {}).values())
    return frozenset(name for name in names if isinstance(name, str))


def imports(template: Template) -> frozenset[str]:
    """Names that a template imports."""

    def found(value: Any) -> Iterator[str]:
        if isinstance(value, Mapping):
            name = value.get("Fn::ImportValue")
            if isinstance(name, str):
                yield name
            for each in value.values():
                yield from found(each)
        elif isinstance(value, list):
            for each in value:
                yield from found(each)

    return frozenset(found(template))


def deployed(account: Account, env: str) -> dict[str, Stack]:
    """The stacks of an environment by name, whatever their state; those that are deleted left out."""
    ours = re.compile(rf"{PROJECT}-{re.escape(env)}-[a-z0-9]+")
    cloudformation = account.client("cloudformation")
    found = {}
    for summary in account.pages("cloudformation", "list_stacks", "StackSummaries"):
        if summary["StackStatus"] == "DELETE_COMPLETE" or not ours.fullmatch(summary["StackName"]):
            continue
        [described] = cloudformation.describe_stacks(StackName=summary["StackId"])["Stacks"]
        found[summary["StackName"]] = Stack(
            name=summary["StackName"],
            stack_id=summary["StackId"],
            status=described["StackStatus"],
            protected=bool(described.get("EnableTerminationProtection")),
            template=_template(account, summary["StackId"]),
            resources=tuple(
                each
                for each in account.pages(
                    "cloudformation",
                    "list_stack_resources",
                    "StackResourceSummaries",
                    StackName=summary["StackId"],
                )
                if each["ResourceStatus"] != "DELETE_COMPLETE"
            ),
        )
    return found


def _template(account: Account, stack_id: str) -> Template:
    """A stack's template as it was sent; empty for a stack whose first change set was never executed."""
    try:
        body = account.client("cloudformation").get_template(StackName=stack_id, TemplateStage="Original")
    except ClientError as error:
        if error.response["Error"]["Code"] == "ValidationError":
            return {}
        raise
    text = body.get("TemplateBody") or {}
    return dict(text) if isinstance(text, Mapping) else dict(json.loads(text))
