"""Puts our resource types into ministack's CloudFormation."""

from __future__ import annotations

from typing import Any

from ministack.services.cloudformation import provisioners, stacks

from local.resources.provisioner import EXTENSIONS, TYPES, extended, handlers


def install() -> None:
    """Register our resource types and extensions, on worker threads: they may call the gateway."""
    table = provisioners._RESOURCE_HANDLERS
    for name in TYPES:
        table[name] = handlers(name)
    for name in EXTENSIONS:
        table[name] = extended(name, table[name])
    table["AWS::SecretsManager::Secret"] = _secrets_by_arn(table["AWS::SecretsManager::Secret"])
    ours = TYPES.keys() | EXTENSIONS.keys()
    on_worker_thread = stacks._runs_on_worker_thread
    stacks._runs_on_worker_thread = lambda name: name in ours or on_worker_thread(name)


def _secrets_by_arn(ministacks: dict[str, Any]) -> dict[str, Any]:
    """Ref of a secret is its ARN, which policies are written with; ministack's is the name."""

    def name(arn: str) -> str:
        return arn.split(":", 6)[6].rpartition("-")[0] if arn.startswith("arn:") else arn

    def create(logical_id: str, props: dict[str, Any], stack_name: str) -> tuple[str, dict[str, Any]]:
        _, attributes = ministacks["create"](logical_id, props, stack_name)
        return attributes["Arn"], attributes

    def update(
        physical_id: str, old: dict[str, Any], new: dict[str, Any], stack_name: str, logical_id: str
    ) -> tuple[str, dict[str, Any]]:
        _, attributes = ministacks["update"](name(physical_id), old, new, stack_name, logical_id)
        return attributes["Arn"], attributes

    def delete(physical_id: str, props: dict[str, Any]) -> None:
        ministacks["delete"](name(physical_id), props)

    return {**ministacks, "create": create, "update": update, "delete": delete}
