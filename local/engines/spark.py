"""Spark: runs what EMR steps and Glue jobs submit, for real, as one spark-submit process a job.

A run belongs to a role: its inputs are fetched, its program runs and its event log is delivered with that
role's temporary credentials and no others. At most SLOTS programs run at a time; the rest wait their turn.
"""

from __future__ import annotations

import os
import re
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError

from local import processes
from local.engines.spark_properties import LOG4J, LOG4J_FILE, REDACTED, command, environment, properties
from local.engines.spark_submit import Submission, read_properties
from local.jars import SPARK_PACKAGES
from local.layout import log_file
from local.services.clients import client, role_environment
from local.toolchain import tools

SLOTS = int(os.environ.get("REFSTACK_SPARK_SLOTS", "2"))
POLL_SECONDS = 0.1
EXTRA_CLASS_PATH = "spark.driver.extraClassPath"
SECRET_VARIABLES = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")

_slots = threading.BoundedSemaphore(SLOTS)


@dataclass(frozen=True)
class Job:
    """One submission: its program, and in whose name and where it runs.

    `name` is unique among jobs, `folder` empty or absent; `environment` is added to the program's. Spark
    writes its event log where the property spark.eventLog.dir says; without one, the log is put below the S3
    URI `event_log` under the name `application_id`, or is dropped.
    """

    name: str
    folder: Path
    submission: Submission
    role_arn: str
    session_name: str
    application_id: str
    environment: Mapping[str, str] = field(default_factory=dict)
    event_log: str | None = None
    timeout_seconds: float | None = None
    waits_for_turn: bool = True
    """Whether the program counts among SLOTS."""


@dataclass(frozen=True)
class Outcome:
    """How a run ended. `exit_code` is None when the program was stopped (cancelled, or out of time)."""

    exit_code: int | None
    stdout: Path
    stderr: Path
    seconds: float = 0.0
    cancelled: bool = False
    timed_out: bool = False
    event_log: str | None = None
    """S3 URI of the delivered event log."""
    started: bool = True
    """Whether the program was started; not, when one of its files cannot be read."""

    @property
    def succeeded(self) -> bool:
        return self.exit_code == 0


class InputError(Exception):
    """A program or a file that was named cannot be read; the text is what Hadoop's S3 client says."""


def run(job: Job, cancelled: threading.Event, on_start: Callable[[], None] = lambda: None) -> Outcome:
    """Run the job to its end; `on_start` is called when its turn has come. Blocks; stop it by `cancelled`."""
    stdout, stderr = job.folder / "stdout", job.folder / "stderr"
    for name in ("inputs", "tmp", "events"):
        (job.folder / name).mkdir(parents=True, exist_ok=True)
    stdout.touch()
    stderr.touch()
    while job.waits_for_turn and not _slots.acquire(timeout=POLL_SECONDS):
        if cancelled.is_set():
            return Outcome(None, stdout, stderr, cancelled=True)
    try:
        if cancelled.is_set():
            return Outcome(None, stdout, stderr, cancelled=True)
        on_start()
        started = time.monotonic()
        try:
            outcome = _submit(job, cancelled, stdout, stderr)
        except InputError as problem:
            stderr.write_text(f'Exception in thread "main" {problem}\n')
            outcome = Outcome(1, stdout, stderr, time.monotonic() - started, started=False)
        return outcome
    finally:
        if job.waits_for_turn:
            _slots.release()
        unpacked = map(_unpacked_name, job.submission.archives)
        for name in ("inputs", "tmp", "events", "spark-warehouse", *unpacked):
            shutil.rmtree(job.folder / name, ignore_errors=True)


def _submit(job: Job, cancelled: threading.Event, stdout: Path, stderr: Path) -> Outcome:
    submission = job.submission
    asked = dict(submission.properties)
    if submission.properties_file is not None:
        given = read_properties(_fetch(job, submission.properties_file).read_text())
        asked = {**given, **asked}
    arguments = [str(_fetch(job, submission.application)), *submission.arguments]
    options: list[str] = []
    for uri in submission.archives:
        # Where the driver and the executors start, as on a cluster; here these are one process.
        shutil.unpack_archive(_fetch(job, uri), job.folder / _unpacked_name(uri))
    for option in ("py_files", "jars", "files"):
        fetched = [str(_fetch(job, uri)) for uri in getattr(submission, option)]
        if fetched:
            options += [f"--{option.replace('_', '-')}", ",".join(fetched)]
    provided = [package for package in submission.packages if package in SPARK_PACKAGES]
    if provided:
        # The tools have them: what is asked for, without asking a repository at each start.
        jars = [*filter(None, [asked.get(EXTRA_CLASS_PATH)]), *map(str, tools().spark_package_jars)]
        asked[EXTRA_CLASS_PATH] = ":".join(jars)
    elsewhere = [package for package in submission.packages if package not in provided]
    if elsewhere:
        options += ["--packages", ",".join(elsewhere)]
    if submission.main_class is not None:
        options += ["--class", submission.main_class]
    (job.folder / LOG4J_FILE).write_text(LOG4J)
    defaults = job.folder / "spark-defaults.conf"
    written = properties(asked, job.folder)
    defaults.write_text("".join(f"{key} {value}\n" for key, value in sorted(written.items())))
    secrets = role_environment(job.role_arn, job.session_name)
    for unreadable in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        # The Java SDK complains of /dev/null; the program's HOME has no such files anyway.
        secrets.pop(unreadable, None)
    started = time.monotonic()
    exit_code, timed_out = _watch(
        job,
        [*command(asked, job.folder), "--properties-file", str(defaults), *options, *arguments],
        {**environment(job.folder), **job.environment, **secrets},
        cancelled,
    )
    seconds = time.monotonic() - started
    events = sorted(path for path in (job.folder / "events").rglob("*") if path.is_file())
    for path in (stdout, stderr, *events):
        _redact(path, [secrets[name] for name in SECRET_VARIABLES])
    was_cancelled = exit_code is None and not timed_out
    delivered = _deliver(job, events, job.event_log, stderr) if events else _written(stderr)
    return Outcome(exit_code, stdout, stderr, seconds, was_cancelled, timed_out, delivered)


