"""EMR: the request of a transient cluster, and the steps that run on it."""

from __future__ import annotations

import json
from typing import Any

from airflow.providers.amazon.aws.hooks.ssm import SsmHook

from refstack_dags.settings import cfg


def cluster_request(run_key: str) -> dict[str, Any]:
    """The RunJobFlow request that the Spark stack keeps in SSM, named after a run."""
    stored = SsmHook(aws_conn_id=None).get_parameter_value(cfg["emr"]["request_parameter"])
    request: dict[str, Any] = json.loads(stored)
    return {**request, "Name": f"{request['Name']}-{run_key}"}


def spark_step(name: str, arguments: list[Any]) -> dict[str, Any]:
    """An EMR step, as a template, that runs the script `name` of the settings on the platform's buckets."""
    return {
        "Name": name,
        # The sensor of this step reports the failure; the next step must not run on half a result.
        "ActionOnFailure": "CANCEL_AND_WAIT",
        "HadoopJarStep": {
            "Jar": "command-runner.jar",
            "Args": [
                *("spark-submit", "--deploy-mode", "cluster", "--name", name),
                *("--py-files", "{{ cfg.emr.py_files }}"),
                f"{{{{ cfg.emr.steps.{name} }}}}",
                *("--raw-bucket", "{{ cfg.buckets.raw }}"),
                *("--curated-bucket", "{{ cfg.buckets.curated }}"),
                *("--warehouse-bucket", "{{ cfg.buckets.warehouse }}"),
                *arguments,
            ],
        },
    }
