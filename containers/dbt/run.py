"""Run dbt on the warehouse: are its sources fresh, build and test everything, write the documentation.

    python run.py --run-key KEY [--start DAY --end DAY] [--select MODEL ...]

The environment names the WORKGROUP and its DATABASE, where the artifacts go (RESULTS_URI), and where the
outcome of each test goes (QUALITY_URI). dbt logs in as the database user of the caller's IAM role, with a
password that holds for an hour and is handed on in this process' environment only. What was found is kept,
however the run ends; a failure ends with exit code 1, and the last line says what failed.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.exceptions import BotoCoreError, ClientError
from dbt.cli.main import dbtRunner, dbtRunnerResult

GATE = "dbt"
PROJECT = Path(__file__).resolve().parents[2] / "dbt"
"""The project in a checkout; an image says in DBT_PROJECT_DIR where it has it."""
ARTIFACTS = {
    "manifest.json": "application/json",
    "run_results.json": "application/json",
    "sources.json": "application/json",
    "catalog.json": "application/json",
    "static_index.html": "text/html",
}
"""What dbt leaves behind → its content type. The last one is the documentation, as a page of its own."""
NOT_BUILT = ("--exclude-resource-types", "exposure", "unit_test")
"""Exposures are only documented; unit tests are about the models' code, so they run where that changes."""
CREDENTIALS_SECONDS = 3600
NAMED_FAILURES = 5
TESTS = ("test", "source")
OUTCOMES = {"pass": "passed", "success": "passed", "warn": "passed", "fail": "failed"}
"""dbt's statuses → those of the quality results; a test that dbt skipped was not evaluated and has none."""


class RunError(Exception):
    """The run cannot start or has failed; the message is its last line."""


@dataclass(frozen=True)
class Settings:
    """The environment variables that the task definition sets."""

    workgroup: str
    database: str
    results_uri: str
    quality_uri: str
    project: Path

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Settings:
        """Raises RunError naming what is missing."""
        names = ("WORKGROUP", "DATABASE", "RESULTS_URI", "QUALITY_URI")
        missing = [name for name in names if not environment.get(name)]
        if missing:
            raise RunError(f"the environment lacks {', '.join(missing)}")
        project = Path(environment.get("DBT_PROJECT_DIR", PROJECT))
        workgroup, database, results, quality = (environment[name] for name in names)
        return cls(workgroup, database, results, quality, project)


@dataclass(frozen=True)
class Rule:
    """What one test found: a row of the table quality_results."""

    run_key: str
    gate: str
    table: str
    rule: str
    outcome: str
    observed: str | None
    message: str | None
    evaluated_at: str


def connection(settings: Settings) -> dict[str, str]:
    """The variables that profiles.yml reads: the workgroup's endpoint, and the caller's database user."""
    serverless = boto3.client("redshift-serverless")
    workgroup = serverless.get_workgroup(workgroupName=settings.workgroup)["workgroup"]
    credentials = serverless.get_credentials(
        workgroupName=settings.workgroup, dbName=settings.database, durationSeconds=CREDENTIALS_SECONDS
    )
    return {
        "REDSHIFT_HOST": workgroup["endpoint"]["address"],
        "REDSHIFT_PORT": str(workgroup["endpoint"]["port"]),
        "REDSHIFT_DATABASE": settings.database,
        "REDSHIFT_USER": credentials["dbUser"],
        "DBT_ENV_SECRET_REDSHIFT_PASSWORD": credentials["dbPassword"],
    }


class Dbt:
    """dbt in this process, so that the project is parsed once for all commands."""

    def __init__(self, project: Path, target: Path, variables: Mapping[str, str]) -> None:
        # Nothing is kept between runs, so neither a parse nor a log file is worth writing.
        self._before = ["--no-partial-parse", "--log-level-file", "none"]
        self._after = ["--project-dir", str(project), "--profiles-dir", str(project)]
        self._after += ["--target-path", str(target), "--log-path", str(target)]
        self._after += ["--vars", json.dumps(dict(variables))]
        self._runner = dbtRunner()
        self._runner = dbtRunner(manifest=self.run("parse").result)

    def run(self, *command: str) -> dbtRunnerResult:
        """Run a command. Raises RunError if it could not run at all, as for a model that does not parse."""
        done = self._runner.invoke([*self._before, *command, *self._after])
        if done.exception is not None:
            raise RunError(f"dbt {command[0]} failed: {_reason(str(done.exception))}")
        return done


