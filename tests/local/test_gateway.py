"""The gateway: ready when complete, on the loopback address only, gone after SIGTERM."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
import urllib.request

import pytest

from local import layout, processes
from local.gateway import READY_PATH
from local.toolchain import tools

pytestmark = pytest.mark.gateway


def test_is_ready_once_it_answers(gateway):
    with urllib.request.urlopen(f"{gateway.url}{READY_PATH}") as answer:
        assert json.load(answer)["home"] == str(gateway.home)


def test_listens_on_the_loopback_address_only(gateway):
    pid = processes.find("gateway").pid
    shown = subprocess.run(["ss", "-ltnpH"], capture_output=True, text=True, check=True).stdout
    bound = [line.split()[3] for line in shown.splitlines() if f"pid={pid}," in line]
    assert bound == [f"127.0.0.1:{gateway.url.rpartition(':')[2]}"]


def test_an_operation_that_is_nowhere_implemented_is_refused_by_name(gateway):
    with pytest.raises(Exception, match="accessanalyzer StartPolicyGeneration is not emulated"):
        gateway.client("accessanalyzer").start_policy_generation(
            policyGenerationDetails={"principalArn": "arn:aws:iam::000000000000:role/x"}
        )


def test_a_taken_port_is_one_sentence(gateway, tmp_path):
    port = gateway.url.rpartition(":")[2]
    env = {
        **os.environ,
        "PYTHONPATH": str(layout.ROOT),
        "REFSTACK_PORT": port,
        "REFSTACK_HOME": str(tmp_path),
    }
    ended = subprocess.run(
        [tools().gateway_python, "-m", "local.gateway"],
        env=env,
        cwd=layout.ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == 1
    assert ended.stderr.strip() == f"Port {port} is in use: stop what listens there, or set REFSTACK_PORT."


def test_sigterm_ends_it_and_its_children(start_gateway):
    gateway = start_gateway()
    gateway_process = processes.find("gateway")
    sleeper = processes.spawn("engine", ["sleep", "600"])
    os.kill(gateway_process.pid, signal.SIGTERM)
    deadline = time.monotonic() + 60
    while gateway_process.running() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not gateway_process.running()
    assert not sleeper.running()
    assert not processes.listening(int(gateway.url.rpartition(":")[2]))
