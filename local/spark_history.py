"""Spark's own history server over the event logs of the runs, on this machine only."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from local import processes, runtime, summary
from local.engines.spark_properties import class_path, environment
from local.errors import UserFacingError
from local.layout import HOST, home
from local.toolchain import tools

SERVER = "spark-history"
PORT = 18080
FOLDERS = ("spark-events/", "glue/spark-events/")
"""Where EMR's steps and Glue's runs leave their event logs, in the bucket of logs."""
READY_SECONDS = 60


def start() -> tuple[str, int]:
    """Start the server on what is in the bucket of logs now; its address and the number of logs.

    A server that runs already is stopped first. Raises UserFacingError if the embedded AWS is not up, has no
    event log, or the server does not start.
    """
    if not runtime.running():
        raise UserFacingError(
            "The event logs are in the embedded AWS, and that is not up. Run `make up`, then this again."
        )
    folder = home() / SERVER
    processes.stop(SERVER)
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "tmp").mkdir(parents=True)
    found = fetch(summary.deployment()["buckets"]["logs"], folder / "events")
    if not found:
        raise UserFacingError("There is no event log of Spark yet: no step and no Glue job has run.")
    return serve(folder), found


def fetch(bucket: str, folder: Path) -> int:
    """Copy the event logs of a bucket into a folder of files; how many there are."""
    folder.mkdir(parents=True, exist_ok=True)
    s3, found = runtime.client("s3"), 0
    for prefix in FOLDERS:
        for entry in summary.objects(bucket, prefix):
            name = entry["Key"].rpartition("/")[2]
            if name and entry["Size"]:
                s3.download_file(bucket, entry["Key"], str(folder / name))
                found += 1
    return found


def serve(folder: Path) -> str:
    """Start the server on `folder`/events, and wait until it answers; its address."""
    port = processes.free_port(PORT)
    settings = {
        # Not as a URI, of which Hadoop would not decode the blanks.
        "spark.history.fs.logDirectory": str(folder / "events"),
        "spark.history.ui.port": str(port),
        "spark.history.fs.update.interval": "10s",
        "spark.hadoop.fs.defaultFS": "file:///",
    }
    java = tools().java_home / "bin" / "java"
    process = processes.spawn(
        SERVER,
        [
            *(java, "-Xmx512m", "-XX:+UseSerialGC", "-cp", ":".join(map(str, class_path()))),
            *(f"-D{key}={value}" for key, value in settings.items()),
            "org.apache.spark.deploy.history.HistoryServer",
        ],
        # SPARK_LOCAL_IP is the address that the server binds to; without it, every address of the machine.
        env=environment(folder),
        cwd=folder,
    )
    deadline = time.monotonic() + READY_SECONDS
    while not processes.listening(port):
        if not process.running() or time.monotonic() > deadline:
            processes.stop(SERVER)
            raise UserFacingError(f"Spark's history server did not start; its log is {process.log}.")
        time.sleep(0.1)
    return f"http://{HOST}:{port}"
