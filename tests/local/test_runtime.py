"""Starting the embedded AWS: every mistake that a user can mend is one sentence."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections import namedtuple
from pathlib import Path

import pytest

from local import layout, processes, runtime
from local.errors import UserFacingError

Usage = namedtuple("Usage", "total used free")


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("REFSTACK_HOME", str(tmp_path / "local"))
    monkeypatch.setenv("REFSTACK_PORT", str(processes.free_port(0)))
    return tmp_path / "local"


def command(name: str) -> subprocess.Popen[str]:
    """One of the Makefile's commands, in a session of its own so that it can be interrupted alone."""
    return subprocess.Popen(
        [sys.executable, "-m", "local.cli", name],
        cwd=layout.ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def test_a_port_in_use_is_told_with_the_way_out() -> None:
    with socket.create_server(("127.0.0.1", layout.gateway_port())):
        shown = command("up")
        told, _ = shown.communicate(timeout=60)
    assert shown.returncode == 1
    assert f"Port {layout.gateway_port()} is in use by another program" in told
    assert "REFSTACK_PORT=" in told
    assert "Traceback" not in told


def test_a_full_disk_is_told_before_anything_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(100, 99, 2**20))
    with pytest.raises(UserFacingError, match=r"Only 0\.0 GB are free .* 3 GB are needed"):
        runtime.start(fresh=True)
    assert processes.names() == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to run PostgreSQL as somebody else")
def test_a_machine_without_a_way_to_run_postgresql_is_told_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserFacingError, match=r"refuses to run as root: .* install setpriv"):
        runtime.start(fresh=True)
    assert [name for name in processes.names() if processes.find(name)] == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_half_way_stops_everything_and_the_next_start_works(
    own_home: Path, number: signal.Signals
) -> None:
    shown = command("up")
    deadline = time.monotonic() + 90
    while not processes.listening(layout.gateway_port()):
        assert shown.poll() is None, shown.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.1)
    os.kill(shown.pid, number)
    told, _ = shown.communicate(timeout=90)
    assert shown.returncode == 130
    assert "Interrupted" in told
    assert [name for name in processes.names() if processes.find(name)] == []
    assert not processes.listening(layout.gateway_port())
    runtime.start(fresh=True)
    assert runtime.running()
    runtime.stop()
    assert not processes.listening(layout.gateway_port())


def test_down_says_when_nothing_runs() -> None:
    shown = command("down")
    told, _ = shown.communicate(timeout=60)
    assert (shown.returncode, told.strip()) == (0, "Stopped: nothing was running.")
