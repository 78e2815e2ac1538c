"""Reads from a Dockerfile what the final stage of an image holds and runs.

No layer is built here: the stage's COPY instructions say which files of the build context lie where, and
which virtual environment comes from an earlier stage. What cannot be done without a container is refused.
"""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass, field
from pathlib import PurePosixPath

DESCRIPTIVE = frozenset({"EXPOSE", "HEALTHCHECK", "LABEL", "STOPSIGNAL", "USER"})
"""Instructions that say something about the container, and nothing about its files or its program."""


class DockerfileError(ValueError):
    """The Dockerfile asks for something that only a container could do; the text says what."""


@dataclass(frozen=True)
class Copy:
    """Files that the image holds: `sources` of the build context, or of the stage `stage`, at `target`."""

    sources: tuple[str, ...]
    target: str
    stage: str | None = None


@dataclass
class Stage:
    """The final stage, as far as a process needs it."""

    copies: list[Copy] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)
    folder: str = "/"
    entrypoint: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)
    volumes: list[str] = field(default_factory=list)


def final_stage(text: str) -> Stage:
    """The last stage of a Dockerfile. Raises DockerfileError."""
    instructions = _instructions(text)
    last = max((at for at, (name, _) in enumerate(instructions) if name == "FROM"), default=None)
    if last is None:
        raise DockerfileError("the Dockerfile has no FROM")
    stage = Stage()
    for name, rest in instructions[last + 1 :]:
        _apply(stage, name, rest)
    if not stage.entrypoint:
        raise DockerfileError("the image has no ENTRYPOINT")
    return stage


def _instructions(text: str) -> list[tuple[str, str]]:
    """Name and arguments of each instruction, continued lines joined, comments left out."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\s*\n", " ", "\n".join(lines))
    found = []
    for line in joined.splitlines():
        name, _, rest = line.strip().partition(" ")
        if name:
            found.append((name.upper(), rest.strip()))
    return found


def _apply(stage: Stage, name: str, rest: str) -> None:
    match name:
        case "COPY":
            stage.copies.append(_copy(stage, rest))
        case "ENV":
            for pair in shlex.split(rest):
                key, equals, value = pair.partition("=")
                if not equals:
                    raise DockerfileError(f"ENV {rest} is not in the form NAME=value")
                stage.environment[key] = value
        case "WORKDIR":
            stage.folder = _absolute(stage, rest)
        case "ENTRYPOINT":
            stage.entrypoint = _words(name, rest)
        case "CMD":
            stage.command = _words(name, rest)
        case "VOLUME":
            stage.volumes += _words(name, rest)
        case _ if name not in DESCRIPTIVE:
            raise DockerfileError(f"{name} in the final stage needs a container; put it in an earlier stage")


def _copy(stage: Stage, rest: str) -> Copy:
    words = shlex.split(rest)
    options = dict(word.removeprefix("--").split("=", 1) for word in words if word.startswith("--"))
    *sources, target = [word for word in words if not word.startswith("--")]
    if target.endswith("/") or target == ".":
        target = _absolute(stage, target).rstrip("/") + "/"
    return Copy(tuple(sources), _absolute(stage, target), options.get("from"))


def _absolute(stage: Stage, path: str) -> str:
    joined = PurePosixPath(stage.folder) / path
    return str(joined) + ("/" if path.endswith("/") else "")


def _words(name: str, rest: str) -> list[str]:
    try:
        words = json.loads(rest)
    except ValueError:
        raise DockerfileError(f"{name} must be in its JSON form, which needs no shell") from None
    return [str(word) for word in words]
