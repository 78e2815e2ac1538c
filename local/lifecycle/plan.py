"""In which order an environment changes from what is deployed to what is synthesised.

CloudFormation refuses to take away an export that another stack imports, whether by an update or by a
deletion (using-cfn-stack-exports.html). The CDK deploys producers before consumers, which is right when
something is added and wrong when something is switched off: then the consumers have to let go first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Literal

from local.errors import UserFacingError
from local.lifecycle.account import Template, exports, imports


@dataclass(frozen=True)
class Step:
    """One stack to change before everything else is deployed."""

    action: Literal["deploy", "delete"]
    stack: str

    def __str__(self) -> str:
        done = "update" if self.action == "deploy" else "delete"
        return f"{done} {self.stack}"


def plan(deployed: Mapping[str, Template], wanted: Mapping[str, Template]) -> list[Step]:
    """The steps that must precede a deployment of all `wanted` stacks in the CDK's own order.

    Both are templates by stack name. Left-over stacks, deployed and not wanted, are deleted. A stack is
    updated ahead of the others only when that is needed so that no export in use is taken away. Raises
    UserFacingError when no order exists: a stack gives up one export of another and needs a new one of it.
    """
    needs: dict[Step, set[Step]] = {step: set() for step in _changes(deployed, wanted)}
    by_stack = {step.stack: step for step in needs}
    early = {step for step in needs if step.action == "delete"}
    for step in needs:
        vanishing = exports(deployed.get(step.stack, {})) - exports(wanted.get(step.stack, {}))
        for name, template in deployed.items():
            if name != step.stack and imports(template) & vanishing:
                needs[step].add(by_stack[name])
                early.add(by_stack[name])
        if step.action == "deploy":
            present = frozenset().union(*(exports(template) for template in deployed.values()))
            missing = imports(wanted[step.stack]) - present
            needs[step] |= {
                by_stack[name]
                for name, template in wanted.items()
                if name != step.stack and exports(template) & missing
            }
    try:
        return list(TopologicalSorter(_ancestors(early, needs)).static_order())
    except CycleError as error:
        circle = " and ".join(sorted({step.stack for step in error.args[1]}))
        raise UserFacingError(
            f"{circle} cannot be changed in one deployment: each gives up an export that the other still "
            "imports. Nothing was changed. Deploy one setting at a time."
        ) from error


def _changes(deployed: Mapping[str, Template], wanted: Mapping[str, Template]) -> Iterator[Step]:
    for name in wanted:
        yield Step("deploy", name)
    for name in deployed:
        if name not in wanted:
            yield Step("delete", name)


def _ancestors(steps: set[Step], needs: Mapping[Step, set[Step]]) -> dict[Step, list[Step]]:
    """`steps` with everything that they need, directly or not; always in the same order."""
    graph: dict[Step, list[Step]] = {}
    open_steps = sorted(steps, key=str)
    while open_steps:
        step = open_steps.pop()
        if step not in graph:
            graph[step] = sorted(needs[step], key=str)
            open_steps.extend(graph[step])
    return graph
