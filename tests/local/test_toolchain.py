"""Set-up: side by side in the right order, complete or repeated, jars exactly as locked."""

from __future__ import annotations

import fcntl
import hashlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from local import jars, layout, toolchain
from local.tools import ToolchainError, tools


@pytest.fixture
def own_tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of tools, but for what Ivy comes with."""
    installed = tools().main_python.parents[1]
    monkeypatch.setenv("REFSTACK_TOOLS", str(tmp_path / "tools"))
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "ivy").symlink_to(installed)
    return tmp_path / "tools"


@pytest.fixture
def components(own_tools: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Replaces the components: name → how it is installed, and what it needs."""

    def replace(**given: tuple[Callable[[], None], tuple[str, ...]]) -> None:
        made = {name: toolchain.Component(name, how, (name,), needs) for name, (how, needs) in given.items()}
        monkeypatch.setattr(toolchain, "COMPONENTS", made)

    return replace


def quiet(_: str) -> None:
    """Says nothing."""


def nothing() -> None:
    """Installs nothing."""


def test_what_does_not_need_each_other_is_installed_side_by_side(components: Callable[..., None]) -> None:
    both, order = threading.Barrier(2), []

    def meet() -> None:
        both.wait(timeout=60)

    components(
        first=(lambda: order.append("first"), ()),
        left=(meet, ("first",)),
        right=(meet, ("first",)),
        last=(lambda: order.append("last"), ("left", "right")),
    )
    toolchain.install(["last", "left", "right", "first"], say=quiet)

    assert order == ["first", "last"]


def test_what_is_done_is_kept_when_something_else_fails(components: Callable[..., None]) -> None:
    failed, done, said = threading.Event(), [], []

    def fail() -> None:
        failed.set()
        raise ToolchainError("Could not install it: no network")

    def finish() -> None:
        failed.wait(timeout=60)
        done.append("other")

    after = (lambda: done.append("after"), ("broken",))
    components(broken=(fail, ()), other=(finish, ()), after=after)
    with pytest.raises(ToolchainError, match="no network"):
        toolchain.install(["broken", "other", "after"], say=said.append)
    components(broken=(nothing, ()), other=(fail, ()), after=after)
    toolchain.install(["broken", "other", "after"], say=quiet)

    assert done == ["other", "after"]
    assert "Setting up broken: failed; waiting for what is under way" in said


def test_a_folder_is_made_anew_after_an_interruption(tmp_path: Path) -> None:
    found = []
    for interrupted in (True, False, False):
        try:
            with toolchain._finished(tmp_path / "main") as again:
                found.append(again)
                if interrupted:
                    raise KeyboardInterrupt
        except KeyboardInterrupt:
            pass

    assert found == [False, True, False]


