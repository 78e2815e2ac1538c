"""Whether a service's description of a resource holds what its template asked for."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any
from urllib.parse import unquote

MISSING = object()


def differences(
    wanted: dict[str, Any], described: dict[str, Any], exceptions: Collection[str] = ()
) -> dict[str, str]:
    """Property name → what is wrong with it, for each wanted property that the description does not hold.

    Names are compared without regard to case, lists without regard to order, values by their text; a member
    of the description that nobody wanted does not count. `exceptions` are left out.
    """
    found = {}
    for name, value in wanted.items():
        if name in exceptions:
            continue
        actual = _member(described, name)
        if actual is MISSING:
            found[name] = "not described"
        elif not _holds(value, actual, tags=name == "Tags"):
            found[name] = f"wanted {_short(value)}, described {_short(actual)}"
    return found


def _holds(wanted: Any, actual: Any, *, tags: bool = False) -> bool:
    if tags:
        wanted, actual = _tags(wanted), _tags(actual)
    if isinstance(wanted, dict) and isinstance(actual, str):
        actual = _parsed(actual)
    if isinstance(wanted, dict):
        return isinstance(actual, dict) and all(
            _holds(value, _member(actual, name)) for name, value in wanted.items()
        )
    if isinstance(wanted, list):
        if not isinstance(actual, list):
            # A policy's list of one may be described as the one.
            return len(wanted) == 1 and _holds(wanted[0], actual)
        left = list(actual)
        for value in wanted:
            match = next((one for one in left if _holds(value, one)), MISSING)
            if match is MISSING:
                return False
            left.remove(match)
        return not left
    if actual is MISSING or actual is None:
        return str(wanted).lower() in ("", "false")
    if isinstance(actual, bytes):
        actual = actual.decode()
    return _text(wanted) == _text(actual) or _names(str(wanted), str(actual))


def _member(described: Any, name: str) -> Any:
    if not isinstance(described, dict):
        return MISSING
    if name in described:
        return described[name]
    plain = _plain(name)
    return next((value for key, value in described.items() if _plain(key) == plain), MISSING)


def _plain(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "")


def _text(value: Any) -> str:
    text = str(value)
    if text.lower() in ("true", "false"):
        return text.lower()
    try:
        return str(float(text))
    except ValueError:
        return text.strip()


def _names(wanted: str, actual: str) -> bool:
    """Whether one is the other's ARN: a key's id and its ARN name the same key."""
    longer, shorter = sorted((wanted, actual), key=len, reverse=True)
    return longer.startswith("arn:") and bool(shorter) and longer.endswith((f"/{shorter}", f":{shorter}"))


def _parsed(text: str) -> Any:
    for candidate in (text, unquote(text)):
        try:
            return json.loads(candidate)
        except ValueError:
            continue
    return text


def _tags(value: Any) -> Any:
    if isinstance(value, list):
        # CloudFormation's own tags are put beside those of the template.
        return {
            one.get("Key") or one.get("key"): one.get("Value", one.get("value", ""))
            for one in value
            if not str(one.get("Key") or one.get("key")).startswith("aws:")
        }
    return value


def _short(value: Any) -> str:
    text = json.dumps(value, default=str, sort_keys=True)
    return text if len(text) <= 300 else text[:297] + "..."
