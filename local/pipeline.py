"""Drive the deployed pipeline the way a person on AWS would: through MWAA's REST API."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from local import runtime, summary
from local.errors import UserFacingError
from local.layout import home

DAG_ID = "flights_batch"
AIRFLOW_READY_SECONDS = 180
RUN_SECONDS = 1800
ARRIVAL_SECONDS = 60
SOURCE_PATHS = {
    "flights": "/PREZIP",
    "weather": "/v1/archive",
    "aircraft": "/registry/{date}/ReleasableAircraft.zip",
    "airlines": "/lookup/{date}/L_UNIQUE_CARRIERS.csv",
}
"""Where the replay has each source."""
POLL_SECONDS = 1.0
FINISHED = {"success", "failed"}


@dataclass(frozen=True)
class Run:
    """A range of dates (ISO, inclusive) that one DAG run loads.

    `hour` tells repeats of the same range apart: no two runs of a DAG have the same logical date. With
    `arrives`, the run is not asked for: it starts because an object that announces its one day arrives.
    """

    start: str
    end: str
    hour: int = 0
    arrives: bool = False
    parameters: Mapping[str, str] | None = None
    """Parameters of the DAG, if they are others than the range. Such a run is named after its day alone."""

    @property
    def run_id(self) -> str:
        """The DAG run's id: short, because InvokeRestApi takes paths of at most 64 characters."""
        return self.end if self.arrives or self.parameters else f"demo__{self.end}T{self.hour:02}"

    @property
    def logical_date(self) -> str:
        return f"{self.end}T{self.hour:02}:00:00Z"

    @property
    def label(self) -> str:
        return self.start if self.start == self.end else f"{self.start} to {self.end}"


Progress = Callable[[Run, int, int, list[str]], None]
"""(run, finished tasks, known tasks, names of the running ones)."""


def environment_name() -> str:
    """Name of the one deployed MWAA environment."""
    [name] = runtime.client("mwaa").list_environments()["Environments"]
    return str(name)


def rest(method: str, path: str, *, query: dict[str, Any] | None = None, body: Any = None) -> dict[str, Any]:
    """Call Airflow's REST API through `mwaa:InvokeRestApi`; return the answer's JSON."""
    arguments: dict[str, Any] = {"Name": environment_name(), "Method": method, "Path": path}
    if query:
        arguments["QueryParameters"] = query
    if body is not None:
        arguments["Body"] = body
    answer = runtime.client("mwaa").invoke_rest_api(**arguments)
    found: dict[str, Any] = answer["RestApiResponse"]
    return found


def wait_for_dag(dag_id: str = DAG_ID) -> None:
    """Wait until Airflow knows the DAG, and unpause it.

    Raises UserFacingError when the DAG cannot be imported or Airflow does not answer in time.
    """
    mwaa = runtime.client("mwaa")
    deadline = time.monotonic() + AIRFLOW_READY_SECONDS
    while time.monotonic() < deadline:
        try:
            rest("PATCH", f"/dags/{dag_id}", body={"is_paused": False})
        except mwaa.exceptions.ClientError:
            time.sleep(POLL_SECONDS)
            continue
        return
    try:
        broken = rest("GET", "/importErrors")["import_errors"]
    except mwaa.exceptions.ClientError:
        broken = []
    reason = broken[0]["stack_trace"].strip().splitlines()[-1] if broken else "Airflow does not answer"
    raise UserFacingError(
        f"The DAG {dag_id} is not there after {AIRFLOW_READY_SECONDS} s: {reason} (logs: {runtime.logs()})."
    )


def execute(run: Run, progress: Progress, dag_id: str = DAG_ID) -> dict[str, Any]:
    """Trigger one DAG run and wait for its end; return its record.

    Raises UserFacingError naming the failed task when the run fails, or when it takes too long.
    """
    start(run, dag_id)
    return await_end(run, progress, dag_id)