@pytest.mark.parametrize("name", ["REFSTACK_TOOLS", "REFSTACK_HOME"])
@pytest.mark.parametrize("folder", ["a:b", "a,b", "a?b", "a#b"])
def test_a_path_that_cannot_work_is_told_before_anything_is_installed(
    tmp_path: Path, name: str, folder: str
) -> None:
    environment = {**os.environ, "REFSTACK_TOOLS": str(tmp_path / "tools"), name: str(tmp_path / folder)}
    ended = subprocess.run(
        [sys.executable, "-m", "local.toolchain"],
        cwd=layout.ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )

    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith(f"setup failed: {tmp_path / folder} has a {folder[1]!r} in its path")
    assert len(ended.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_the_children_of_a_killed_set_up_keep_the_next_one_waiting(own_tools: Path) -> None:
    program = (
        "from local import toolchain\nfrom local.tools import run\n"
        "argv = ['/bin/sh', '-c', 'echo $$ >started; exec sleep 600']\n"
        "part = toolchain.Component('', lambda: run(argv, 'wait', folder=toolchain.tools_dir()), (), ())\n"
        "toolchain.COMPONENTS = {'part': part}\n"
        "toolchain.install(['part'])\n"
    )
    killed = subprocess.Popen(
        [sys.executable, "-c", program], cwd=layout.ROOT, stdout=subprocess.PIPE, text=True
    )
    started = own_tools / "started"
    while not (started.exists() and started.read_text().strip()):
        assert killed.poll() is None
    killed.kill()
    killed.wait()

    with (own_tools / ".lock").open() as lock:
        with pytest.raises(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.kill(int(started.read_text()), signal.SIGKILL)
        fcntl.flock(lock, fcntl.LOCK_EX)


@pytest.mark.parametrize("name", jars.SETS)
def test_a_lock_has_what_is_wanted_once_and_nothing_that_spark_brings_along(name: str) -> None:
    wanted, chosen = jars.locked(name), jars.SETS[name]

    assert set(chosen.roots) <= {f"{jar.group}:{jar.artifact}:{jar.version}" for jar in wanted}
    assert len({jar.file for jar in wanted}) == len(wanted)
    assert not [jar for jar in wanted if jar.group in chosen.without]


@pytest.fixture
def repository(own_tools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository of this machine, with the jars `a` and `b`, and a lock of both."""
    for name in "ab":
        jar = tmp_path / "ivy" / "local" / "org.example" / name / "1.0" / "jars" / f"{name}.jar"
        jar.parent.mkdir(parents=True)
        jar.write_bytes(name.encode())
    monkeypatch.setattr(jars, "LOCKS", tmp_path)
    (tmp_path / "set.txt").write_text(
        "# a comment\n"
        + "".join(
            f"org.example:{name}:1.0 sha256:{hashlib.sha256(name.encode()).hexdigest()}\n" for name in "ab"
        )
    )
    alone = "-Dhttps.proxyHost=127.0.0.1 -Dhttps.proxyPort=1"
    monkeypatch.setenv("JAVA_TOOL_OPTIONS", f"-Divy.default.ivy.user.dir={tmp_path / 'ivy'} {alone}")
    return tmp_path / "ivy" / "local" / "org.example"


def held(own_tools: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (own_tools / "set").iterdir()}


def test_exactly_the_locked_jars_are_fetched_and_only_those_that_lack(
    own_tools: Path, repository: Path
) -> None:
    jars.fetch("set")
    assert held(own_tools) == {"a-1.0.jar": b"a", "b-1.0.jar": b"b"}
    (own_tools / "set" / "other-1.0.jar").touch()
    (own_tools / "set" / "b-1.0.jar").write_bytes(b"")  # as an interrupted copy leaves it
    (repository / "a" / "1.0" / "jars" / "a.jar").unlink()

    jars.fetch("set")

    assert held(own_tools) == {"a-1.0.jar": b"a", "b-1.0.jar": b"b"}
    assert [path.name for path in own_tools.iterdir() if path.name.startswith("ivy-")] == []


def test_a_jar_that_is_not_the_locked_one_is_refused(own_tools: Path, repository: Path) -> None:
    (repository / "b" / "1.0" / "jars" / "b.jar").write_bytes(b"another")

    with pytest.raises(ToolchainError, match=r"^b-1\.0\.jar from the Maven repositories .* SHA-256"):
        jars.fetch("set")

    assert "b-1.0.jar" not in held(own_tools)


def test_a_jar_that_cannot_be_had_is_named(own_tools: Path, repository: Path) -> None:
    (repository / "b" / "1.0" / "jars" / "b.jar").unlink()

    with pytest.raises(
        ToolchainError, match=r"^Could not fetch b: Server access .*b-1\.0\.jar.* run again\)$"
    ):
        jars.fetch("set")


def test_a_line_that_is_not_a_jar_is_named(repository: Path, tmp_path: Path) -> None:
    (tmp_path / "set.txt").write_text("org.example:a:1.0\n")

    with pytest.raises(ToolchainError, match=r"set\.txt: 'org\.example:a:1\.0' is not group:artifact"):
        jars.locked("set")
