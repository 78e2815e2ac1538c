"""The stock CDK CLI: synthesise, bootstrap, deploy, destroy. To AWS, LocalStack or the embedded AWS alike."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from local.errors import UserFacingError
from local.layout import ACCOUNT, HOST, REGION, ROOT, home, tools_dir
from local.toolchain import tools

CDK_OUT = ROOT / "cdk.out"
FLAGS = ("--no-notices", "--no-version-reporting", "--no-color")


def synth(
    env: str,
    *,
    output: Path = CDK_OUT,
    log: Path | None = None,
    overrides: Mapping[str, str] | None = None,
) -> Path:
    """Synthesise every stack of `env` into `output`. Needs no credentials.

    `overrides` are settings as environment variables; those that the user has set win.

    Raises UserFacingError with the app's own sentence when a setting is wrong.
    """
    arguments = ["synth", "--quiet", "--context", f"env={env}", "--output", str(output)]
    wanted = {name: value for name, value in (overrides or {}).items() if name not in os.environ}
    environment = {**_without_credentials(), **wanted}
    run(arguments, "synthesise the stacks", environment=environment, log=log)
    return output


def bootstrap(environment: Mapping[str, str], *, log: Path | None = None) -> None:
    """Create the CDK's own bucket and roles in the account that `environment` points to."""
    target = f"aws://{ACCOUNT}/{REGION}"
    # From a folder without cdk.json: a bootstrap needs no app, and the CLI would run it all the same.
    run(["bootstrap", target], "bootstrap the account", environment=environment, log=log, folder=tools_dir())


def deploy(
    environment: Mapping[str, str],
    *,
    output: Path = CDK_OUT,
    log: Path | None = None,
    only: str | None = None,
) -> None:
    """Deploy every synthesised stack of `output`, as it was synthesised; or only the stack `only`."""
    stacks = ["--all"] if only is None else [_artifacts(output)[only], "--exclusively"]
    run(
        ["deploy", *stacks, "--app", str(output), "--require-approval", "never", "--concurrency", "10"],
        "deploy the stacks" if only is None else f"deploy {only}",
        environment=environment,
        log=log,
    )


def templates(output: Path = CDK_OUT) -> dict[str, Any]:
    """The synthesised templates by stack name."""
    return {
        name: json.loads((output / f"{artifact}.template.json").read_text(encoding="utf-8"))
        for name, artifact in _artifacts(output).items()
    }


def _artifacts(output: Path) -> dict[str, str]:
    """The CDK's own id of each synthesised stack, by stack name."""
    artifacts = json.loads((output / "manifest.json").read_text(encoding="utf-8"))["artifacts"]
    return {
        part["properties"].get("stackName", artifact): artifact
        for artifact, part in artifacts.items()
        if part["type"] == "aws:cloudformation:stack"
    }


def stack_names(output: Path = CDK_OUT) -> list[str]:
    """Names of the synthesised stacks, those that others need first."""
    artifacts = json.loads((output / "manifest.json").read_text())["artifacts"]
    stacks = {name: part for name, part in artifacts.items() if part["type"] == "aws:cloudformation:stack"}
    ordered: list[str] = []

    def visit(name: str) -> None:
        for needed in stacks[name].get("dependencies", []):
            if needed in stacks:
                visit(needed)
        if name not in ordered:
            ordered.append(name)

    for name in stacks:
        visit(name)
    return [stacks[name]["properties"].get("stackName", name) for name in ordered]


def localstack_environment() -> dict[str, str]:
    """Environment for a deploy to the emulator that LOCALSTACK_HOST names."""
    host = os.environ.get("LOCALSTACK_HOST", f"{HOST}:4566")
    host = host if ":" in host else f"{host}:4566"
    return {
        "AWS_ENDPOINT_URL": f"http://{host}",
        "AWS_ENDPOINT_URL_S3": f"http://{host}",
        # The CLI caches which account a key belongs to; an emulator's must not mix with the real ones.
        "CDK_HOME": str(home() / "cdk-localstack"),
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }


def run(
    arguments: list[str],
    purpose: str,
    *,
    environment: Mapping[str, str],
    log: Path | None = None,
    folder: Path = ROOT,
) -> None:
    """Run the CDK CLI; its output goes to `log`, or to the terminal.

    Raises UserFacingError with the first error that the CLI told.
    """
    node = tools().node
    path = os.pathsep.join([str(tools().main_python.parent), str(node.parent), os.environ.get("PATH", "")])
    command = [str(node), str(tools().cdk), *arguments, *FLAGS]
    everything = {**os.environ, **environment, "PATH": path, "NODE_NO_WARNINGS": "1"}
    # Without bytecode, each synth would compile the CDK library anew.
    everything.pop("PYTHONDONTWRITEBYTECODE", None)
    if log is None:
        done = subprocess.run(command, cwd=folder, env=everything, check=False)
        if done.returncode != 0:
            raise UserFacingError(f"Could not {purpose}; the reason stands above.")
        return
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        start = output.tell()
        done = subprocess.run(
            command,
            cwd=folder,
            env=everything,
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    if done.returncode != 0:
        told = log.read_bytes()[start:].decode(errors="replace")
        raise UserFacingError(f"Could not {purpose}: {_first_error(told)} (log: {log})")


def _first_error(told: str) -> str:
    lines = [line.strip() for line in told.splitlines() if line.strip()]
    failed = [line for line in lines if re.search(r"CREATE_FAILED|UPDATE_FAILED|❌|[Ee]rror", line)]
    return (failed or lines or ["no message"])[0][:400]


def _without_credentials() -> dict[str, str]:
    return {"AWS_EC2_METADATA_DISABLED": "true"}
