"""CloudFormation resource types written as classes, or as a table of the API calls behind them.

    @resource_type("AWS::RedshiftServerless::Namespace")
    class Namespace(ResourceType):
        def create(self, props, context): ...

    api_type("AWS::Athena::NamedQuery", service="athena", create="create_named_query", ...)

The methods run on worker threads, so they may block and may call the gateway.
"""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape

from local.layout import ACCOUNT, REGION
from local.services.clients import client

Properties = dict[str, Any]
"""A resource's properties after intrinsic functions are resolved."""


@dataclass(frozen=True)
class Context:
    """Where a resource is being made."""

    logical_id: str
    stack_name: str
    account: str = ACCOUNT
    region: str = REGION

    def name(self, longest: int = 64) -> str:
        """A physical name as CloudFormation makes them up: stack, logical id and a random suffix."""
        suffix = uuid.uuid4().hex[:12].upper()
        return f"{self.stack_name}-{self.logical_id}"[: longest - 13] + f"-{suffix}"


@dataclass(frozen=True)
class Created:
    """A provisioned resource: what Ref gives, and what Fn::GetAtt gives by attribute name."""

    physical_id: str
    attributes: dict[str, Any] = field(default_factory=dict)


class ResourceType:
    """One CloudFormation type. Exceptions fail the resource with their text as the reason.

    `record_only` says that nothing acts on the resource: it is remembered and described, and the generated
    page on fidelity lists it.
    """

    record_only: bool = False
    create_only: frozenset[str] = frozenset()
    """Properties whose change replaces the resource."""

    def create(self, props: Properties, context: Context) -> Created:
        raise NotImplementedError(f"{type(self).__name__} cannot be created")

    def update(self, physical_id: str, old: Properties, new: Properties, context: Context) -> Created:
        """Change the resource in place. Unless overridden, every change replaces it."""
        return self.create(new, context)

    def delete(self, physical_id: str, props: Properties, context: Context) -> None:
        raise NotImplementedError(f"{type(self).__name__} cannot be deleted")

    def snapshot(self, physical_id: str, props: Properties) -> None:
        """Prepare a deletion with a snapshot (`DeletionPolicy: Snapshot`). It must not call the gateway."""

    def describe(self, physical_id: str) -> dict[str, Any]:
        """The service's own answer about the resource."""
        raise NotImplementedError(f"{type(self).__name__} cannot be described")


TYPES: dict[str, ResourceType] = {}
"""The provisioner of each resource type that is written here."""

_contexts: dict[str, Context] = {}
_contexts_lock = threading.Lock()


def resource_type(name: str) -> Callable[[type[ResourceType]], type[ResourceType]]:
    """Register a class as the provisioner of the resource type `name`."""

    def register(cls: type[ResourceType]) -> type[ResourceType]:
        add(name, cls())
        return cls

    return register


def add(name: str, provisioner: ResourceType) -> None:
    """Register the provisioner of a resource type; two for one type are a mistake."""
    if name in TYPES:
        raise RuntimeError(f"{name} has two provisioners")
    TYPES[name] = provisioner


