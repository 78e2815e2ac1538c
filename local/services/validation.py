"""What AWS refuses in a request before its service looks at it, read from the service's model."""

from __future__ import annotations

import re
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape
from botocore.validate import ParamValidator


def violations(params: dict[str, Any], shape: Shape | None, validator: ParamValidator) -> str:
    """One sentence a violated rule (required, type, length, range, enum, pattern); empty when all hold."""
    if shape is None:
        return ""
    report = validator.validate(params, shape)
    if report.has_errors():
        return str(report.generate_report())
    return "\n".join(_constraints(params, shape, ""))


def _constraints(value: Any, shape: Shape, path: str) -> list[str]:
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        return [
            problem
            for name, member in value.items()
            if name in shape.members and member is not None
            for problem in _constraints(member, shape.members[name], f"{path}.{name}" if path else name)
        ]
    if isinstance(shape, ListShape) and isinstance(value, list):
        found = _length(value, shape, path)
        for index, member in enumerate(value):
            found += _constraints(member, shape.member, f"{path}[{index}]")
        return found
    if isinstance(shape, MapShape) and isinstance(value, dict):
        found = _length(value, shape, path)
        for key, member in value.items():
            found += _constraints(key, shape.key, f"{path} key") + _constraints(
                member, shape.value, f"{path}.{key}"
            )
        return found
    return _scalar(value, shape, path)


def _length(value: Any, shape: Shape, path: str) -> list[str]:
    longest = shape.metadata.get("max")
    return [] if longest is None or len(value) <= longest else [f"{path} has more than {longest} members"]


def _scalar(value: Any, shape: Shape, path: str) -> list[str]:
    limit = shape.metadata.get("max")
    if isinstance(value, str) and shape.type_name == "string":
        allowed = shape.metadata.get("enum")
        if allowed and value not in allowed:
            return [f"{path} is {value!r}, which is none of {', '.join(allowed)}"]
        if limit is not None and len(value) > limit:
            return [f"{path} has more than {limit} characters"]
        pattern = shape.metadata.get("pattern")
        if pattern and not _matches(pattern, value):
            return [f"{path} is {value!r}, which does not match {pattern}"]
    elif (
        isinstance(value, (int, float))
        and not isinstance(value, bool)
        and limit is not None
        and value > limit
    ):
        return [f"{path} is {value}, more than {limit}"]
    return []


def _matches(pattern: str, value: str) -> bool:
    """Whether AWS' pattern accepts the value; a pattern in a syntax that Python lacks accepts all."""
    try:
        return re.search(f"^(?:{pattern})$", value, re.DOTALL) is not None
    except re.error:
        return True
