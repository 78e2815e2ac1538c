"""Spark's history server: it shows what the event logs hold, to this machine only."""

from __future__ import annotations

import json
import socket
import time
from pathlib import Path

import pytest
import requests

from local import processes, spark_history
from local.errors import UserFacingError

START = {"Event": "SparkListenerApplicationStart", "App Name": "build_facts", "App ID": "app-1", "User": "me"}
EVENTS = [
    {"Event": "SparkListenerLogStart", "Spark Version": "3.5.6"},
    {**START, "Timestamp": 1_357_000_000_000},
    {"Event": "SparkListenerApplicationEnd", "Timestamp": 1_357_000_060_000},
]
LOG = "".join(json.dumps(event) + "\n" for event in EVENTS)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("REFSTACK_HOME", str(tmp_path))
    return tmp_path


def test_serves_them_on_this_machine_s_own_address_only(home: Path) -> None:
    events = home / "spark-history" / "events"
    events.mkdir(parents=True)
    (events / "app-1").write_text(LOG)
    (home / "spark-history" / "tmp").mkdir()

    address = spark_history.serve(home / "spark-history")
    try:
        deadline = time.monotonic() + 60
        while not (found := requests.get(f"{address}/api/v1/applications", timeout=60).json()):
            assert time.monotonic() < deadline, "the log was not read"
            time.sleep(0.2)
        assert [(one["id"], one["name"]) for one in found] == [("app-1", "build_facts")]
        port = int(address.rpartition(":")[2])
        with socket.socket() as other:
            other.settimeout(2)
            assert other.connect_ex(("127.0.0.2", port)) != 0
    finally:
        processes.stop(spark_history.SERVER)


def test_without_an_embedded_aws_it_says_what_to_do(home: Path) -> None:
    with pytest.raises(UserFacingError, match="Run `make up`"):
        spark_history.start()