@dataclass(frozen=True, kw_only=True)
class ApiType(ResourceType):
    """A resource type whose properties are, up to their case, the parameters of API calls."""

    service: str
    create_call: str
    delete_call: str | None
    delete_params: Callable[[str], dict[str, Any]]
    physical_id: Callable[[dict[str, Any], Properties], str]
    update_call: str | None = None
    update_params: Callable[[str, Properties], dict[str, Any]] | None = None
    describe_call: str | None = None
    describe_params: Callable[[str], dict[str, Any]] | None = None
    described: Callable[[dict[str, Any]], dict[str, Any]] = lambda answer: answer
    attributes: Callable[[dict[str, Any], Properties], dict[str, Any]] = lambda answer, props: {}
    params: Callable[[Properties, Context], Properties] = lambda props, context: props
    record_only: bool = False
    create_only: frozenset[str] = frozenset()

    def create(self, props: Properties, context: Context) -> Created:
        wanted = self.params(dict(props), context)
        answer = self._call(self.create_call, wanted)
        return Created(self.physical_id(answer, wanted), self.attributes(answer, wanted))

    def update(self, physical_id: str, old: Properties, new: Properties, context: Context) -> Created:
        if self.update_call is None or any(old.get(name) != new.get(name) for name in self.create_only):
            return self.create(new, context)
        wanted = self.params(dict(new), context)
        if self.update_params is not None:
            wanted = self.update_params(physical_id, wanted)
        answer = self._call(self.update_call, wanted)
        return Created(physical_id, self.attributes(answer, wanted))

    def delete(self, physical_id: str, props: Properties, context: Context) -> None:
        if self.delete_call is not None:
            self._call(self.delete_call, self.delete_params(physical_id))

    def describe(self, physical_id: str) -> dict[str, Any]:
        if self.describe_call is None or self.describe_params is None:
            raise NotImplementedError(f"{self.create_call} has no describe call")
        return self.described(self._call(self.describe_call, self.describe_params(physical_id)))

    def _call(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        return call(self.service, method, params)


def api_type(
    name: str,
    *,
    service: str,
    create: str,
    physical_id: Callable[[dict[str, Any], Properties], str],
    delete: str | None = None,
    delete_params: Callable[[str], dict[str, Any]] = lambda physical_id: {},
    update: str | None = None,
    create_only: Iterable[str] = (),
    **more: Any,
) -> None:
    """Register a resource type that maps 1:1 on boto3 client methods of `service`.

    Properties become parameters by the operation's model: member names are matched without regard to case,
    values are converted to the member's type, and an unknown property is an error.
    """
    provisioner = ApiType(
        service=service,
        create_call=create,
        delete_call=delete,
        delete_params=delete_params,
        physical_id=physical_id,
        update_call=update,
        create_only=frozenset(create_only),
        **more,
    )
    add(name, provisioner)


def call(service: str, method: str, params: dict[str, Any]) -> dict[str, Any]:
    """Call a boto3 method with CloudFormation-style parameters, converted by the operation's model."""
    api = client(service)
    operation = api.meta.service_model.operation_model(api.meta.method_to_api_mapping[method])
    shape = operation.input_shape
    answer: dict[str, Any] = getattr(api, method)(**({} if shape is None else to_shape(params, shape)))
    answer.pop("ResponseMetadata", None)
    return answer


def to_shape(value: Any, shape: Shape, path: str = "") -> Any:
    """A template's value as the API's shape wants it: names in the API's case, "true" and "5" typed.

    Raises ValueError for a property that the shape has no member for.
    """
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        members = {name.lower(): name for name in shape.members}
        converted = {}
        for key, member in value.items():
            name = members.get(key.lower())
            if name is None:
                raise ValueError(f"{shape.name} has no member {path}{key}")
            converted[name] = to_shape(member, shape.members[name], f"{path}{key}.")
        return converted
    if isinstance(shape, ListShape) and isinstance(value, list):
        return [to_shape(member, shape.member, f"{path}[].") for member in value]
    if isinstance(shape, MapShape) and isinstance(value, dict):
        return {key: to_shape(member, shape.value, f"{path}{key}.") for key, member in value.items()}
    if isinstance(value, str):
        if shape.type_name == "boolean":
            return value.lower() == "true"
        if shape.type_name in ("integer", "long"):
            return int(value)
        if shape.type_name in ("double", "float"):
            return float(value)
    if shape.type_name == "string" and not isinstance(value, str):
        return json.dumps(value) if isinstance(value, (dict, list, bool)) else str(value)
    return value


def tags(value: Any) -> list[dict[str, str]]:
    """Tags as a list of Key and Value, from either form that templates use."""
    if isinstance(value, dict):
        return [{"Key": key, "Value": str(text)} for key, text in value.items()]
    return list(value or [])


Apply = Callable[[str, Properties | None, Properties], dict[str, Any] | None]
"""(physical id, old properties or None, new properties) → further attributes."""

EXTENSIONS: dict[str, Apply] = {}
"""What to do, beyond ministack's own provisioner, after it created or updated a resource of a type."""


def extend(name: str) -> Callable[[Apply], Apply]:
    """Register a function that applies the properties which ministack's provisioner of `name` drops."""

    def register(function: Apply) -> Apply:
        if name in EXTENSIONS:
            raise RuntimeError(f"{name} is extended twice")
        EXTENSIONS[name] = function
        return function

    return register


def extended(name: str, ministacks: dict[str, Any]) -> dict[str, Any]:
    """ministack's entry of a resource type, with our extension after its create and update."""
    apply = EXTENSIONS[name]

    def create(logical_id: str, props: Properties, stack_name: str) -> tuple[str, dict[str, Any]]:
        physical_id, attributes = ministacks["create"](logical_id, props, stack_name)
        return physical_id, {**attributes, **(apply(physical_id, None, props or {}) or {})}

    def update(
        physical_id: str, old: Properties, new: Properties, stack_name: str, logical_id: str | None = None
    ) -> tuple[str, dict[str, Any]]:
        if "update" in ministacks:
            arguments = (logical_id,) if ministacks.get("update_with_logical_id") else ()
            changed, attributes = ministacks["update"](physical_id, old, new, stack_name, *arguments)
        else:
            changed, attributes = ministacks["create"](logical_id or physical_id, new, stack_name)
        before = old if changed == physical_id else None
        return changed, {**attributes, **(apply(changed, before, new or {}) or {})}

    return {**ministacks, "create": create, "update": update, "update_with_logical_id": True}


def handlers(name: str) -> dict[str, Any]:
    """The entry of ministack's table of resource types that calls our provisioner."""
    provisioner = TYPES[name]

    def remembered(context: Context, made: Created) -> tuple[str, dict[str, Any]]:
        with _contexts_lock:
            _contexts[f"{name} {made.physical_id}"] = context
        return made.physical_id, made.attributes

    def create(logical_id: str, props: Properties, stack_name: str) -> tuple[str, dict[str, Any]]:
        context = Context(logical_id, stack_name)
        return remembered(context, provisioner.create(dict(props or {}), context))

    def update(
        physical_id: str, old: Properties, new: Properties, stack_name: str, logical_id: str | None = None
    ) -> tuple[str, dict[str, Any]]:
        context = Context(logical_id or physical_id, stack_name)
        made = provisioner.update(physical_id, dict(old or {}), dict(new or {}), context)
        return remembered(context, made)

    def delete(physical_id: str, props: Properties) -> None:
        with _contexts_lock:
            context = _contexts.pop(f"{name} {physical_id}", Context(physical_id, ""))
        provisioner.delete(physical_id, dict(props or {}), context)

    return {
        "create": create,
        "update": update,
        "delete": delete,
        "snapshot": provisioner.snapshot,
        "update_with_logical_id": True,
    }
