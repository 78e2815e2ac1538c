"""Writes docs/settings.md from the models: `python -m stacks.settings_page > docs/settings.md`."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

from annotated_types import Ge, Le
from pydantic.fields import FieldInfo

from stacks.configuration import CONFIG
from stacks.settings import Section, Settings

HEAD = """# Which settings are there?

An environment is one file, `config/<environment>.toml`; a key that it does not have keeps the default below.
`REFSTACK_<SECTION>__<KEY>` overrides one key for one command, a list with commas:

    REFSTACK_NETWORK__NAT=gateway REFSTACK_STACKS__STREAMING=false make synth ENV=dev

A wrong section, key or value ends the synth with one sentence that says where it came from. So does a stack
that is on while one that it needs is off, and a VPC whose private subnets cannot reach what a stack calls.

This page is written by `python -m stacks.settings_page > docs/settings.md`.
"""


def page() -> str:
    """The page in Markdown."""
    files = {
        path.stem: tomllib.loads(path.read_text(encoding="utf-8")) for path in sorted(CONFIG.glob("*.toml"))
    }
    return "\n".join([HEAD, *_sections(files)])


def _sections(files: dict[str, dict[str, Any]]) -> Iterator[str]:
    for name, field in Settings.model_fields.items():
        model = field.annotation
        if not (isinstance(model, type) and issubclass(model, Section)):
            continue
        first_line = (model.__doc__ or "").splitlines()[0]
        yield f"## [{name}]\n\n{first_line}\n"
        yield "| key | default | elsewhere | takes | what it is |\n|---|---|---|---|---|"
        for key, each in model.model_fields.items():
            elsewhere = "; ".join(
                f"{file}: {_shown(tables[name][key])}"
                for file, tables in files.items()
                if key in tables.get(name, {})
            )
            about = re.sub(r"\s+", " ", each.description or "")
            yield f"| `{key}` | {_shown(each.default)} | {elsewhere} | {_takes(each)} | {about} |"
        yield ""


def _shown(value: Any) -> str:
    match value:
        case None:
            return "none"
        case bool():
            return f"`{str(value).lower()}`"
        case tuple() | list():
            return ", ".join(f"`{item}`" for item in value) or "none"
        case _:
            return f"`{value}`"


def _takes(field: FieldInfo) -> str:
    annotation = field.annotation
    if get_origin(annotation) is tuple:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) is Literal:
        return ", ".join(f"`{choice}`" for choice in get_args(annotation))
    if annotation is bool:
        return "`true`, `false`"
    if annotation is not int:
        return "text"
    low = next((limit.ge for limit in field.metadata if isinstance(limit, Ge)), None)
    high = next((limit.le for limit in field.metadata if isinstance(limit, Le)), None)
    return f"{low} to {high}" if high is not None else f"at least {low}"


if __name__ == "__main__":
    print(page(), end="")
