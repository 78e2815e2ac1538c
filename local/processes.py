"""Child processes of the local runtime: each in a session of its own, with a log and a process-id file.

A process is only ever stopped by its id, and only while that id still belongs to it: the file records the
process' start time, so a reused id is never signalled.
"""

from __future__ import annotations

import fcntl
import json
import os
import random
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from local.layout import HOST, home, log_file

STOP_TIMEOUT_SECONDS = 10.0
KILL_TIMEOUT_SECONDS = 5.0
PORTS = range(15_000, 32_000)
"""Below the ports that systems hand out by themselves: nobody is given one between its choice and its use."""
PORT_TRIES = 200
CLAIM_SECONDS = 120
"""For so long a preferred port is its platform's, though nothing may listen on it yet."""


@dataclass(frozen=True)
class Process:
    """A started process: its name, its id (which is also its session and process-group id) and its log."""

    name: str
    pid: int
    log: Path

    def running(self) -> bool:
        """Whether the process is alive (a zombie is not)."""
        return _started_at(self.pid) is not None


def spawn(
    name: str,
    argv: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> Process:
    """Start `argv` under `name`, its output appended to the log of that name.

    Raises RuntimeError when a process of that name is still running, FileNotFoundError when the program is
    missing.
    """
    known = find(name)
    if known is not None:
        raise RuntimeError(f"{name} is already running as process {known.pid}")
    log = log_file(name)
    with log.open("ab") as output:
        child = subprocess.Popen(
            [str(argument) for argument in argv],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=None if env is None else dict(env),
            cwd=cwd,
            start_new_session=True,
        )
    record = {"pid": child.pid, "started": _started_at(child.pid), "log": str(log)}
    _record(name).write_text(json.dumps(record))
    return Process(name, child.pid, log)


def find(name: str) -> Process | None:
    """The running process called `name`, if there is one."""
    record = _record(name)
    if not record.exists():
        return None
    known = json.loads(record.read_text())
    if known["started"] is None or _started_at(known["pid"]) != known["started"]:
        return None
    return Process(name, known["pid"], Path(known["log"]))


def names() -> list[str]:
    """Names of all processes recorded, running or not, the last started first."""
    records = (home() / "pids").glob("*.json")
    return [path.stem for path in sorted(records, key=lambda path: -path.stat().st_mtime)]


def stop(name: str, *, timeout: float = STOP_TIMEOUT_SECONDS) -> None:
    """End the process called `name` and its whole process group: SIGTERM, then SIGKILL after `timeout` s."""
    process = find(name)
    if process is not None:
        _signal_group(process.pid, signal.SIGTERM)
        _wait(process, timeout)
        # The leader may be gone while others of its group are not.
        _signal_group(process.pid, signal.SIGKILL)
        _wait(process, KILL_TIMEOUT_SECONDS)
    _record(name).unlink(missing_ok=True)


def end_group(name: str) -> None:
    """Kill what a process called `name`, itself gone, has left of its process group."""
    record = _record(name)
    if record.exists() and find(name) is None:
        _signal_group(json.loads(record.read_text())["pid"], signal.SIGKILL)


def stop_all(*, spare: int | None = None) -> list[str]:
    """Stop every recorded process but the one with the id `spare`; return their names.

    Engines (the first word of a name) end beside each other, the processes of one in turn, the last started
    first: a broker wants its controller until it has ended.
    """
    engines: dict[str, list[str]] = {}
    for name in names():
        process = find(name)
        if spare is None or process is None or process.pid != spare:
            engines.setdefault(name.partition("-")[0], []).append(name)

    def stop_engine(members: list[str]) -> None:
        for name in members:
            stop(name)

    with ThreadPoolExecutor() as pool:
        list(pool.map(stop_engine, engines.values()))
    return [name for members in engines.values() for name in members]


def free_port(preferred: int) -> int:
    """`preferred` if it is nobody's (0: no wish), else one of PORTS that is free, at random."""
    for port in (preferred, *random.sample(PORTS, PORT_TRIES)):
        if port and port == preferred and not _claim(port):
            continue
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            if port:
                return port
    raise OSError("no free port on this machine")


def _claim(port: int) -> bool:
    """Note that this platform takes `port`; False if another one has just done so.

    Two that start at the same time would both find it free, and one's clients would reach the other's server.
    """
    folder = Path(tempfile.gettempdir()) / f"refstack-ports-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    with (folder / str(port)).open("a+") as note:
        fcntl.flock(note, fcntl.LOCK_EX)
        note.seek(0)
        recent = time.time() - os.fstat(note.fileno()).st_mtime < CLAIM_SECONDS
        if recent and note.read() not in ("", str(home())):
            return False
        note.truncate(0)
        note.write(str(home()))
        return True


def listening(port: int) -> bool:
    """Whether something accepts connections on `port` of the loopback address."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        return probe.connect_ex((HOST, port)) == 0


def _record(name: str) -> Path:
    folder = home() / "pids"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{name}.json"


def _wait(process: Process, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while process.running() and time.monotonic() < deadline:
        time.sleep(0.05)
    _reap(process.pid)


def _signal_group(pid: int, number: signal.Signals) -> None:
    try:
        os.killpg(pid, number)
    except (ProcessLookupError, PermissionError):
        return


def _reap(pid: int) -> None:
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return


def _started_at(pid: int) -> str | None:
    """Start time of a live process, in the system's own unit; None once it is gone or a zombie."""
    stat = Path(f"/proc/{pid}/stat")
    if stat.parent.parent.joinpath("self").exists():
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            return None
        return None if fields[0] in {"Z", "X"} else fields[19]
    shown = subprocess.run(
        ["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    ).stdout.split(maxsplit=1)
    return None if len(shown) < 2 or shown[0].startswith("Z") else shown[1].strip()
