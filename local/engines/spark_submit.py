"""spark-submit's command line, as Spark 3.5 reads it (org.apache.spark.launcher.SparkSubmitOptionParser)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

OPTIONS_WITH_VALUE = frozenset(
    {
        *("--archives", "--class", "--conf", "--deploy-mode", "--driver-class-path", "--driver-cores"),
        *("--driver-java-options", "--driver-library-path", "--driver-memory", "--exclude-packages"),
        *("--executor-cores", "--executor-memory", "--files", "--jars", "--keytab", "--kill", "--master"),
        *("--name", "--num-executors", "--packages", "--principal", "--properties-file", "--proxy-user"),
        *("--py-files", "--queue", "--repositories", "--status", "--total-executor-cores"),
    }
)
SWITCHES = frozenset({"--help", "--supervise", "--usage-error", "--verbose", "--version"})
ALIASES = {"-c": "--conf", "-h": "--help", "-v": "--verbose"}

PROPERTY_OF_OPTION = {
    "--driver-memory": "spark.driver.memory",
    "--driver-cores": "spark.driver.cores",
    "--driver-java-options": "spark.driver.extraJavaOptions",
    "--driver-class-path": "spark.driver.extraClassPath",
    "--driver-library-path": "spark.driver.extraLibraryPath",
    "--executor-memory": "spark.executor.memory",
    "--executor-cores": "spark.executor.cores",
    "--num-executors": "spark.executor.instances",
    "--total-executor-cores": "spark.cores.max",
    "--queue": "spark.yarn.queue",
    "--name": "spark.app.name",
}
"""Options that are another way to write a property."""


class SubmitError(ValueError):
    """A command line that spark-submit refuses; the text is the one that it prints."""


@dataclass
class Submission:
    """A parsed command line: the program, its arguments, and what was asked of Spark."""

    application: str
    arguments: list[str]
    main_class: str | None = None
    master: str | None = None
    deploy_mode: str = "client"
    py_files: list[str] = field(default_factory=list)
    jars: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    archives: list[str] = field(default_factory=list)
    packages: list[str] = field(default_factory=list)
    properties: dict[str, str] = field(default_factory=dict)
    properties_file: str | None = None


def parse(arguments: Sequence[str]) -> Submission:
    """The meaning of spark-submit's arguments, the command's own name left out.

    Raises SubmitError for an unknown option, an option without its value, a malformed --conf, a missing
    program, and for the options that act on other submissions (--kill, --status, --help, --version).
    """
    options: list[tuple[str, str]] = []
    rest = list(arguments)
    while rest and rest[0].startswith("-"):
        name, joined, value = _split(rest.pop(0))
        if name in SWITCHES and not joined:
            options.append((name, ""))
        elif name in OPTIONS_WITH_VALUE:
            if not joined:
                if not rest:
                    raise SubmitError(f"Missing argument for option '{name}'.")
                value = rest.pop(0)
            options.append((name, value))
        else:
            raise SubmitError(f"Unrecognized option: {name}")
    if not rest:
        raise SubmitError("Missing application resource.")
    submission = Submission(application=rest[0], arguments=rest[1:])
    for name, value in options:
        _apply(submission, name, value)
    return submission


def _split(argument: str) -> tuple[str, bool, str]:
    """Option name, whether a value is joined to it by `=`, and that value."""
    match = re.fullmatch(r"(--[^=]+)=(.+)", argument, re.DOTALL)
    name, value = (match[1], match[2]) if match else (argument, "")
    return ALIASES.get(name, name), match is not None, value


def _apply(submission: Submission, name: str, value: str) -> None:
    if name in {"--kill", "--status", "--help", "--version", "--usage-error"}:
        raise SubmitError(f"{name} does not submit a program")
    if name == "--conf":
        key, equals, setting = value.partition("=")
        if not equals:
            raise SubmitError(f"Spark config without '=': {value}")
        submission.properties[key] = setting
    elif name in PROPERTY_OF_OPTION:
        submission.properties[PROPERTY_OF_OPTION[name]] = value
    elif name == "--class":
        submission.main_class = value
    elif name == "--master":
        submission.master = value
    elif name == "--deploy-mode":
        if value not in {"client", "cluster"}:
            raise SubmitError(f'--deploy-mode must be either "client" or "cluster", not "{value}"')
        submission.deploy_mode = value
    elif name == "--properties-file":
        submission.properties_file = value
    elif name in {"--py-files", "--jars", "--files", "--archives", "--packages"}:
        listed = [part.strip() for part in value.split(",") if part.strip()]
        setattr(submission, name[2:].replace("-", "_"), listed)


def read_properties(text: str) -> dict[str, str]:
    """Settings of a properties file such as spark-defaults.conf: a key and a value a line."""
    found = {}
    for line in text.splitlines():
        stripped = line.strip()
        if stripped and stripped[0] not in "#!":
            parts = re.split(r"\s*[=:\s]\s*", stripped, maxsplit=1)
            found[parts[0]] = parts[1].strip() if len(parts) > 1 else ""
    return found
