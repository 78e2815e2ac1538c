"""Jars from the machine's Maven repositories, by exact coordinates and SHA-256.

`local/locks/<set>.txt` has a line per jar: group:artifact:version, and its SHA-256. What is locked is
fetched by Ivy, which comes with Spark: several processes side by side, which ask for jars only, not for what
those need (POMs). `python -m local.jars [set ...]` resolves the sets anew and writes their locks.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from xml.sax.saxutils import quoteattr

from local.layout import ROOT, tools_dir
from local.tools import ToolchainError, java_environment, run, tools

LOCKS = ROOT / "local" / "locks"
KAFKA_VERSION = "3.8.1"
SPARK_PACKAGES = (
    "org.apache.spark:spark-sql-kafka-0-10_2.12:3.5.7",
    "org.apache.spark:spark-avro_2.12:3.5.7",
    "software.amazon.msk:aws-msk-iam-auth:2.3.2",
)
"""What a streaming job names in --packages: the same coordinates here and on EMR."""
IVY_PROCESSES = 3
"""Ivy fetches one jar after the other, mostly waiting for answers: so many of them work on a set."""


@dataclass(frozen=True)
class JarSet:
    """A folder of jars: the artifacts that are wanted, and groups that somebody else brings along."""

    roots: tuple[str, ...]
    without: tuple[str, ...] = ()


SETS = {
    "jars": JarSet(("org.apache.hadoop:hadoop-aws:3.3.4",)),
    "spark-packages": JarSet(
        SPARK_PACKAGES,
        # Spark has its own jars of these.
        ("org.apache.hadoop", "org.scala-lang", "com.fasterxml.jackson.core", "io.netty", "org.slf4j"),
    ),
    "kafka": JarSet((f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}", "org.slf4j:slf4j-reload4j:1.7.36")),
}


class Jar(NamedTuple):
    """A locked jar."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def file(self) -> str:
        return f"{self.artifact}-{self.version}.jar"


def lock_file(name: str) -> Path:
    """The lock of a set."""
    return LOCKS / f"{name}.txt"


def locked(name: str) -> list[Jar]:
    """The jars of a set, in the lock's order. Raises ToolchainError when a line is not one with its hash."""
    jars = []
    for line in lock_file(name).read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        coordinates, _, digest = line.partition(" sha256:")
        parts = coordinates.split(":")
        if len(parts) != 3 or len(digest) != 64:
            raise ToolchainError(f"{lock_file(name)}: {line!r} is not group:artifact:version sha256:…")
        jars.append(Jar(parts[0], parts[1], parts[2], digest))
    return jars


def fetch(name: str) -> None:
    """Make the folder `name` of the tools hold exactly the locked jars; only those that lack are fetched.

    A jar gets into the folder once its hash is right. What an interrupted Ivy has completed is kept for the
    next call. Raises ToolchainError.
    """
    folder, scratch, wanted = tools_dir() / name, tools_dir() / f"ivy-{name}", locked(name)
    folder.mkdir(parents=True, exist_ok=True)
    names = {jar.file for jar in wanted}
    for path in folder.iterdir():
        if path.name not in names:
            path.unlink()
    missing = [jar for jar in wanted if not _holds(folder / jar.file, jar)]
    # By the place in the lock: after an interruption each process finds again what it had completed.
    shares = [[jar for jar in wanted[one::IVY_PROCESSES] if jar in missing] for one in range(IVY_PROCESSES)]
    with ThreadPoolExecutor(IVY_PROCESSES) as pool:
        for done in [
            pool.submit(_fetch_share, share, folder, scratch / str(number))
            for number, share in enumerate(shares)
            if share
        ]:
            done.result()
    shutil.rmtree(scratch, ignore_errors=True)


def _fetch_share(jars: Sequence[Jar], folder: Path, scratch: Path) -> None:
    coordinates = [f"{jar.group}:{jar.artifact}:{jar.version}" for jar in jars]
    fetched = ivy(scratch, coordinates, transitive=False)
    for jar in jars:
        path = fetched / jar.group / f"{jar.artifact}@{jar.version}.jar"
        if not path.exists():
            raise ToolchainError(
                f"{jar.artifact} {jar.version} was not found in the Maven repositories of this machine"
            )
        if not _holds(path, jar):
            shutil.rmtree(scratch)
            raise ToolchainError(
                f"{jar.file} from the Maven repositories of this machine is not the jar that {LOCKS} has: "
                "its SHA-256 is another"
            )
        path.replace(folder / jar.file)


