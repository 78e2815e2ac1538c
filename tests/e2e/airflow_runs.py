"""Start, watch and disturb DAG runs on the deployed platform."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

from local import faults, layout, pipeline, processes, runtime, summary
from tests.e2e.three_days import Platform

FINISH_SECONDS = 600
RunName = tuple[str, str]
"""DAG and run id."""


class Runs:
    """The DAG runs of a platform."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def start(self, dag_id: str, run_id: str, **conf: str) -> RunName:
        """Start a run by hand, without a logical date."""
        body = {"dag_run_id": run_id, "logical_date": None, "conf": conf}
        pipeline.rest("POST", f"/dags/{dag_id}/dagRuns", body=body)
        return dag_id, run_id

    def all(self, dag_id: str) -> dict[str, str]:
        """State of each run of a DAG."""
        found = self._platform.airflow(f"/dags/{dag_id}/dagRuns")["dag_runs"]
        return {run["dag_run_id"]: run["state"] for run in found}

    def tasks(self, dag_id: str, run_id: str) -> dict[str, str]:
        """State of each task of a run."""
        # The id of a run is longer than InvokeRestApi's paths may be, so Airflow itself is asked.
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances?limit=200"
        return {each["task_id"]: each["state"] for each in self._platform.airflow(path)["task_instances"]}

    def await_task(self, run: RunName, task_id: str, *states: str) -> None:
        """Wait until a task of a run that may not have started yet is in one of `states`."""
        dag_id, run_id = run
        await_(lambda: run_id in self.all(dag_id) and self.tasks(dag_id, run_id).get(task_id) in states)

    def kill_worker(self, run: RunName, task_id: str) -> None:
        """End the worker that runs a task, and the task with it, without a word; Airflow finds out at once.

        By itself it would after five minutes without a sign of life.
        """
        task = int(self._task(run, task_id)["pid"])
        listed = subprocess.run(
            ["ps", "-o", "ppid=", "-p", str(task)], capture_output=True, text=True, check=True
        )
        # The worker first: it would report that its task was killed.
        os.kill(int(listed.stdout), signal.SIGKILL)
        with suppress(ProcessLookupError):
            os.kill(task, signal.SIGKILL)
        self._change(
            "UPDATE task_instance SET last_heartbeat_at = datetime(last_heartbeat_at, '-1 day') "
            "WHERE dag_id = ? AND run_id = ? AND task_id = ?",
            *(*run, task_id),
        )

    def _task(self, run: RunName, task_id: str) -> dict[str, Any]:
        dag_id, run_id = run
        found: dict[str, Any] = self._platform.airflow(
            f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}"
        )
        return found

    def finish(self, *runs: RunName) -> dict[str, str]:
        """Wait for the end of runs, of different DAGs or ids; their states by DAG and id."""

        def states() -> dict[str, str]:
            return {f"{dag_id} {run_id}": self.all(dag_id)[run_id] for dag_id, run_id in runs}

        await_(lambda: set(states().values()) <= pipeline.FINISHED)
        return states()

    def log(self, dag_id: str, run_id: str, task_id: str) -> list[dict[str, Any]]:
        """The lines of the log of a task's last try."""
        [*_, last] = self._logs(dag_id, run_id, task_id)
        return [json.loads(line) for line in last.read_text().splitlines()]

    def await_log(self, run: RunName, task_id: str, text: str) -> None:
        """Wait until a task, which may still run, has logged a text at any of its tries."""
        await_(lambda: any(text in log.read_text() for log in self._logs(*run, task_id)))

    def _logs(self, dag_id: str, run_id: str, task_id: str) -> list[Path]:
        pattern = f"airflow/*/logs/dag_id={dag_id}/run_id={run_id}/task_id={task_id}/**/*.log"
        return sorted(self._platform.home.glob(pattern), key=lambda path: path.stat().st_mtime)

    def backdate(self, dag_id: str, run_id: str, days: int) -> None:
        """Let a run have started `days` earlier than it did."""
        self._change(
            "UPDATE dag_run SET start_date = datetime(start_date, ?) WHERE dag_id = ? AND run_id = ?",
            *(f"-{timedelta(days=days).days} days", dag_id, run_id),
        )

    def _change(self, statement: str, *parameters: str) -> None:
        """Change one row of Airflow's own database."""
        [database] = self._platform.home.glob("airflow/*/airflow.db")
        with closing(sqlite3.connect(database, timeout=60)) as connection, connection:
            assert connection.execute(statement, parameters).rowcount == 1