def start(run: Run, dag_id: str = DAG_ID) -> None:
    """Trigger one DAG run: by the REST API, or by announcing its day."""
    if run.arrives:
        announce(run.end)
        return
    rest(
        "POST",
        f"/dags/{dag_id}/dagRuns",
        body={
            "dag_run_id": run.run_id,
            "logical_date": run.logical_date,
            "conf": run.parameters or {"start": run.start, "end": run.end},
        },
    )


def announce(day: str, times: int = 1) -> None:
    """Put the notices of a day (ISO), one a data set, into the raw bucket, as whoever delivers it would.

    Returns when the run that their arrival starts is there. Raises UserFacingError when none comes of it.
    """
    bucket = summary.deployment()["buckets"]["raw"]
    for data_set in ("flights", "weather") * times:
        notice = f"day,data_set,announced_at\n{day},{data_set},{datetime.now(UTC):%Y-%m-%d %H:%M:%S}\n"
        runtime.client("s3").put_object(
            Bucket=bucket, Key=f"arrivals/date={day}/{data_set}.csv", Body=notice.encode()
        )
    mwaa = runtime.client("mwaa")
    deadline = time.monotonic() + ARRIVAL_SECONDS
    while time.monotonic() < deadline:
        try:
            rest("GET", f"/dags/{DAG_ID}/dagRuns/{day}")
        except mwaa.exceptions.RestApiClientException:
            time.sleep(POLL_SECONDS)
            continue
        return
    raise UserFacingError(
        f"The arrival of {day} started no run in {ARRIVAL_SECONDS} s; the reason is in "
        f"{runtime.logs() / 'gateway.log'}."
    )


def await_end(run: Run, progress: Progress, dag_id: str = DAG_ID) -> dict[str, Any]:
    """Wait for the end of a DAG run; return its record. Raises as `execute` does."""
    deadline = time.monotonic() + RUN_SECONDS
    while time.monotonic() < deadline:
        record = rest("GET", f"/dags/{dag_id}/dagRuns/{run.run_id}")
        tasks = task_instances(run.run_id, dag_id)
        done = [
            task for task in tasks if task["state"] in {"success", "failed", "skipped", "upstream_failed"}
        ]
        progress(run, len(done), len(tasks), _names(task for task in tasks if task["state"] == "running"))
        if record["state"] in FINISHED:
            if record["state"] == "failed":
                failed = _names(task for task in tasks if task["state"] == "failed")
                raise UserFacingError(
                    f"The DAG run for {run.label} failed in {', '.join(failed) or 'no task of its own'}; "
                    f"the task logs are under {home() / 'airflow'}."
                )
            return record
        time.sleep(POLL_SECONDS)
    raise UserFacingError(f"The DAG run for {run.label} did not end in {RUN_SECONDS // 60} minutes.")


def task_instances(run_id: str, dag_id: str = DAG_ID) -> list[dict[str, Any]]:
    """Every task instance of a DAG run, mapped ones included."""
    found = rest("GET", f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances", query={"limit": 200})
    instances: list[dict[str, Any]] = found["task_instances"]
    return instances


def point_sources_to(url: str) -> None:
    """Make the ingestion read the replay at `url` instead of the live sources.

    The sources' addresses are SSM parameters that the functions read at run time, and a connection that the
    DAGs read, so the deployed templates stay those of AWS.
    """
    ssm = runtime.client("ssm")
    pages = ssm.get_paginator("describe_parameters").paginate()
    for page in pages:
        for parameter in page["Parameters"]:
            source = re.fullmatch(r"/refstack/[^/]+/sources/(\w+)", parameter["Name"])
            if source:
                path = SOURCE_PATHS[source.group(1)]
                ssm.put_parameter(Name=parameter["Name"], Value=url + path, Overwrite=True)
    connection = {"conn_type": "http", "host": url + SOURCE_PATHS["flights"]}
    secrets = runtime.client("secretsmanager")
    for page in secrets.get_paginator("list_secrets").paginate():
        for secret in page["SecretList"]:
            if secret["Name"].endswith("/connections/flights_source"):
                secrets.put_secret_value(SecretId=secret["ARN"], SecretString=json.dumps(connection))


def _names(tasks: Iterable[dict[str, Any]]) -> list[str]:
    return sorted({str(task["task_id"]) for task in tasks})
