"""Versions that a constraints file pins, held against those that are installed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

PIN = re.compile(r"(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^\s;]+)")


def normal(name: str) -> str:
    """A package's name as the index compares it: https://peps.python.org/pep-0503/."""
    return re.sub(r"[-_.]+", "-", name).lower()


def read(constraints: str) -> dict[str, str]:
    """Version by package; comments are left out."""
    lines = (PIN.match(line) for line in constraints.splitlines())
    return {normal(match["name"]): match["version"] for match in lines if match is not None}


def differences(pinned: Mapping[str, str], installed: Mapping[str, str]) -> list[str]:
    """A phrase for each installed package that has another version than the pinned one, by name."""
    return list(_differences(pinned, installed))


def _differences(pinned: Mapping[str, str], installed: Mapping[str, str]) -> Iterator[str]:
    for name in sorted(pinned.keys() & installed.keys()):
        if pinned[name] != installed[name]:
            yield f"{name} is {installed[name]}, not {pinned[name]}"
