"""Faults on request, for tests of what follows from them. None of them takes time.

POST to PATH a JSON list of faults; it replaces what was planned, and the answer is what was left of it. The
members of a fault say which kind it is:

- `Fault`, with an `action`: the next calls of an API action are refused.
- `StackFault`, with a `stack`: CloudFormation fails at a resource that it creates, updates or deletes.
- `LateEffect`, with an `effect`: something that AWS does after a deletion that it has already reported.
  What a late effect did outlasts it, except for network interfaces: they are released with the fault.
"""

from __future__ import annotations

import json
import threading
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from typing import Any, Literal

PATH = "/_refstack/faults"


@dataclass
class Fault:
    """What is refused, with which of the service's errors, and how often."""

    action: str
    """An IAM action."""
    code: str
    """InternalFailure: the call fails as one does that meets a fault of ours, with status 500."""
    message: str
    resource: str = "*"
    """Pattern of the ARN that the action is on."""
    caller: str = "*"
    """Pattern of the caller's ARN."""
    times: int = 1
    """How many calls are refused."""


@dataclass
class StackFault:
    """A resource at which a stack operation fails, before its service is called.

    The stack then does what CloudFormation does: it rolls back, or ends in DELETE_FAILED. To fail a stack in
    its last resource, whatever that is: `{"stack": "refstack-dev-Lake", "last": true}`.
    """

    stack: str
    """Pattern of the stack's name."""
    logical_id: str = "*"
    """Pattern of the logical id."""
    operation: Literal["create", "update", "delete", "rollback"] = "create"
    """An update counts only if a property of the resource changes; a rollback is the way back of an update.
    Rollbacks delete what was created: that is a deletion."""
    last: bool = False
    """Only the last resource in the order of creation."""
    reason: str = "Resource handler returned message: planned fault"
    """The resource's status reason."""
    times: int = 1
    """How many attempts fail."""


@dataclass
class LateEffect:
    """Something that AWS does late, as often as `times` says; see `local.late_effects`."""

    effect: Literal["access-logs", "database-logs", "warehouse-logs", "network-interfaces"]
    resource: str = "*"
    """Pattern of the bucket that gets access logs, of the instance, of the namespace; of the function, job,
    environment or cluster that leaves network interfaces behind."""
    times: int = 1
    """How many deliveries are late. For network interfaces: how many deletions they withstand until they are
    released; 0 for all, until the fault is taken away."""


Planned = Fault | StackFault | LateEffect

_planned: list[Planned] = []
_lock = threading.Lock()


def plan(body: bytes) -> bytes:
    """Replace the planned faults by those of a request's body; answers those that were left, as JSON."""
    wanted = [_read(each) for each in json.loads(body)]
    with _lock:
        left = [asdict(fault) for fault in _planned]
        _planned[:] = wanted
    return json.dumps(left).encode()


def answer(body: bytes) -> tuple[int, bytes]:
    """Status and body for a request that plans faults; 400 with a sentence for one that is not a fault."""
    try:
        return 200, plan(body)
    except (TypeError, ValueError) as error:
        return 400, json.dumps({"message": str(error)}).encode()


def due(action: str, resource: str, caller: str) -> Fault | None:
    """The fault that this call meets, if any; it is used up by that."""
    with _lock:
        for fault in _planned:
            if (
                isinstance(fault, Fault)
                and fault.action == action
                and fnmatchcase(resource, fault.resource)
                and fnmatchcase(caller, fault.caller)
            ):
                _use(fault)
                return fault
    return None


def due_in_stack(stack: str, logical_id: str, operation: str, *, last: bool = False) -> StackFault | None:
    """The fault that this operation on a resource meets, if any; it is used up by that."""
    with _lock:
        for fault in _planned:
            if (
                isinstance(fault, StackFault)
                and fault.operation == operation
                and fnmatchcase(stack, fault.stack)
                and fnmatchcase(logical_id, fault.logical_id)
                and (last or not fault.last)
            ):
                _use(fault)
                return fault
    return None


def due_late(effect: str, resource: str, *, use: bool = True) -> LateEffect | None:
    """The late effect that is planned for this resource, if any; unless asked not to be, it is used."""
    with _lock:
        for fault in _planned:
            if (
                isinstance(fault, LateEffect)
                and fault.effect == effect
                and fnmatchcase(resource, fault.resource)
            ):
                if use and fault.times:
                    _use(fault)
                return fault
    return None


def _use(fault: Planned) -> None:
    fault.times -= 1
    if fault.times <= 0:
        _planned.remove(fault)


_KINDS: dict[str, type[Planned]] = {"action": Fault, "stack": StackFault, "effect": LateEffect}


def _read(given: dict[str, Any]) -> Planned:
    """A fault of the kind that its members say; TypeError or ValueError for any other members."""
    for member, kind in _KINDS.items():
        if member in given:
            return kind(**given)
    raise ValueError(f"A fault has one of the members {', '.join(_KINDS)}: {json.dumps(given)}")