def build(dbt: Dbt, select: Sequence[str]) -> Iterator[Any]:
    """Run the commands, each only if the one before has not failed; the results of their nodes."""
    chosen = ["--select", *select] if select else []
    for command in (["source", "freshness"], ["build", *NOT_BUILT, *chosen]):
        results = dbt.run(*command).result.results
        yield from results
        if any(_failed(result) for result in results):
            return
    catalog = dbt.run("docs", "generate", "--no-compile", "--static")
    if not catalog.success:
        raise RunError(f"dbt docs failed: {_reason(' '.join(catalog.result.errors or ()))}")


def rules(results: Iterable[Any], run_key: str) -> Iterator[Rule]:
    """The outcome of every test that was evaluated, the sources' freshness included."""
    for result in results:
        node = result.node
        status = str(result.status)
        if node.resource_type not in TESTS or status == "skipped":
            continue
        if node.resource_type == "source":
            table, name = f"{node.schema}.{node.identifier}", "freshness"
            outcome = "failed" if status == "error" else OUTCOMES.get(status, "error")
            observed = _text(getattr(result, "max_loaded_at", None))
        else:
            table, name = _tested(node), node.name
            outcome = OUTCOMES.get(status, "error")
            observed = _text(result.failures)
        message = None if outcome == "passed" else _reason(result.message or status)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        yield Rule(run_key, GATE, table, name, outcome, observed, message, now)


def failures(results: Iterable[Any]) -> list[str]:
    """A phrase for each node that failed, not for those that were skipped because of it."""
    return [
        f"{result.node.resource_type} {result.node.name}: {_reason(result.message or str(result.status))}"
        for result in results
        if _failed(result)
    ]


def _failed(result: Any) -> bool:
    return str(result.status) in ("error", "fail", "runtime error")


def _tested(node: Any) -> str:
    """The model or the source that a test is of: the one it is declared at, else the first that it reads."""
    read = node.depends_on.nodes
    # A source is not attached to its tests; it comes after what they compare it with.
    of: str = getattr(node, "attached_node", None) or read[-1 if getattr(node, "test_metadata", None) else 0]
    return of.split(".", 2)[-1]


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _reason(message: str) -> str:
    """The line of a message that says what happened: dbt's first one often only says where."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    located = len(lines) > 1 and " Error" in lines[0]
    return " ".join(lines[: 2 if located else 1]) or "no reason given"


class Store:
    """The place in S3 where one run's files go."""

    def __init__(self, uri: str, run_key: str) -> None:
        parts = urlsplit(uri)
        self._bucket = parts.netloc
        self._prefix = f"{parts.path.lstrip('/')}run={run_key}/"
        self._s3 = boto3.client("s3")

    def put(self, name: str, body: bytes, content_type: str) -> None:
        """Write one object."""
        key = self._prefix + name
        self._s3.put_object(Bucket=self._bucket, Key=key, Body=body, ContentType=content_type)


def run(settings: Settings, run_key: str, variables: Mapping[str, str], select: Sequence[str]) -> int:
    """Build the models and keep what was found; the number of tests. Raises RunError on a failure."""
    os.environ.update(connection(settings))
    results: list[Any] = []
    with tempfile.TemporaryDirectory(prefix="dbt-") as folder:
        target = Path(folder)
        try:
            results.extend(build(Dbt(settings.project, target, variables), select))
        finally:
            artifacts = Store(settings.results_uri, run_key)
            for name, content_type in ARTIFACTS.items():
                if (target / name).exists():
                    artifacts.put(name, (target / name).read_bytes(), content_type)
            found = list(rules(results, run_key))
            lines = "".join(json.dumps(asdict(rule)) + "\n" for rule in found)
            Store(settings.quality_uri, run_key).put(f"{GATE}.jsonl", lines.encode(), "application/json")
    if failed := failures(results):
        more = len(failed) - NAMED_FAILURES
        phrases = failed[:NAMED_FAILURES] + ([f"{more} more"] if more > 0 else [])
        raise RunError(f"dbt failed: {'; '.join(phrases)}")
    return len(found)


def main(arguments: Sequence[str]) -> int:
    """Read the arguments and run; the exit code."""
    parser = argparse.ArgumentParser(prog="run.py", description="Build and test the warehouse's models.")
    parser.add_argument("--run-key", required=True, help="name of the run, part of the keys of its results")
    parser.add_argument("--start", type=date.fromisoformat, help="first day of the run")
    parser.add_argument("--end", type=date.fromisoformat, help="last day of the run")
    parser.add_argument("--select", nargs="+", default=[], help="only these nodes, in dbt's own syntax")
    given = parser.parse_args(arguments)
    days = {name: day.isoformat() for name in ("start", "end") if (day := getattr(given, name))}
    try:
        tests = run(Settings.of(os.environ), given.run_key, days, given.select)
    except (RunError, BotoCoreError, ClientError) as problem:
        print(str(problem), flush=True)
        return 1
    print(f"dbt built everything; {tests} tests passed", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
