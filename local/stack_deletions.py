"""Deletions of a stack's resources: what holds one, and what becomes of those that it needs.

ministack drops buckets with objects, subnets and groups in use; it goes on to delete what a resource depends
on that could not be deleted, and forgets the resources that the rollback of a creation could not delete.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/troubleshooting.html ("Delete stack fails")
"""

from __future__ import annotations

import contextvars
from dataclasses import dataclass, field
from typing import Any

from ministack.services import cloudformation, dynamodb, s3
from ministack.services.cloudformation import handlers, stacks
from ministack.services.cloudformation.helpers import _error, _extract_string_members, _p

from local import late_effects
from local.services import ec2_interfaces

CANCELLED = "Resource deletion cancelled"


@dataclass
class Operation:
    """A running deletion or rollback of a stack."""

    definitions: dict[str, Any]
    """The template's resources."""
    resources: dict[str, Any]
    """The stack's resources, which ministack takes away one after the other."""
    rollback: bool
    failed: set[str] = field(default_factory=set)
    """Logical ids of what could not be deleted."""
    kept: dict[str, Any] = field(default_factory=dict)
    """Resources out of ministack's reach, because others that stay depend on them."""
    gone: dict[str, Any] = field(default_factory=dict)
    """What the stack lists of resources that it no longer has."""

    def leave(self, before: dict[str, Any], logical_id: str, status: str) -> None:
        """Let the stack list a resource that it no longer has."""
        self.gone[logical_id] = {**before[logical_id], "ResourceStatus": status}

    def needed(self) -> set[str]:
        """Logical ids of what those that could not be deleted depend on."""
        known = set(self.definitions)
        return set(stacks._with_dependencies(sorted(self.failed), self.definitions, known)) - self.failed

    def fail(self, logical_id: str) -> None:
        """Note that a resource stays, and with it what it depends on."""
        self.failed.add(logical_id)
        if not self.rollback:
            for name in self.needed() & set(self.resources):
                self.kept[name] = self.resources.pop(name)


_operation: contextvars.ContextVar[Operation | None] = contextvars.ContextVar("operation", default=None)


def install() -> None:
    """Put these rules into ministack."""
    _each_resource()
    _whole_stacks()
    _rollbacks()
    _lists()


def _each_resource() -> None:
    delete, on_worker_thread = stacks._delete_resource, stacks._runs_on_worker_thread

    def refused_or_deleted(
        kind: str, physical_id: str, props: dict[str, Any], stack_name: str, logical_id: str
    ) -> None:
        running = _operation.get()
        try:
            if running is not None and running.rollback and logical_id in running.needed():
                raise ValueError(CANCELLED)
            late_effects.before_deletion(kind, physical_id, props)
            if reason := _in_use(kind, physical_id):
                raise ValueError(reason)
            delete(kind, physical_id, props, stack_name, logical_id)
        except Exception:
            if running is not None:
                running.fail(logical_id)
            raise
        if running is not None and logical_id in running.resources:
            running.leave(running.resources, logical_id, "DELETE_COMPLETE")
        late_effects.after_deletion(kind, physical_id, props)

    def with_buckets(kind: str) -> bool:
        return kind in late_effects.BUCKETS or on_worker_thread(kind)

    stacks._delete_resource = refused_or_deleted
    # What arrives late comes through S3's own API.
    stacks._runs_on_worker_thread = with_buckets


def _in_use(kind: str, physical_id: str) -> str:
    """Why the service refuses to delete a resource of a type that ministack drops in any case, or nothing."""
    if kind == "AWS::S3::Bucket" and physical_id in s3._buckets:
        # https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteBucket.html: "All objects (including all
        # object versions and delete markers) in the bucket must be deleted".
        if s3._bucket_has_versions(physical_id):
            said = "The bucket you tried to delete is not empty. You must delete all versions in the bucket."
        elif s3._buckets[physical_id]["objects"]:
            said = "The bucket you tried to delete is not empty"
        else:
            return ""
        return f"{said} (Service: Amazon S3; Status Code: 409; Error Code: BucketNotEmpty)"
    if kind in ("AWS::EC2::Subnet", "AWS::EC2::SecurityGroup"):
        said = ec2_interfaces.dependency(kind, physical_id)
        return said and f"{said} (Service: AmazonEC2; Status Code: 400; Error Code: DependencyViolation)"
    if kind == "AWS::DynamoDB::Table":
        table = dynamodb._tables.get(physical_id) or {}
        if table.get("DeletionProtectionEnabled"):
            # https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_DeleteTable.html
            return (
                "Resource cannot be deleted as it is currently protected against deletion. "
                "Disable deletion protection first."
            )
    return ""


