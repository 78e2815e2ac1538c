"""Runs StreamJobs in a process of its own, so that it can be killed: one JSON request a line of its input."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from streaming.spark import JAVA_OPTIONS
from streaming.spark.job import StreamJob

SETTINGS = {
    "spark.master": "local[2]",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.sql.shuffle.partitions": "2",
    # Batches of a few hundred rows are done before their code is generated.
    "spark.sql.codegen.wholeStage": "false",
}
MORE_SETTINGS = "JOB_SETTINGS"
ENDED = '{"ended": '


class JobProcess:
    """Spark in a process that runs one job after the other, with its output in a file.

    Killed, it starts again for the next job. Spark's own start takes longer than a small job.
    """

    def __init__(self, folder: Path, trust_store: Path, settings: Mapping[str, str] | None = None) -> None:
        self._folder, self._trust_store, self._settings = folder, trust_store, dict(settings or {})
        self._process: subprocess.Popen[bytes] | None = None
        self._log = folder / "none.log"
        self._ended = 0

    def run(self, job: StreamJob, until: str = "", seconds: float = 240) -> dict[str, Any]:
        """Run a job to its end; what it counted."""
        self.start(job, until)
        return self.finish(seconds)

    def start(self, job: StreamJob, until: str = "") -> None:
        """Start a job, and go on at once."""
        if self._process is None:
            self._launch()
        self._ended = self._answers()
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"job": asdict(job), "until": until}).encode() + b"\n")
        self._process.stdin.flush()

    def wait_until(self, condition: Callable[[], bool], seconds: float = 120) -> None:
        """Wait for a condition while the job runs."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert self._process is not None
            assert self._process.poll() is None, self._said()
            assert time.monotonic() < deadline, self._said()
            time.sleep(0.05)

    def finish(self, seconds: float = 240) -> dict[str, Any]:
        """Wait for the job's end; what it counted. Fails with the job's own error."""
        self.wait_until(lambda: self._answers() > self._ended, seconds)
        answers = [line for line in self._log.read_text().splitlines() if line.startswith(ENDED)]
        found: dict[str, Any] = json.loads(answers[-1])
        assert "error" not in found, found["error"]
        counted: dict[str, Any] = found["ended"]
        return counted

    def kill(self) -> None:
        """End it at once, as a lost machine does."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def _answers(self) -> int:
        return self._log.read_text().count(ENDED)

    def _said(self) -> str:
        return self._log.read_text()[-4000:]

    def _launch(self) -> None:
        from local.toolchain import tools

        self._folder.mkdir(parents=True, exist_ok=True)
        self._log = self._folder / f"{time.monotonic_ns()}.log"
        jars = ",".join(str(jar) for jar in tools().spark_package_jars)
        options = f"-Djavax.net.ssl.trustStore={self._trust_store} -XX:TieredStopAtLevel=1 {JAVA_OPTIONS}"
        submit = f'--jars {jars} --driver-memory 1g --driver-java-options "{options}" pyspark-shell'
        with self._log.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, __file__],
                env={
                    **os.environ,
                    "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
                    "JAVA_HOME": str(tools().java_home),
                    "PYSPARK_PYTHON": sys.executable,
                    "PYSPARK_SUBMIT_ARGS": submit,
                    MORE_SETTINGS: json.dumps(self._settings),
                },
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )


def main() -> None:
    from pyspark.sql import SparkSession

    from emr_steps.stream_flight_events import SETTINGS as OF_THE_JOB

    builder = SparkSession.builder.appName("test")
    for key, value in {**SETTINGS, **OF_THE_JOB, **json.loads(os.environ[MORE_SETTINGS])}.items():
        builder = builder.config(key, value)
    spark = builder.getOrCreate()
    for line in sys.stdin:
        asked = json.loads(line)
        until = datetime.fromisoformat(asked["until"]) if asked["until"] else None
        answer: dict[str, Any] = {"ended": None}
        try:
            answer["ended"] = StreamJob(**asked["job"]).run(spark, until)
        except Exception as error:
            answer["error"] = f"{type(error).__name__}: {error}"
            for query in spark.streams.active:
                query.stop()
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
