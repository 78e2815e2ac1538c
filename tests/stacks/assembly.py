"""Synthesises environments for the template tests, each one once a test session."""

from __future__ import annotations

import functools
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stacks.configuration import load
from stacks.platform import add_stacks, new_app

JOBS_OFF = {
    "REFSTACK_STACKS__CATALOG": "false",
    "REFSTACK_STACKS__SPARK": "false",
    "REFSTACK_STACKS__CONTAINERS": "false",
    "REFSTACK_STACKS__INGESTION": "false",
    "REFSTACK_STACKS__ORCHESTRATION": "false",
}
"""Overrides that leave the stacks without code assets, which synthesise fast."""


@dataclass(frozen=True)
class Assembly:
    """A synthesised environment."""

    path: Path

    @property
    def manifest(self) -> dict[str, Any]:
        return json.loads((self.path / "manifest.json").read_text())

    @property
    def stacks(self) -> dict[str, dict[str, Any]]:
        """Manifest entries of the stacks, by construct id."""
        return {
            name: artifact
            for name, artifact in self.manifest["artifacts"].items()
            if artifact["type"] == "aws:cloudformation:stack"
        }

    def template(self, stack: str) -> dict[str, Any]:
        return json.loads((self.path / f"{stack}.template.json").read_text())

    def resources(self, type_name: str, *, stack: str | None = None) -> dict[str, dict[str, Any]]:
        """Resources of a type by `<stack>/<logical id>`, in one stack or in all of them."""
        return {
            f"{name}/{logical_id}": resource
            for name in ([stack] if stack else self.stacks)
            for logical_id, resource in self.template(name)["Resources"].items()
            if resource["Type"] == type_name
        }

    def only(self, type_name: str, *, stack: str) -> dict[str, Any]:
        """Properties of the one resource of that type in the stack."""
        (resource,) = self.resources(type_name, stack=stack).values()
        return resource.get("Properties", {})


def synthesise(environment: str = "dev", **overrides: str) -> Assembly:
    """The environment under these overrides; `network__nat="gateway"` stands for REFSTACK_NETWORK__NAT."""
    variables = {f"REFSTACK_{key.upper()}": value for key, value in overrides.items()}
    return _synthesise(environment, tuple(sorted(variables.items())))


def synthesise_core(environment: str = "dev", **overrides: str) -> Assembly:
    """As `synthesise`, without the stacks that carry job code."""
    off = {key.removeprefix("REFSTACK_").lower(): value for key, value in JOBS_OFF.items()}
    return synthesise(environment, **{**off, **overrides})


_folders: list[tempfile.TemporaryDirectory[str]] = []
"""Held to the end of the session, then removed."""


@functools.cache
def _synthesise(environment: str, variables: tuple[tuple[str, str], ...]) -> Assembly:
    _folders.append(tempfile.TemporaryDirectory(prefix="refstack-synth-"))
    folder = Path(_folders[-1].name)
    app = new_app(str(folder))
    add_stacks(app, load(environment, dict(variables)))
    app.synth()
    return Assembly(folder)