def _watch(
    job: Job, argv: list[str], variables: Mapping[str, str], cancelled: threading.Event
) -> tuple[int | None, bool]:
    """Run the command in a process group of its own; its exit code, None when it was stopped, and whether
    that was for time. The shell around it waits while the signal that ends the group reaches the program."""
    exit_file = job.folder / "exit-code"
    exit_file.unlink(missing_ok=True)
    shell = 'trap "exit 143" TERM; "$@" >stdout 2>stderr; echo $? >exit-code'
    name = f"spark-{job.name}"
    process = processes.spawn(name, ["/bin/sh", "-c", shell, "sh", *argv], env=variables, cwd=job.folder)
    deadline = None if job.timeout_seconds is None else time.monotonic() + job.timeout_seconds
    try:
        while process.running():
            if deadline is not None and time.monotonic() > deadline:
                return None, True
            if cancelled.wait(POLL_SECONDS):
                return None, False
        return int(exit_file.read_text()) if exit_file.exists() else 137, False
    finally:
        processes.stop(name)
        log_file(name).unlink(missing_ok=True)


def _unpacked_name(archive: str) -> str:
    """The folder that an archive becomes: what its URI has behind `#`, else its own name."""
    parts = urlsplit(archive)
    return parts.fragment or parts.path.rpartition("/")[2]


def _fetch(job: Job, uri: str) -> Path:
    """A local copy of an S3 object, got with the job's role; other URIs are not readable from a cluster.

    Raises InputError in the words of the S3 file system that EMR and Glue use.
    """
    parts = urlsplit(uri)
    if parts.scheme not in {"s3", "s3a", "s3n"}:
        raise InputError(f"java.io.FileNotFoundException: File {uri} does not exist")
    path = job.folder / "inputs" / parts.path.rpartition("/")[2]
    try:
        client("s3", role_arn=job.role_arn, session_name=job.session_name).download_file(
            parts.netloc, parts.path.lstrip("/"), str(path)
        )
    except ClientError as problem:
        if problem.response["Error"]["Code"] in {"403", "AccessDenied"}:
            raise InputError(f"java.nio.file.AccessDeniedException: {uri}: {problem}") from problem
        raise InputError(f"java.io.FileNotFoundException: No such file or directory '{uri}'") from problem
    except BotoCoreError as problem:
        raise InputError(f"java.io.IOException: {uri}: {problem}") from problem
    return path


def _written(stderr: Path) -> str | None:
    """URI of the event log that Spark wrote by itself, as its own log tells."""
    found = re.search(
        r"Logging events to (s3a?://\S+?)(?:\.inprogress)?$", stderr.read_text(errors="replace"), re.M
    )
    return None if found is None else found[1]


def _deliver(job: Job, events: list[Path], target: str | None, stderr: Path) -> str | None:
    """Copy the event log below `target` with the job's role; the URI, or None when there is none to copy."""
    if target is None:
        return None
    parts = urlsplit(target)
    prefix = f"{parts.path.strip('/')}/" if parts.path.strip("/") else ""
    s3 = client("s3", role_arn=job.role_arn, session_name=job.session_name)
    try:
        for path in events:
            # Spark calls the file (or, when it rolls, the folder) after the id that it gave the application.
            _, *below = path.relative_to(job.folder / "events").parts
            s3.upload_file(str(path), parts.netloc, prefix + "/".join([job.application_id, *below]))
    except (ClientError, BotoCoreError) as problem:
        with stderr.open("a") as log:
            log.write(f"The event log was not delivered to {target}: {problem}\n")
        return None
    return f"s3://{parts.netloc}/{prefix}{job.application_id}"


def _redact(path: Path, secrets: list[str]) -> None:
    """Blank the credentials in what the program wrote, before anybody is shown it."""
    content = path.read_bytes()
    cleaned = content
    for secret in secrets:
        cleaned = cleaned.replace(secret.encode(), REDACTED.encode())
    if cleaned != content:
        path.write_bytes(cleaned)
