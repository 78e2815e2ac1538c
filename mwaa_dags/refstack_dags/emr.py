"""EMR: a transient cluster, and the steps that run on it."""

from __future__ import annotations

import json
from typing import Any

from airflow.providers.amazon.aws.hooks.ssm import SsmHook
from airflow.providers.amazon.aws.operators.emr import (
    EmrAddStepsOperator,
    EmrCreateJobFlowOperator,
    EmrTerminateJobFlowOperator,
)
from airflow.providers.amazon.aws.sensors.emr import EmrStepSensor
from airflow.sdk import task

from refstack_dags.settings import Limits, cfg


@task(task_id="read_cluster_request", task_display_name="Read the cluster's definition")
def read_cluster_request(run_key: str) -> dict[str, Any]:
    """The RunJobFlow request that the Spark stack keeps in SSM, named after this run."""
    stored = SsmHook(aws_conn_id=None).get_parameter_value(cfg["emr"]["request_parameter"])
    request: dict[str, Any] = json.loads(stored)
    return {**request, "Name": f"{request['Name']}-{run_key}"}


def create_cluster(run_key: Any) -> EmrCreateJobFlowOperator:
    """The task that starts a cluster for the run; its output is the cluster's id."""
    return EmrCreateJobFlowOperator(
        task_id="create_cluster",
        task_display_name="Start the EMR cluster",
        emr_conn_id=None,
        job_flow_overrides=read_cluster_request(run_key),
    )


def terminate_cluster(cluster: EmrCreateJobFlowOperator) -> Any:
    """The teardown of `create_cluster`'s cluster: it runs whatever happened to the steps."""
    return EmrTerminateJobFlowOperator(
        task_id="terminate_cluster",
        task_display_name="Terminate the EMR cluster",
        job_flow_id=cluster.output,
    ).as_teardown(setups=cluster, on_failure_fail_dagrun=True)


def submit_step(
    cluster: EmrCreateJobFlowOperator, name: str, arguments: list[Any], *, task_id: str, title: str
) -> EmrAddStepsOperator:
    """The task that hands the step `name` to `cluster`."""
    return EmrAddStepsOperator(
        task_id=task_id,
        task_display_name=title,
        job_flow_id=cluster.output,
        steps=[_spark_step(name, arguments)],
    )


def await_step(submitted: EmrAddStepsOperator, *, task_id: str, title: str, **kwargs: Any) -> EmrStepSensor:
    """The task that waits for the step that `submitted` handed over."""
    return EmrStepSensor(
        task_id=task_id,
        task_display_name=title,
        job_flow_id=submitted.job_flow_id,
        step_id=f"{{{{ ti.xcom_pull(task_ids='{submitted.task_id}')[0] }}}}",
        # Keeps one slot (the smallest environment has three) while a step runs. Rescheduled at short
        # intervals, a sensor loses a try whenever the executor reports its last look after the scheduler has
        # queued the next one.
        mode="poke",
        pre_execute=Limits("emr"),
        **kwargs,
    )


def _spark_step(name: str, arguments: list[Any]) -> dict[str, Any]:
    """An EMR step, as a template, that runs the script `name` of the settings on the platform's buckets."""
    return {
        "Name": name,
        # The sensor of this step reports the failure; the next step must not run on half a result.
        "ActionOnFailure": "CANCEL_AND_WAIT",
        "HadoopJarStep": {
            "Jar": "command-runner.jar",
            "Args": [
                # The driver runs on the primary node, which does nothing else, and its words are the step's
                # own log. In cluster mode they would be in the log of one of YARN's containers.
                *("spark-submit", "--deploy-mode", "client", "--name", name),
                *("--py-files", "{{ cfg.emr.py_files }}"),
                f"{{{{ cfg.emr.steps.{name} }}}}",
                *("--raw-bucket", "{{ cfg.buckets.raw }}"),
                *("--curated-bucket", "{{ cfg.buckets.curated }}"),
                *("--warehouse-bucket", "{{ cfg.buckets.warehouse }}"),
                *arguments,
            ],
        },
    }
