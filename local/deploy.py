"""The stock CDK CLI: synthesise, bootstrap, deploy, destroy. To AWS, LocalStack or the embedded AWS alike."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import boto3

from local.errors import UserFacingError
from local.layout import ACCOUNT, HOST, REGION, ROOT, home, tools_dir
from local.toolchain import tools

PROJECT = "refstack"
CDK_OUT = ROOT / "cdk.out"
FLAGS = ("--no-notices", "--no-version-reporting", "--no-color")
Say = Callable[[str], None]


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


def deploy(environment: Mapping[str, str], *, output: Path = CDK_OUT, log: Path | None = None) -> None:
    """Deploy every synthesised stack of `output`, exactly as it was synthesised."""
    run(
        ["deploy", "--all", "--app", str(output), "--require-approval", "never", "--concurrency", "10"],
        "deploy the stacks",
        environment=environment,
        log=log,
    )


def destroy(environment: Mapping[str, str], say: Say, *, output: Path = CDK_OUT) -> None:
    """Empty the buckets that go with their stacks, then delete the stacks of `output`."""
    for stack in stack_names(output):
        for bucket in _disposable_buckets(environment, stack):
            say(f"Emptying {bucket} ...")
            _empty(environment, bucket)
    run(["destroy", "--all", "--app", str(output), "--force"], "destroy the stacks", environment=environment)


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


def left_over(environment: Mapping[str, str], env: str, *, output: Path = CDK_OUT) -> list[str]:
    """Names of deployed stacks of `env` that are switched off now; a deploy leaves them alone."""
    expected = set(stack_names(output))
    pages = _client(environment, "cloudformation").get_paginator("list_stacks").paginate()
    deployed = {
        stack["StackName"]
        for page in pages
        for stack in page["StackSummaries"]
        if stack["StackStatus"] != "DELETE_COMPLETE"
    }
    return sorted(name for name in deployed - expected if name.startswith(f"{PROJECT}-{env}-"))


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


def _client(environment: Mapping[str, str], service: str) -> Any:
    """A client of the account that `environment` points to; what it leaves out is the machine's own."""
    return boto3.client(  # type: ignore[call-overload]
        service,
        endpoint_url=environment.get("AWS_ENDPOINT_URL"),
        region_name=environment.get("AWS_REGION") or os.environ.get("AWS_REGION"),
        aws_access_key_id=environment.get("AWS_ACCESS_KEY_ID"),
        aws_secret_access_key=environment.get("AWS_SECRET_ACCESS_KEY"),
    )


def _disposable_buckets(environment: Mapping[str, str], stack: str) -> list[str]:
    """Buckets of a deployed stack that CloudFormation will delete with it."""
    cloudformation = _client(environment, "cloudformation")
    try:
        body = cloudformation.get_template(StackName=stack, TemplateStage="Original")["TemplateBody"]
    except cloudformation.exceptions.ClientError:
        return []
    template = body if isinstance(body, dict) else json.loads(body)
    resources = cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack)
    return [
        resource["PhysicalResourceId"]
        for page in resources
        for resource in page["StackResourceSummaries"]
        if resource["ResourceType"] == "AWS::S3::Bucket"
        and template["Resources"].get(resource["LogicalResourceId"], {}).get("DeletionPolicy") == "Delete"
    ]


def _empty(environment: Mapping[str, str], bucket: str) -> None:
    s3 = _client(environment, "s3")
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        found = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        objects = [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in found]
        if objects:
            s3.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True})
