"""Faults on request: the next calls of an action are refused as AWS refuses them, for tests of what follows.

POST to PATH a JSON list of faults, each with the members of Fault; it replaces what was planned.
"""

from __future__ import annotations

import json
import threading
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase

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


_planned: list[Fault] = []
_lock = threading.Lock()


def plan(body: bytes) -> bytes:
    """Replace the planned faults by those of a request's body; answers those that were left, as JSON."""
    wanted = [Fault(**each) for each in json.loads(body)]
    with _lock:
        left = [asdict(fault) for fault in _planned]
        _planned[:] = wanted
    return json.dumps(left).encode()


def due(action: str, resource: str, caller: str) -> Fault | None:
    """The fault that this call meets, if any; it is used up by that."""
    with _lock:
        for fault in _planned:
            if (
                fault.action == action
                and fnmatchcase(resource, fault.resource)
                and fnmatchcase(caller, fault.caller)
            ):
                fault.times -= 1
                if fault.times <= 0:
                    _planned.remove(fault)
                return fault
    return None