def _holds(path: Path, jar: Jar) -> bool:
    return path.exists() and _sha256(path) == jar.sha256


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def renew(name: str) -> None:
    """Resolve the set's artifacts with what they need, and write its lock. Raises ToolchainError."""
    chosen, scratch = SETS[name], tools_dir() / f"ivy-{name}-lock"
    shutil.rmtree(scratch, ignore_errors=True)
    found = ivy(scratch, chosen.roots, transitive=True, without=chosen.without)
    if not found.is_dir():
        raise ToolchainError(
            f"{', '.join(chosen.roots)} was not found in the Maven repositories of this machine"
        )
    lines = []
    for path in sorted(found.glob("*/*.jar")):
        artifact, _, version = path.stem.partition("@")
        lines.append(f"{path.parent.name}:{artifact}:{version} sha256:{_sha256(path)}\n")
    without = f", without {', '.join(chosen.without)}" if chosen.without else ""
    header = (
        f"# What {', '.join(chosen.roots)} need{without}.\n"
        f"# Resolved by Ivy; renew: .tools/main/bin/python -m local.jars {name}\n"
    )
    lock_file(name).write_text(header + "".join(lines))
    shutil.rmtree(scratch)


def ivy(scratch: Path, coordinates: Sequence[str], *, transitive: bool, without: Iterable[str] = ()) -> Path:
    """Have Ivy fetch artifacts; the folder in which they are, as group/artifact@version.jar.

    `scratch` is its cache: what it holds is not fetched again.
    """
    scratch.mkdir(parents=True, exist_ok=True)
    settings, module, fetched = scratch / "settings.xml", scratch / "ivy.xml", scratch / "fetched"
    settings.write_text(SETTINGS.format(usepoms=str(transitive).lower()))
    parts = [coordinate.split(":") for coordinate in coordinates]
    module.write_text(
        '<ivy-module version="2.0"><info organisation="refstack" module="tools"/><dependencies>'
        + "".join(
            f"<dependency org={quoteattr(group)} name={quoteattr(artifact)} rev={quoteattr(version)} "
            f'conf="*->default" transitive="{str(transitive).lower()}"/>'
            for group, artifact, version in parts
        )
        + "".join(f"<exclude org={quoteattr(group)}/>" for group in without)
        + "</dependencies></ivy-module>"
    )
    certificates = Path("/etc/ssl/certs/java/cacerts")
    trust = [f"-Djavax.net.ssl.trustStore={certificates}"] if certificates.exists() else []
    [program] = tools().fetching_jars.glob("ivy-*.jar")
    shutil.rmtree(fetched, ignore_errors=True)
    run(
        [
            tools().fetching_java_home / "bin" / "java",
            *trust,
            *("-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", program),
            *("org.apache.ivy.Main", "-settings", settings, "-cache", scratch / "cache", "-ivy", module),
            *("-confs", "default", "-retrieve", "fetched/[organisation]/[artifact]@[revision].[ext]"),
        ],
        f"fetch {', '.join(artifact for _, artifact, _ in parts[:3])}{' and more' if parts[3:] else ''}",
        env=java_environment(),
        folder=scratch,
        reasons=("Server access error", "not found"),
    )
    return fetched


SETTINGS = """\
<ivysettings>
  <settings defaultResolver="default"/>
  <resolvers><ibiblio name="public" m2compatible="true" usepoms="{usepoms}" checksums=""/></resolvers>
  <include url="${{ivy.default.settings.dir}}/ivysettings-shared.xml"/>
  <include url="${{ivy.default.settings.dir}}/ivysettings-local.xml"/>
  <include url="${{ivy.default.settings.dir}}/ivysettings-main-chain.xml"/>
  <include url="${{ivy.default.settings.dir}}/ivysettings-default-chain.xml"/>
</ivysettings>
"""
"""Ivy's own settings, less the POMs of what is locked, and the checksums beside it: the lock has better."""


def main() -> int:
    """Renew the locks that the command line names, all by default; 1 and a sentence when one cannot be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sets", nargs="*", metavar="set", choices=[[], *SETS], help=", ".join(SETS))
    for name in parser.parse_args().sets or list(SETS):
        try:
            renew(name)
        except (ToolchainError, OSError) as problem:
            print(f"The lock of {name} was not renewed: {problem}", file=sys.stderr)
            return 1
        print(f"{lock_file(name)}: {len(locked(name))} jars")
    return 0


if __name__ == "__main__":
    sys.exit(main())
