"""What differs between accounts: quotas, and the zones that lack an instance type. A test plants a small one.

POST to PATH a JSON object with any of the members of Account; it replaces what was planted.
"""

from __future__ import annotations

import json
import threading
from dataclasses import asdict, dataclass, field

PATH = "/_refstack/account"


@dataclass(frozen=True)
class Account:
    """How an account differs from the embedded one."""

    quotas: dict[str, float] = field(default_factory=dict)
    """Service and code, such as ec2/L-1216C47A → the account's value."""
    not_offered: dict[str, list[str]] = field(default_factory=dict)
    """EC2 instance type → names of the zones without it."""


_planted = Account()
_lock = threading.Lock()


def plant(body: bytes) -> bytes:
    """Replace what was planted by a request's body; answers what was there, as JSON.

    Raises TypeError for a member that Account does not have.
    """
    global _planted
    wanted = Account(**json.loads(body))
    with _lock:
        earlier, _planted = _planted, wanted
    return json.dumps(asdict(earlier)).encode()


def planted() -> Account:
    """What is planted now."""
    with _lock:
        return _planted
