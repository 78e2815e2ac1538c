"""ENV=localstack, deployed and destroyed by the commands that reach LocalStack, here at the embedded AWS."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from local import deploy, layout, runtime

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]


@pytest.fixture
def emulator(own_home: Callable[[str], Path]) -> Iterator[str]:
    own_home("localstack")
    runtime.start(fresh=True)
    yield f"{layout.HOST}:{layout.gateway_port()}"
    runtime.stop()


def cli(command: str, host: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "local.cli", command, "--env", "localstack"],
        cwd=layout.ROOT,
        env={**os.environ, "LOCALSTACK_HOST": host},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_localstack_is_deployed_filled_emptied_and_destroyed(emulator: str) -> None:
    cli("deploy", emulator)
    expected = deploy.stack_names()
    assert expected, "no stack of localstack is on"
    assert _deployed() == dict.fromkeys(expected, "CREATE_COMPLETE")

    # A bucket with versions must not stop the destruction.
    bucket = next(
        resource["PhysicalResourceId"]
        for resource in runtime.client("cloudformation").describe_stack_resources(
            StackName="refstack-localstack-lake"
        )["StackResources"]
        if resource["ResourceType"] == "AWS::S3::Bucket"
    )
    for body in (b"first", b"second"):
        runtime.client("s3").put_object(Bucket=bucket, Key="kept", Body=body)
    cli("destroy", emulator)
    assert _deployed() == {}
    names = {found["Name"] for found in runtime.client("s3").list_buckets()["Buckets"]}
    assert bucket not in names


def _deployed() -> dict[str, str]:
    stacks = runtime.client("cloudformation").describe_stacks()["Stacks"]
    return {
        stack["StackName"]: stack["StackStatus"]
        for stack in stacks
        if stack["StackName"].startswith("refstack-") and stack["StackStatus"] != "DELETE_COMPLETE"
    }
