"""Class-data sharing: `python -m local.engines.spark_classes` makes the archive that cuts Spark's start.

Java loads ten thousand classes for each Spark program; from an archive made once for exactly these jars, that
takes 3 s less of 8. The archive holds what a program of our kind loads: one is run for it, against an
embedded AWS of its own in a temporary folder. Without the archive everything works, only slower: it is made
beside the first platform that starts.
"""

from __future__ import annotations

import fcntl
import gzip
import json
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from local import processes
from local.engines.spark import Job, run
from local.engines.spark_properties import class_archive
from local.engines.spark_submit import Submission
from local.layout import BUCKET_LOCATION, ROOT, gateway_port
from local.services.clients import client
from local.toolchain import tools

NAME = "spark-classes"
READY_SECONDS = 60
BUCKET = "training"
ROLE = "training"
PROGRAM = Path(__file__).with_name("spark_training.py")
"""What is run so that its classes get into the archive."""


def start() -> None:
    """Make the archive in a process of the platform's, beside other work, if there is none for these jars."""
    if not class_archive().exists():
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        argv: list[str | Path] = [tools().gateway_python, "-m", "local.engines.spark_classes"]
        processes.spawn(NAME, argv, env=environment, cwd=ROOT)


def make() -> None:
    """Make the archive, unless it is there or another process is at it. RuntimeError when that fails."""
    target = class_archive()
    target.parent.mkdir(parents=True, exist_ok=True)
    with (target.parent / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        if not target.exists():
            _make(target)


def _make(target: Path) -> None:
    for outdated in target.parent.glob("classes-*.jsa"):
        outdated.unlink()
    partial = target.with_suffix(".partial")
    partial.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory(prefix="refstack-") as folder:
        os.environ.update(REFSTACK_HOME=folder, REFSTACK_PORT=str(processes.free_port(0)))
        signal.signal(signal.SIGTERM, _abandon)
        process = processes.spawn(
            "gateway",
            [tools().gateway_python, "-m", "local.gateway"],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            cwd=ROOT,
        )
        try:
            deadline = time.monotonic() + READY_SECONDS
            while not processes.listening(gateway_port()):
                if not process.running() or time.monotonic() > deadline:
                    raise RuntimeError(f"no embedded AWS to train with: {process.log.read_text()[-500:]}")
                time.sleep(0.1)
            _train(Path(folder), partial)
        finally:
            processes.stop("gateway", timeout=30)
    partial.rename(target)


def _abandon(*_: object) -> None:
    """End what was started for the training at once: whoever stops a platform does not wait for it."""
    for name in processes.names():
        processes.stop(name, timeout=0)
    raise SystemExit(1)


def writing(archive: Path) -> str:
    """Options of a Java that writes the archive when it ends, as a shell has them: a path may have blanks."""
    return f"-XX:ArchiveClassesAtExit={shlex.quote(str(archive))} -Xlog:cds=off -Xlog:cds+dynamic=off"


def _train(folder: Path, archive: Path) -> None:
    """Run the program in a Java that writes the archive when it ends."""
    s3, iam = client("s3"), client("iam")
    trust = {"Effect": "Allow", "Principal": {"Service": "glue.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    arn = iam.create_role(RoleName=ROLE, AssumeRolePolicyDocument=document)["Role"]["Arn"]
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration=BUCKET_LOCATION)
    s3.put_object(Bucket=BUCKET, Key="program.py", Body=PROGRAM.read_bytes())
    for day in ("2013-01-01", "2013-01-02"):
        rows = "".join(f"{day},{carrier},{delay}.00\n" for carrier in ("UA", "B6") for delay in range(50))
        body = gzip.compress(f"day,carrier,delay\n{rows}".encode())
        s3.put_object(Bucket=BUCKET, Key=f"raw/year=2013/{day}.csv.gz", Body=body)
    submission = Submission(
        f"s3://{BUCKET}/program.py",
        [f"s3://{BUCKET}"],
        properties={"spark.driver.extraJavaOptions": writing(archive)},
    )
    job = Job("training", folder / "job", submission, arn, "training", "training")
    outcome = run(job, threading.Event())
    if not outcome.succeeded or not archive.exists():
        shown = outcome.stdout.read_text()[-1500:] + outcome.stderr.read_text()[-500:]
        raise RuntimeError(f"the training program ended with exit code {outcome.exit_code}: {shown}")


def main() -> int:
    """Make the archive; 1 and a sentence when that fails."""
    try:
        make()
    except (RuntimeError, OSError, subprocess.SubprocessError) as problem:
        print(f"Spark's class archive could not be made: {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
