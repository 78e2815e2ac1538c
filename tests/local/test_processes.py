"""Child processes: started once, found by name, stopped by id and only while the id is theirs."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import time
from pathlib import Path

import pytest

from local import processes

SLEEP = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)"]


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("REFSTACK_HOME", str(tmp_path))
    return tmp_path


def test_a_started_process_is_found_logged_and_stopped() -> None:
    started = processes.spawn("sleeper", SLEEP)
    assert processes.find("sleeper") == started
    deadline = time.monotonic() + 60
    while "up" not in started.log.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    processes.stop("sleeper")
    assert not started.running()
    assert processes.find("sleeper") is None


def test_a_second_process_of_the_same_name_is_refused() -> None:
    processes.spawn("sleeper", SLEEP)
    with pytest.raises(RuntimeError, match="sleeper is already running"):
        processes.spawn("sleeper", SLEEP)
    processes.stop("sleeper")


def test_a_stop_ends_the_children_too() -> None:
    script = (
        "import subprocess, time; child = subprocess.Popen(['sleep', '60']); "
        "print(child.pid, flush=True); time.sleep(60)"
    )
    started = processes.spawn("parent", [sys.executable, "-c", script])
    deadline = time.monotonic() + 60
    while not started.log.read_text().strip():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    child = int(started.log.read_text())
    processes.stop("parent")
    deadline = time.monotonic() + 60
    while Path(f"/proc/{child}").exists() and "Z" not in Path(f"/proc/{child}/stat").read_text():
        assert time.monotonic() < deadline, "the child outlived its parent"
        time.sleep(0.05)


def test_a_process_that_ignores_sigterm_is_killed() -> None:
    script = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
        "print('up', flush=True); time.sleep(60)"
    )
    started = processes.spawn("stubborn", [sys.executable, "-c", script])
    deadline = time.monotonic() + 60
    while "up" not in started.log.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    processes.stop("stubborn", timeout=0.3)
    assert not started.running()


def test_a_reused_process_id_is_never_signalled(own_home: Path) -> None:
    bystander = processes.spawn("bystander", SLEEP)
    record = own_home / "pids" / "gone.json"
    record.write_text(json.dumps({"pid": bystander.pid, "started": "1", "log": "x"}))
    processes.stop("gone")
    assert bystander.running()
    assert not record.exists()
    os.killpg(bystander.pid, signal.SIGKILL)


def test_a_preferred_port_is_for_a_while_the_platform_s_that_asked_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = processes.free_port(0)
    assert processes.free_port(port) == port
    monkeypatch.setenv("REFSTACK_HOME", str(tmp_path / "other"))
    assert processes.free_port(port) != port
    monkeypatch.setattr(processes, "CLAIM_SECONDS", 0)
    assert processes.free_port(port) == port


def test_a_free_port_is_the_preferred_one_unless_it_is_taken() -> None:
    port = processes.free_port(0)
    assert processes.free_port(port) == port
    with socket.create_server(("127.0.0.1", port)):
        assert processes.listening(port)
        assert processes.free_port(port) != port
