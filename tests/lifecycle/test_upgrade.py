"""The upgrade of an environment that was deployed at commit e1d6649: what holds data is not replaced."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

from tests.lifecycle.before import deployed_before, stateful
from tests.lifecycle.environment import templates
from tests.stacks.assembly import synthesise


def create_only(kind: str) -> Iterator[list[str]]:
    """Paths of the properties of a type whose change replaces the resource, from AWS's own schema."""
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", kind).schema
    for pointer in schema.get("createOnlyProperties", []):
        yield pointer.removeprefix("/properties/").split("/")


def at(properties: Any, path: list[str]) -> Any:
    for part in path:
        properties = properties.get(part) if isinstance(properties, dict) else None
    return properties


@pytest.mark.parametrize("environment", ["dev", pytest.param("prod", marks=pytest.mark.slow)])
def test_no_resource_that_holds_data_changes_a_property_that_replaces_it(environment: str) -> None:
    before = stateful(deployed_before(environment))
    after = stateful(templates(synthesise(environment)))

    assert before.keys() <= after.keys(), "a resource is gone, or has another logical id"
    assert {before[each]["Type"] == after[each]["Type"] for each in before} == {True}
    replaced = [
        f"{stack} {logical_id} {'.'.join(path)}"
        for (stack, logical_id), resource in before.items()
        for path in create_only(resource["Type"])
        if at(resource["Properties"], path) != at(after[stack, logical_id]["Properties"], path)
    ]
    assert replaced == []
