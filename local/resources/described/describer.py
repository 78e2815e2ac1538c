"""The table of describers, and the look-up in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from local.resources.provisioner import TYPES, Properties

Describer = Callable[[str, Properties], dict[str, Any]]
"""(physical id, properties it was deployed with) → the service's answer. The properties only identify it."""

DESCRIBERS: dict[str, Describer] = {}


def describer(name: str) -> Callable[[Describer], Describer]:
    """Register the describer of a resource type that ministack provisions."""

    def register(function: Describer) -> Describer:
        DESCRIBERS[name] = function
        return function

    return register


def describe(name: str, physical_id: str, props: Properties) -> dict[str, Any]:
    """The description of a resource, from our own provisioner of its type or from the table.

    Raises KeyError for a type that nobody can describe.
    """
    if name in DESCRIBERS:
        return DESCRIBERS[name](physical_id, props)
    return TYPES[name].describe(physical_id)


def only(found: list[dict[str, Any]]) -> dict[str, Any]:
    """The one resource in an answer. Raises LookupError when there are none or several."""
    if len(found) != 1:
        raise LookupError(f"{len(found)} resources instead of one")
    return dict(found[0])
