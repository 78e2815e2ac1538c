"""What CloudFormation refuses and ministack does not: the hooks into ministack's stack operations.

Each rule has its own module; here are only the places where ministack asks for them: before a resource is
created, updated or deleted, before a stack's outputs count, and when an operation is over.
"""

from __future__ import annotations

import contextvars
from typing import Any

from ministack.services.cloudformation import handlers, stacks
from ministack.services.cloudformation.helpers import _error, _p

from local import faults, stack_deletions, stack_exports, stack_names

NOT_UPDATABLE = frozenset(
    {
        *("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "DELETE_FAILED", "UPDATE_ROLLBACK_FAILED"),
        *("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "DELETE_IN_PROGRESS"),
        *("ROLLBACK_IN_PROGRESS", "UPDATE_ROLLBACK_IN_PROGRESS"),
    }
)
"""States of stacks that take no update."""

_order: contextvars.ContextVar[tuple[str, ...]] = contextvars.ContextVar("order", default=())
"""Logical ids of the running stack operation, in the order of creation."""
_reverting: contextvars.ContextVar[bool] = contextvars.ContextVar("reverting", default=False)
"""Whether a rollback sends an updated resource back."""


def install() -> None:
    """Put the rules into ministack."""
    _note_the_order()
    _before_creation()
    _before_update()
    _before_deletion()
    stack_deletions.install()
    _by_state()
    stack_exports.install()
    stack_names.install()


def _note_the_order() -> None:
    sort = stacks._topological_sort

    def sorted_and_noted(resources: dict[str, Any], conditions: dict[str, bool]) -> Any:
        ordered = sort(resources, conditions)
        _order.set(tuple(ordered))
        return ordered

    stacks._topological_sort = sorted_and_noted


def _before_creation() -> None:
    provision = stacks._provision_resource

    def refused_or_provisioned(kind: str, logical_id: str, props: dict[str, Any], stack_name: str) -> Any:
        _meet_fault(stack_name, logical_id, "create")
        stack_names.refuse_taken(kind, props or {})
        return provision(kind, logical_id, props, stack_name)

    stacks._provision_resource = refused_or_provisioned


def _before_update() -> None:
    update, revert = stacks._update_resource, stacks._revert_update

    async def noted_and_reverted(*args: Any, **kwargs: Any) -> None:
        token = _reverting.set(True)
        try:
            await revert(*args, **kwargs)
        finally:
            _reverting.reset(token)

    def refused_or_updated(
        kind: str,
        physical_id: str,
        old: dict[str, Any],
        new: dict[str, Any],
        stack_name: str,
        logical_id: str,
        attributes: dict[str, Any] | None = None,
    ) -> Any:
        if old != new:
            _meet_fault(stack_name, logical_id, "rollback" if _reverting.get() else "update")
        return update(kind, physical_id, old, new, stack_name, logical_id, attributes)

    stacks._update_resource = refused_or_updated
    stacks._revert_update = noted_and_reverted


def _before_deletion() -> None:
    delete = stacks._delete_resource

    def failed_or_deleted(
        kind: str, physical_id: str, props: dict[str, Any], stack_name: str, logical_id: str
    ) -> None:
        _meet_fault(stack_name, logical_id, "delete")
        delete(kind, physical_id, props, stack_name, logical_id)

    stacks._delete_resource = failed_or_deleted


def _by_state() -> None:
    """A stack whose creation failed is neither updated nor created again; it can only be deleted.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html (ROLLBACK_COMPLETE)
    """
    table = handlers._ACTION_HANDLERS
    create, change, update, delete = (
        table[name] for name in ("CreateStack", "CreateChangeSet", "UpdateStack", "DeleteStack")
    )

    def found(params: dict[str, Any]) -> dict[str, Any]:
        return handlers._resolve_stack(_p(params, "StackName")) or {"StackStatus": ""}

    def not_updatable(stack: dict[str, Any]) -> Any:
        text = f"Stack:{stack['StackId']} is in {stack['StackStatus']} state and can not be updated."
        return _error("ValidationError", text)

    def created(params: dict[str, Any]) -> Any:
        stack = found(params)
        if stack["StackStatus"] == "ROLLBACK_COMPLETE":
            return _error("AlreadyExistsException", f"Stack [{stack['StackName']}] already exists")
        return create(params)

    def changed(params: dict[str, Any]) -> Any:
        stack = found(params)
        if stack["StackStatus"] in NOT_UPDATABLE:
            if _p(params, "ChangeSetType", "UPDATE") != "CREATE":
                return not_updatable(stack)
            said = (
                f"Stack [{stack['StackName']}] already exists and cannot be created again with the changeSet"
            )
            return _error("ValidationError", f"{said} [{_p(params, 'ChangeSetName')}].")
        return change(params)

    def updated(params: dict[str, Any]) -> Any:
        stack = found(params)
        return not_updatable(stack) if stack["StackStatus"] in NOT_UPDATABLE else update(params)

    def deleted(params: dict[str, Any]) -> Any:
        if found(params).get("EnableTerminationProtection"):
            said = (
                f"Stack [{_p(params, 'StackName')}] cannot be deleted while TerminationProtection is enabled"
            )
            return _error("ValidationError", said)
        return delete(params)

    table.update(CreateStack=created, CreateChangeSet=changed, UpdateStack=updated, DeleteStack=deleted)


def _meet_fault(stack_name: str, logical_id: str, operation: str) -> None:
    """Fail the resource if a test planned that."""
    last = _order.get()[-1:] == (logical_id,)
    fault = faults.due_in_stack(stack_name, logical_id, operation, last=last)
    if fault is not None:
        raise ValueError(fault.reason)
