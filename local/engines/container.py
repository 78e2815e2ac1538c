"""Containers: one process of an image's entry point, with an environment of its own and nothing of ours."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from local import processes
from local.engines.image import Image
from local.layout import log_file

POLL_SECONDS = 0.1
DELIVER_SECONDS = 1.0
KILLED = 137
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
SHELL = """trap : TERM; "$@"; echo $? >"$EXIT_CODE_FILE" """
"""Keeps the program's exit code, also when the signal that ends the process group reaches this shell."""

Sink = Callable[[list[str]], None]
"""Takes the lines that the program has written since the last time."""


@dataclass(frozen=True)
class Container:
    """What is to run. `folder` is the container's own; `mounts` are the paths that it may write to."""

    name: str
    image: Image
    folder: Path
    command: Sequence[str]
    environment: Mapping[str, str]
    mounts: Sequence[str] = ()
    stop_seconds: float = 30.0

    def arguments(self) -> list[str]:
        """The entry point with the command: the task's, else the image's."""
        stage = self.image.stage
        return [*stage.entrypoint, *(self.command or stage.command)]

    def variables(self) -> dict[str, str]:
        """The process' environment: the image's, its paths where they are here, and the container's."""
        own = {name: self._here(value) for name, value in self.image.stage.environment.items()}
        path = own.get("PATH", SYSTEM_PATH).replace("$PATH", SYSTEM_PATH).replace("${PATH}", SYSTEM_PATH)
        return {"LANG": "C.UTF-8", **own, **self.environment, "PATH": path}

    def working_folder(self) -> Path:
        return self.image.root / self.image.stage.folder.lstrip("/")

    def _here(self, value: str) -> str:
        """A variable's value with each absolute path of the image where it is on this machine."""
        return ":".join(self._path(part) for part in value.split(":"))

    def _path(self, path: str) -> str:
        for mount in self.mounts:
            if path == mount or path.startswith(f"{mount}/"):
                return str(self.folder / "mounts" / path.lstrip("/"))
        inside = self.image.root / path.lstrip("/")
        return str(inside) if path.startswith("/") and inside.exists() else path


def run(container: Container, stopped: threading.Event, sink: Sink) -> int:
    """Run the container to its end and return its exit code; `stopped` ends it. Its lines go to `sink`."""
    name = f"container-{container.name}"
    exit_file = container.folder / "exit-code"
    for mount in container.mounts:
        (container.folder / "mounts" / mount.lstrip("/")).mkdir(parents=True, exist_ok=True)
    log = log_file(name)
    log.unlink(missing_ok=True)
    process = processes.spawn(
        name,
        ["/bin/sh", "-c", SHELL, "sh", *container.arguments()],
        env={**container.variables(), "EXIT_CODE_FILE": str(exit_file)},
        cwd=container.working_folder(),
    )
    lines = _Lines(log, sink)
    try:
        while process.running():
            lines.deliver()
            if stopped.wait(POLL_SECONDS):
                processes.stop(name, timeout=container.stop_seconds)
    finally:
        processes.stop(name)
        lines.deliver(last=True)
        log.unlink(missing_ok=True)
        shutil.rmtree(container.folder / "mounts", ignore_errors=True)
    return int(exit_file.read_text()) if exit_file.exists() else KILLED


class _Lines:
    """Follows a growing file, and hands over whole lines about every second."""

    def __init__(self, path: Path, sink: Sink) -> None:
        self._path = path
        self._sink = sink
        self._position = 0
        self._due = time.monotonic() + DELIVER_SECONDS

    def deliver(self, *, last: bool = False) -> None:
        if not last and time.monotonic() < self._due:
            return
        self._due = time.monotonic() + DELIVER_SECONDS
        with self._path.open("rb") as file:
            file.seek(self._position)
            content = file.read()
        whole = content if last else content[: content.rfind(b"\n") + 1]
        self._position += len(whole)
        if whole:
            self._sink(whole.decode(errors="replace").splitlines())