def kill_scheduler() -> None:
    """End the scheduler, and with it the tasks that it runs, without a word."""
    [name] = [name for name in processes.names() if name.endswith("-scheduler")]
    scheduler = processes.find(name)
    assert scheduler is not None
    os.kill(scheduler.pid, signal.SIGKILL)


def await_(met: Callable[[], Any], seconds: float = FINISH_SECONDS) -> Any:
    """What `met` answers once that is true."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := met():
            return found
        time.sleep(1)
    raise TimeoutError(f"not within {seconds} s")


@contextmanager
def injected(*planned: dict[str, Any]) -> Iterator[None]:
    """With these faults in the embedded AWS."""

    def plan(wanted: list[dict[str, Any]]) -> None:
        body = json.dumps(wanted).encode()
        with urllib.request.urlopen(f"{layout.gateway_url()}{faults.PATH}", data=body) as answer:
            assert answer.status == 200

    plan(list(planned))
    try:
        yield
    finally:
        plan([])


@contextmanager
def changed_secret(name: str, change: Callable[[dict[str, Any]], dict[str, Any] | None]) -> Iterator[None]:
    """With another value of one of the DAGs' secrets, or without it."""
    secrets = runtime.client("secretsmanager")
    before = secrets.get_secret_value(SecretId=name)["SecretString"]
    after = change(json.loads(before))
    if after is None:
        secrets.delete_secret(SecretId=name, RecoveryWindowInDays=7)
    else:
        secrets.put_secret_value(SecretId=name, SecretString=json.dumps(after))
    try:
        yield
    finally:
        if after is None:
            secrets.restore_secret(SecretId=name)
        else:
            secrets.put_secret_value(SecretId=name, SecretString=before)


@contextmanager
def unheard_arrivals() -> Iterator[None]:
    """With nothing that listens to the notices of a day."""
    events = runtime.client("events")
    [rule] = [each for each in events.list_rules()["Rules"] if "arrivals/" in each.get("EventPattern", "")]
    events.disable_rule(Name=rule["Name"])
    try:
        yield
    finally:
        events.enable_rule(Name=rule["Name"])


class Alerts:
    """A subscriber to the alerts topic."""

    def __init__(self) -> None:
        self._sqs = runtime.client("sqs")
        self._queue = self._sqs.create_queue(QueueName="alerts")["QueueUrl"]
        attributes = self._sqs.get_queue_attributes(QueueUrl=self._queue, AttributeNames=["QueueArn"])
        arn = attributes["Attributes"]["QueueArn"]
        allowed = {
            "Effect": "Allow",
            "Principal": {"Service": "sns.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": arn,
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
        self._sqs.set_queue_attributes(QueueUrl=self._queue, Attributes={"Policy": policy})
        topic = summary.deployment()["alerts_topic_arn"]
        runtime.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)

    def received(self) -> list[tuple[str, str]]:
        """Subject and message of each alert since the last call, by subject."""
        found = []
        while messages := self._messages():
            for message in messages:
                body = json.loads(message["Body"])
                found.append((body["Subject"], body["Message"]))
                self._sqs.delete_message(QueueUrl=self._queue, ReceiptHandle=message["ReceiptHandle"])
        return sorted(found)

    def _messages(self) -> list[dict[str, Any]]:
        answer = self._sqs.receive_message(QueueUrl=self._queue, MaxNumberOfMessages=10, WaitTimeSeconds=2)
        messages: list[dict[str, Any]] = answer.get("Messages", [])
        return messages
