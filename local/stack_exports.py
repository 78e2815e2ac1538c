"""CloudFormation's exports: an export in use stays as it is, and a change of outputs alone is a change.

ministack never takes an export back that an update removes, lets two stacks export one name, refuses to
delete a stack with another error than CloudFormation's, and calls a change set of outputs empty.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-stack-exports.html
"""

from __future__ import annotations

import contextvars
from typing import Any

from ministack.services import cloudformation
from ministack.services.cloudformation import changesets, handlers, stacks
from ministack.services.cloudformation.helpers import _p, _xml

GONE = frozenset({"DELETE_COMPLETE", "ROLLBACK_COMPLETE", "REVIEW_IN_PROGRESS"})
"""States of stacks that import nothing."""
EMPTY = "The submitted information didn't contain changes."

_refusal: contextvars.ContextVar[str] = contextvars.ContextVar("refusal", default="")
"""Why the running operation's exports are refused."""


class ExportError(ValueError):
    """An export that cannot become what a template says."""


def install() -> None:
    """Put these rules into ministack."""
    _check_outputs()
    _take_back_deletions()
    _count_outputs_as_changes()


def importers(exporter: str) -> dict[str, list[str]]:
    """Export → names of the stacks that import it, but for the one that exports it."""
    found: dict[str, list[str]] = {}
    for name, stack in sorted(cloudformation._stacks.items()):
        if name != exporter and stack["StackStatus"] not in GONE:
            for export in handlers._imported_export_names(stack, name):
                found.setdefault(export, []).append(name)
    return found


def _check(stack_name: str, stack_id: str, wanted: dict[str, dict[str, str]]) -> None:
    """Raise ExportError, in CloudFormation's words, unless the stack's exports can become these."""
    known = dict(cloudformation._exports.items())
    for name in wanted:
        if name in known and known[name]["StackId"] != stack_id:
            owner = known[name]["StackId"].split("/")[1]
            raise ExportError(f"Export with name {name} is already exported by stack {owner}.")
    changed = [
        name
        for name, export in known.items()
        if export["StackId"] == stack_id and wanted.get(name, {}).get("Value") != export["Value"]
    ]
    users = importers(stack_name) if changed else {}
    for name in changed:
        if name in users:
            change = "updated" if name in wanted else "deleted"
            raise ExportError(f"Export {name} cannot be {change} as it is in use by {_listed(users[name])}")


def _check_outputs() -> None:
    resolve, roll_back = stacks._resolve_stack_outputs, stacks._roll_back_operation

    def resolved_and_checked(
        definitions: dict[str, Any],
        conditions: dict[str, bool],
        resources: dict[str, Any],
        parameters: dict[str, Any],
        mappings: dict[str, Any],
        stack_name: str,
        stack_id: str,
    ) -> Any:
        outputs, exports = resolve(
            definitions, conditions, resources, parameters, mappings, stack_name, stack_id
        )
        try:
            _check(stack_name, stack_id, exports)
        except ExportError as error:
            _refusal.set(str(error))
            raise
        for name, export in list(cloudformation._exports.items()):
            if export["StackId"] == stack_id and name not in exports:
                del cloudformation._exports[name]
        cloudformation._stacks[stack_name]["StackStatusReason"] = ""
        return outputs, exports

    async def rolled_back(
        stack_name: str,
        stack_id: str,
        stack: dict[str, Any],
        operation: dict[str, Any],
        reason_override: str = "",
    ) -> None:
        reason = _refusal.get()
        events = cloudformation._stack_events[stack_id]
        if reason and events[-1]["ResourceStatusReason"] == reason:
            # CloudFormation gives the reason with the rollback, and no event of a failure before it.
            events.pop()
            reason_override = reason
        await roll_back(stack_name, stack_id, stack, operation, reason_override)

    stacks._resolve_stack_outputs = resolved_and_checked
    stacks._roll_back_operation = rolled_back
    handlers._roll_back_operation = rolled_back


def _take_back_deletions() -> None:
    """A stack with an export in use takes DeleteStack, and is then in the state in which it was."""
    delete = handlers._ACTION_HANDLERS["DeleteStack"]

    def canceled_or_deleted(params: dict[str, Any]) -> Any:
        stack = handlers._resolve_stack(_p(params, "StackName"))
        if stack is None or stack["StackStatus"] in GONE or stack.get("EnableTerminationProtection"):
            return delete(params)
        name, identifier, status = (stack[key] for key in ("StackName", "StackId", "StackStatus"))
        users = importers(name)
        for export in [one["ExportName"] for one in stack.get("Outputs", []) if one.get("ExportName")]:
            if export in users:
                used_by = _listed(users[export])
                reason = f"Delete canceled. Cannot delete export {export} as it is in use by {used_by}."
                stack["StackStatusReason"] = reason
                for state, why in (("DELETE_IN_PROGRESS", "User Initiated"), (status, reason)):
                    stacks._add_event(
                        identifier, name, name, "AWS::CloudFormation::Stack", state, why, identifier
                    )
                return _xml(200, "DeleteStackResponse", "")
        return delete(params)

    handlers._ACTION_HANDLERS["DeleteStack"] = canceled_or_deleted


def _count_outputs_as_changes() -> None:
    """Such a change set has no changes and can be executed: https://github.com/aws/aws-cdk/issues/2029"""
    create = handlers._ACTION_HANDLERS["CreateChangeSet"]

    def created(params: dict[str, Any]) -> Any:
        answer = create(params)
        stack = handlers._resolve_stack(_p(params, "StackName"))
        if stack is None:
            return answer
        _, made = changesets._find_change_set(_p(params, "ChangeSetName"), stack["StackName"])
        if (
            made is not None
            and made["StatusReason"].startswith(EMPTY)
            and made["_template"].get("Outputs", {}) != stack["_template"].get("Outputs", {})
        ):
            made.update(Status="CREATE_COMPLETE", ExecutionStatus="AVAILABLE", StatusReason="")
        return answer

    handlers._ACTION_HANDLERS["CreateChangeSet"] = created


def _listed(names: list[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
