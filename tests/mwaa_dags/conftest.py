"""What Apache Airflow, in its own environment, makes of the DAG folder."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from local.layout import ROOT
from local.toolchain import tools

SETTINGS: dict[str, Any] = {
    "buckets": {name: f"{name}-bucket" for name in ("raw", "curated", "warehouse", "artifacts", "logs")},
    "catalog": {"raw_database": "raw", "curated_database": "curated", "workgroup": "lake"},
    "functions": {
        name: f"fn-{name}"
        for name in (
            *("ingest_flights", "ingest_weather", "ingest_snapshots"),
            *("prepare_warehouse", "prepare_database"),
        )
    },
    "glue": {"curate_flights": "job-curate", "raw_crawler": "crawler-raw"},
    "database": {"secret_arn": "arn:aws:secretsmanager:us-east-1:000000000000:secret:rds"},
    "airflow_environment": "airflow",
    "quality": {
        "ruleset": {"curated_flights": "rules-curated"},
        "role_arn": "arn:aws:iam::000000000000:role/quality",
        "workers": 3,
    },
    "emr": {
        "request_parameter": "/refstack/dev/emr/run_job_flow",
        "steps": {"build_dimensions": "s3://a/dimensions.py", "build_facts": "s3://a/facts.py"},
        "py_files": "s3://a/flights.zip",
        "reference": {"airports": "s3://a/airports.csv"},
    },
    "stream": {"request_parameter": "/refstack/dev/stream/start_job_run"},
    "warehouse": {
        "workgroup": "wg",
        "database": "refstack",
        "copy_role_arn": "arn:aws:iam::000000000000:role/copy",
        "unload_role_arn": "arn:aws:iam::000000000000:role/unload",
    },
    "containers": {
        "cluster": "cluster",
        "subnets": ["subnet-a", "subnet-b"],
        "security_groups": ["sg-tasks"],
        "tasks": {"dbt": "family-dbt", "etl": "family-etl"},
        "logs": {"dbt": "/logs/dbt", "etl": "/logs/etl"},
    },
    "alerts_topic_arn": "arn:aws:sns:us-east-1:000000000000:alerts",
    "publication_lag_days": 75,
    "poll_seconds": 7,
    "timeouts": {
        "lambda": 901,
        "invocation": 321,
        "download": 3603,
        "glue": 3601,
        "emr": 7201,
        "statement": 1801,
        "container": 3602,
        "arrival": 21601,
    },
}
"""The variable `refstack` with every name that the Orchestration stack writes into it."""

Description = dict[str, Any]


@pytest.fixture(scope="session")
def settings() -> dict[str, Any]:
    return SETTINGS


@pytest.fixture(scope="session")
def describe(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Description]:
    """Parse the DAG folder with some options of Airflow set (AIRFLOW__SECTION__KEY), and describe it."""

    def run(**options: str) -> Description:
        home = tmp_path_factory.mktemp("airflow")
        output = home / "described.json"
        done = subprocess.run(
            [
                tools().airflow_python,
                Path(__file__).with_name("describe_dags.py"),
                ROOT / "mwaa_dags",
                output,
            ],
            input=json.dumps(SETTINGS),
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(home),
                "AIRFLOW_HOME": str(home),
                "PYTHONPATH": str(ROOT / "mwaa_dags"),
                "PYTHONDONTWRITEBYTECODE": "1",
                "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
                "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home / 'none.db'}",
                "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
                **options,
            },
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        if done.returncode != 0:
            pytest.fail(f"Airflow could not describe the DAGs:\n{done.stderr[-4000:]}")
        described: Description = json.loads(output.read_text())
        return described

    return run


@pytest.fixture(scope="session")
def described(describe: Callable[..., Description]) -> Description:
    """The DAG folder as MWAA's environment runs it, with two retries a task and no schedule."""
    return describe(AIRFLOW__CORE__DEFAULT_TASK_RETRIES="2")


@pytest.fixture(scope="session")
def flights_batch(described: Description) -> Description:
    assert described["errors"] == {}
    dag: Description = described["dags"]["flights_batch"]
    return dag
