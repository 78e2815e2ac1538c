"""Reads the settings of an environment: `config/<environment>.toml`, then environment variables over it.

`REFSTACK_<SECTION>__<KEY>` overrides one key, for instance `REFSTACK_NETWORK__NAT=gateway`; a list is written
with commas.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_origin

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from stacks.requirements import problems
from stacks.settings import Section, Settings

CONFIG = Path(__file__).resolve().parent.parent / "config"
PREFIX = "REFSTACK_"
SEPARATOR = "__"


class SettingsError(Exception):
    """The settings cannot be used; the message is one sentence that says which one, and why."""


def load(environment: str, variables: Mapping[str, str], folder: Path = CONFIG) -> Settings:
    """Settings of `environment`, with the overrides among `variables`.

    Raises SettingsError when the environment is not known, a file is not TOML, a section, key or value is
    wrong, or an enabled stack lacks what it needs.
    """
    path = folder / f"{environment}.toml"
    if not path.is_file():
        known = ", ".join(sorted(each.stem for each in folder.glob("*.toml")))
        raise SettingsError(f"There is no environment {environment!r}: choose one of {known}.")
    try:
        tables: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path.name} is not valid TOML: {error}.") from error
    sources = _override(tables, variables)
    try:
        settings = Settings.model_validate({**tables, "name": environment})
    except ValidationError as error:
        told = [_sentence(detail, sources, path.name) for detail in error.errors()]
        raise SettingsError("Wrong settings: " + "; ".join(told) + ".") from error
    found = problems(settings)
    if found:
        raise SettingsError("Wrong settings: " + "; ".join(found) + ".")
    return settings


def _override(tables: dict[str, Any], variables: Mapping[str, str]) -> dict[tuple[str, ...], str]:
    """Write the overrides into `tables`; return which variable gave which key."""
    sources: dict[tuple[str, ...], str] = {}
    for variable, value in sorted(variables.items()):
        if not variable.startswith(PREFIX) or SEPARATOR not in variable:
            continue
        section, _, key = variable.removeprefix(PREFIX).lower().partition(SEPARATOR)
        if section in Settings.model_fields and _section(section) is None:
            raise SettingsError(f"{variable} is not a setting: {section!r} is no section.")
        table = tables.setdefault(section, {})
        table[key] = _items(value) if _is_list(section, key) else value
        sources[section, key] = variable
    return sources


def _items(value: str) -> list[str]:
    return [item.strip() for item in value.split(",") if item.strip()]


def _is_list(section: str, key: str) -> bool:
    model = _section(section)
    return model is not None and (
        key in model.model_fields and get_origin(model.model_fields[key].annotation) is tuple
    )


def _section(name: str) -> type[Section] | None:
    field = Settings.model_fields.get(name)
    model = None if field is None else field.annotation
    return model if isinstance(model, type) and issubclass(model, Section) else None


def _sentence(detail: ErrorDetails, sources: dict[tuple[str, ...], str], file: str) -> str:
    place = tuple(str(part) for part in detail["loc"])
    key = ".".join(place)
    source = sources.get(place[:2], file)
    if len(place) == 1:
        source = _section_source(key, sources) or file
    if detail["type"] == "extra_forbidden":
        return f"{key} (from {source}) is not a setting"
    message = detail["msg"].removeprefix("Value error, ")
    if detail["type"] == "value_error":
        return f"{key} (from {source}): {message}"
    return f"{key} = {detail['input']!r} (from {source}) is wrong: {message[:1].lower()}{message[1:]}"


def _section_source(section: str, sources: dict[tuple[str, ...], str]) -> str | None:
    """The variables that touched `section`, for an error that is about more than one of its keys."""
    return ", ".join(variable for place, variable in sources.items() if place[0] == section) or None