def _whole_stacks() -> None:
    """Keep what a resource that stays depends on; a forced deletion retains it by itself."""
    delete = stacks._delete_stack_async

    async def deleted(
        stack_name: str, stack_id: str, retain_resources: Any = (), force: bool = False
    ) -> None:
        stack = cloudformation._stacks.get(stack_name)
        if stack is None or force:
            await delete(stack_name, stack_id, retain_resources, force)
            return
        definitions = (stack.get("_template") or {}).get("Resources", {})
        before, gone = dict(stack["_resources"]), stack.setdefault("_gone", {})
        running = Operation(definitions, stack["_resources"], rollback=False, gone=gone)
        token = _operation.set(running)
        try:
            await delete(stack_name, stack_id, retain_resources, force)
        finally:
            _operation.reset(token)
            stack["_resources"].update(running.kept)
            for logical_id in before.keys() - stack["_resources"].keys() - running.gone.keys():
                running.leave(before, logical_id, "DELETE_SKIPPED")

    stacks._delete_stack_async = deleted
    handlers._delete_stack_async = deleted


def _rollbacks() -> None:
    """Keep in the stack what the rollback of its creation could not delete."""
    roll_back = stacks._roll_back_operation

    async def rolled_back(
        stack_name: str,
        stack_id: str,
        stack: dict[str, Any],
        operation: dict[str, Any],
        reason_override: str = "",
    ) -> None:
        template = operation.get("template") or {}
        before = dict(stack.get("_resources", {}))
        gone = {} if operation.get("previous_stack") else stack.setdefault("_gone", {})
        running = Operation(template.get("Resources", {}), dict(before), rollback=True, gone=gone)
        token = _operation.set(running)
        try:
            await roll_back(stack_name, stack_id, stack, operation, reason_override)
        finally:
            _operation.reset(token)
        previous = operation.get("previous_stack")
        if previous:
            stack["_conditions"] = previous.get("_conditions", {})
            return
        stack["_template"], stack["_resolved_params"] = template, operation.get("param_values") or {}
        for logical_id in running.failed & set(before):
            stack["_resources"][logical_id] = {**before[logical_id], "ResourceStatus": "DELETE_FAILED"}
        for logical_id in before.keys() - stack["_resources"].keys() - running.gone.keys():
            running.leave(before, logical_id, "DELETE_SKIPPED")

    stacks._roll_back_operation = rolled_back
    handlers._roll_back_operation = rolled_back


def _lists() -> None:
    """A stack goes on to list what it no longer has, and retains nothing of that.

    Seen on AWS: https://github.com/mbailey/bash-my-aws/pull/312 and
    https://github.com/rebuy-de/aws-nuke/issues/270
    """
    table = handlers._ACTION_HANDLERS

    def completed(answer: Any) -> Any:
        def answered(params: dict[str, Any]) -> Any:
            stack = handlers._resolve_stack(_p(params, "StackName"))
            if stack is None or "_gone" not in stack:
                return answer(params)
            has = stack["_resources"]
            stack["_resources"] = {**stack["_gone"], **has}
            try:
                return answer(params)
            finally:
                stack["_resources"] = has

        return answered

    for action in ("ListStackResources", "DescribeStackResources", "DescribeStackResource"):
        table[action] = completed(table[action])
    delete = table["DeleteStack"]

    def deleted(params: dict[str, Any]) -> Any:
        stack = handlers._resolve_stack(_p(params, "StackName")) or {}
        if stack.get("_gone", {}).keys() & set(_extract_string_members(params, "RetainResources")):
            return _error(
                "ValidationError",
                "The specified resources to retain must be in a valid state. Do not specify resources that "
                "are in the DELETE_COMPLETE state.",
            )
        return delete(params)

    table["DeleteStack"] = deleted
