"""Lambda functions under moto, loaded as the runtime loads them: by file, with their environment."""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import boto3
import pytest
from aws_lambda_powertools.utilities import parameters
from moto import mock_aws

from local.pipeline import SOURCE_PATHS
from local.replay.__main__ import ReplayServer

LAMBDAS = Path(__file__).parents[2] / "lambdas"


@dataclass
class LambdaContext:
    """What the runtime passes beside the event."""

    function_name: str = "function"
    memory_limit_in_mb: int = 256
    invoked_function_arn: str = "arn:aws:lambda:us-east-1:123456789012:function:function"
    aws_request_id: str = "request-1"
    remaining_milliseconds: int = 300_000

    def get_remaining_time_in_millis(self) -> int:
        return self.remaining_milliseconds


@pytest.fixture
def context() -> type[LambdaContext]:
    return LambdaContext


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An empty AWS account in memory."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    with mock_aws():
        yield


@pytest.fixture
def load(aws: None, monkeypatch: pytest.MonkeyPatch) -> Callable[..., ModuleType]:
    """Load a function's handler module with this environment, as a cold start does."""

    def cold_start(function: str, **environment: str) -> ModuleType:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        path = LAMBDAS / function / "handler.py"
        spec = importlib.util.spec_from_file_location(f"{function}_handler", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return cold_start


class CountingReplay(ReplayServer):
    """The replay of the sources, noting each request and its agent."""

    def __init__(self) -> None:
        super().__init__(0)
        self.asked: list[str] = []
        self.agents: list[str | None] = []
        noted, agents = self.asked, self.agents

        class Handler(self.RequestHandlerClass):  # type: ignore[name-defined,misc]
            def log_request(self, *_: object) -> None:
                noted.append(self.path)
                agents.append(self.headers["User-Agent"])

        self.RequestHandlerClass = Handler


@pytest.fixture(scope="session")
def running_replay() -> Iterator[CountingReplay]:
    server = CountingReplay()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def replay(running_replay: CountingReplay) -> CountingReplay:
    """The replay, with nothing asked yet."""
    running_replay.asked.clear()
    running_replay.agents.clear()
    return running_replay


@pytest.fixture
def source_parameters(aws: None, replay: CountingReplay) -> None:
    """The parameters that tell the functions where the sources are, pointing at the replay."""
    parameters.clear_caches()
    ssm = boto3.client("ssm")
    for name, path in SOURCE_PATHS.items():
        ssm.put_parameter(Name=f"/refstack/dev/sources/{name}", Value=replay.url + path, Type="String")
    ssm.put_parameter(Name="/refstack/dev/ingestion/client", Value="{}", Type="String")
