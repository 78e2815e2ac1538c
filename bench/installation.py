"""`python -m bench.installation`: a set-up from empty caches as a ratio to bare downloads of the same files.

Both fetch side by side, one after the other, on the same machine and network: 1.5 GB each, into a temporary
folder.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
import urllib.request
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from local import jars
from local.layout import ROOT, tools_dir
from local.toolchain import (
    AIRFLOW_PACKAGES,
    AIRFLOW_PROVIDERS,
    AIRFLOW_VERSION,
    CDK_CLI_VERSION,
    IMAGE_LOCKS,
)
from local.tools import Tools

LIMIT = 1.5
SIDE_BY_SIDE = 16
JAR = "org.slf4j:slf4j-reload4j:1.7.36"
"""A small one, of which Ivy says where it came from."""


def run_setup(environment: Mapping[str, str]) -> float:
    """Seconds that a set-up takes."""
    started = time.monotonic()
    subprocess.run([sys.executable, "-m", "local.toolchain"], cwd=ROOT, env=environment, check=True)
    return time.monotonic() - started


def addresses(tools: Tools, environment: Mapping[str, str]) -> set[str]:
    """Addresses of every file that the set-up has fetched, as the machine's own registries give them."""
    locks = [jars.LOCKS / "main.txt", jars.LOCKS / "gateway.txt", *IMAGE_LOCKS]
    requirements = [[str(lock), "--no-deps"] for lock in locks]
    airflow = tools.root / "airflow.in"
    airflow.write_text("\n".join([f"apache-airflow=={AIRFLOW_VERSION}", *AIRFLOW_PROVIDERS]))
    requirements.append([str(airflow), "--constraint", str(AIRFLOW_PACKAGES)])
    found = {address for each in requirements for address in _packages(tools, each, environment)}
    shown = subprocess.run(
        [tools.node, tools.npm, "view", f"aws-cdk@{CDK_CLI_VERSION}", "dist.tarball"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return found | {shown.stdout.strip()} | _jars()


def _packages(tools: Tools, requirements: list[str], environment: Mapping[str, str]) -> Iterable[str]:
    command = ["pip", "compile", "--quiet", "--format", "pylock.toml", "--python", str(tools.main_python)]
    done = subprocess.run(
        [str(tools.uv), *command, *requirements], env=environment, capture_output=True, text=True, check=True
    )
    for package in tomllib.loads(done.stdout)["packages"]:
        [first, *_] = package.get("wheels") or [package["sdist"]]
        yield first["url"]


def _jars() -> set[str]:
    group, artifact, version = JAR.split(":")
    with tempfile.TemporaryDirectory() as folder:
        jars.ivy(Path(folder), [JAR], transitive=False)
        [record] = Path(folder).rglob(f"ivydata-{version}.properties")
        lines = [line for line in record.read_text().splitlines() if "location=" in line and ".jar" in line]
    path = f"{group.replace('.', '/')}/{artifact}/{version}/{artifact}-{version}.jar"
    [root] = {line.partition("location=")[2].replace("\\", "").removesuffix(path) for line in lines}
    return {
        f"{root}{jar.group.replace('.', '/')}/{jar.artifact}/{jar.version}/{jar.file}"
        for name in jars.SETS
        for jar in jars.locked(name)
    }


def download(found: Iterable[str], folder: Path) -> tuple[float, int]:
    """Download files side by side; seconds, and how many bytes they have."""

    def fetch(numbered: tuple[int, str]) -> int:
        number, address = numbered
        target = folder / str(number)
        with urllib.request.urlopen(address) as answer, target.open("wb") as file:  # noqa: S310
            shutil.copyfileobj(answer, file, 1 << 20)
        size = target.stat().st_size
        target.unlink()
        return size

    started = time.monotonic()
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        sizes = list(pool.map(fetch, enumerate(found)))
    return time.monotonic() - started, sum(sizes)


def main() -> int:
    """Print both times and their ratio; 1 when it is over the limit."""
    with tempfile.TemporaryDirectory(prefix="refstack-setup-") as scratch:
        folder = Path(scratch)
        os.environ |= {
            "REFSTACK_TOOLS": str(folder / "tools"),
            "UV_CACHE_DIR": str(folder / "uv"),
            "PIP_CACHE_DIR": str(folder / "pip"),
            "npm_config_cache": str(folder / "npm"),
        }
        seconds = run_setup(os.environ)
        tools = Tools(tools_dir())
        found = list(addresses(tools, os.environ))
        # What is largest decides when all are there.
        bare, size = download(
            sorted(found, key=lambda one: ("pyspark" not in one, "bundle" not in one)), folder
        )
    ratio = seconds / bare
    print(
        json.dumps(
            {
                "setup_seconds": round(seconds, 1),
                "bare_seconds": round(bare, 1),
                "files": len(found),
                "megabytes": round(size / 1e6),
                "ratio": round(ratio, 2),
                "limit": LIMIT,
            }
        )
    )
    return 1 if ratio > LIMIT else 0


if __name__ == "__main__":
    sys.exit(main())
