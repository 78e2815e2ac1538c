"""A fresh embedded AWS for the tests that need one."""

from __future__ import annotations

import json
import os
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import psycopg
import pytest
from botocore.config import Config

from local import account, deploy, layout, processes, runtime
from local.toolchain import tools
from tests.local.redshift_endpoint import Endpoint, running_endpoint

READY_SECONDS = 60


@dataclass(frozen=True)
class Gateway:
    """A running gateway: where it answers, where its state is, and root's clients of it."""

    url: str
    home: Path
    log: Path

    def client(self, service: str, **credentials: str) -> Any:
        """A boto3 client; root's unless other credentials are given."""
        names = {"aws_access_key_id": "test", "aws_secret_access_key": "test", **credentials}
        return boto3.session.Session().client(
            service,
            endpoint_url=self.url,
            region_name=layout.REGION,
            config=Config(
                inject_host_prefix=False, retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}
            ),
            **names,
        )

    def plant(self, **members: Any) -> None:
        """Let the account differ as local.account.Account says; without members it is the ordinary one."""
        request = urllib.request.Request(self.url + account.PATH, json.dumps(members).encode())
        with urllib.request.urlopen(request):
            pass

    def queue_of_events(self, name: str, source: str, detail: dict[str, list[str]]) -> str:
        """URL of a new queue into which a rule puts the events of `source` that have this `detail`."""
        queue = str(self.client("sqs").create_queue(QueueName=name)["QueueUrl"])
        arn = f"arn:aws:sqs:{layout.REGION}:{layout.ACCOUNT}:{name}"
        events = self.client("events")
        events.put_rule(Name=name, EventPattern=json.dumps({"source": [source], "detail": detail}))
        events.put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": arn}])
        return queue

    def next_event(self, queue: str) -> dict[str, Any]:
        """The next event that arrives in the queue, within half a minute."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            received = self.client("sqs").receive_message(QueueUrl=queue, WaitTimeSeconds=1)
            for message in received.get("Messages", []):
                self.client("sqs").delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
                return dict(json.loads(message["Body"]))
        raise TimeoutError(queue)


@pytest.fixture(scope="module")
def start_gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Gateway]]:
    """Start gateways on free ports with homes of their own; all are stopped at the end of the module."""
    started: list[Path] = []
    saved = {name: os.environ.get(name) for name in ("REFSTACK_HOME", "REFSTACK_PORT")}

    def start() -> Gateway:
        home = tmp_path_factory.mktemp("embedded-aws")
        port = processes.free_port(0)
        os.environ.update(REFSTACK_HOME=str(home), REFSTACK_PORT=str(port))
        started.append(home)
        process = processes.spawn(
            "gateway",
            [tools().gateway_python, "-m", "local.gateway"],
            env={**os.environ, "PYTHONPATH": str(layout.ROOT)},
            cwd=layout.ROOT,
        )
        deadline = time.monotonic() + READY_SECONDS
        while not processes.listening(port):
            if not process.running() or time.monotonic() > deadline:
                pytest.fail(f"the gateway did not start:\n{process.log.read_text()[-3000:]}")
            time.sleep(0.1)
        return Gateway(f"http://{layout.HOST}:{port}", home, process.log)

    yield start
    for home in started:
        os.environ["REFSTACK_HOME"] = str(home)
        processes.stop("gateway", timeout=40)
        processes.stop_all()
    for name, value in saved.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


@pytest.fixture(scope="module")
def gateway(start_gateway: Callable[[], Gateway]) -> Gateway:
    """One gateway for the whole module; REFSTACK_HOME and REFSTACK_PORT point at it."""
    return start_gateway()


@dataclass(frozen=True)
class Deployment:
    """The dev templates, and a gateway that they are deployed to by the stock CDK CLI."""

    gateway: Gateway
    templates: Path

    def stacks(self) -> list[str]:
        """Names of the deployed stacks, those that others need first."""
        return deploy.stack_names(self.templates)


@pytest.fixture(scope="module")
def deployment(start_gateway: Callable[[], Gateway], tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    """All stacks of dev, bootstrapped and deployed to a gateway of their own."""
    folder = tmp_path_factory.mktemp("deployment")
    templates = deploy.synth("dev", output=folder / "cdk.out", log=folder / "synth.log")
    gateway = start_gateway()
    # A new account may run one build at a time: the templates are to do with that.
    gateway.plant(quotas={"codebuild/L-5ED1D25B": 1})
    environment = {**runtime.environment(), "CDK_HOME": str(folder / "cdk-home")}
    deploy.bootstrap(environment, log=folder / "bootstrap.log")
    deploy.deploy(environment, output=templates, log=folder / "deploy.log")
    return Deployment(gateway, templates)


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    """One Redshift endpoint for the whole module."""
    with running_endpoint(tmp_path_factory.mktemp("redshift")) as running:
        yield running


@pytest.fixture
def session(endpoint: Endpoint) -> Iterator[psycopg.Connection[Any]]:
    """The administrator's session with an empty schema `s`, in which it looks first."""
    with endpoint.connect() as connection:
        connection.execute("drop schema if exists s cascade; create schema s; set search_path to s")
        yield connection
