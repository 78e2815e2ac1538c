"""Keeps the streaming job running: where it does not, it is started again from its checkpoint."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.configuration import conf
from airflow.exceptions import AirflowFailException
from airflow.providers.amazon.aws.hooks.emr import EmrServerlessHook
from airflow.providers.amazon.aws.hooks.ssm import SsmHook
from airflow.providers.amazon.aws.operators.emr import EmrServerlessStartJobOperator
from airflow.providers.amazon.aws.operators.sns import SnsPublishOperator
from airflow.providers.amazon.aws.sensors.emr import EmrServerlessJobSensor
from airflow.sdk import DAG, task
from refstack_dags import stream
from refstack_dags.run_reports import too_late
from refstack_dags.settings import Limits, cfg
from refstack_dags.task_defaults import DEFAULT_ARGS

# An option of the environment, not a variable: it is needed at parse time, and reading it calls nothing.
SCHEDULE = conf.get("refstack", "stream_guard_schedule", fallback=None)

DOC = """
### Stream: keep the job running

EMR Serverless tries a streaming job again when it fails, but gives up after five failures in an hour; and who
cancels it may forget to start it. This run looks whether a job run writes the live checkpoint. If one does,
the rest is skipped. If none does, it starts one with the deployed request, waits until it runs, and tells the
alerts topic what became of the one before.

It is paused unless the deployment has a schedule for it (`orchestration.stream_guard_schedule`): the job
bills for as long as it runs. To stop the stream, pause this first, then cancel the job run.
"""


with DAG(
    dag_id="stream_guard",
    dag_display_name="Stream: keep the job running",
    description="Starts the streaming job on EMR Serverless where it does not run",
    doc_md=DOC,
    schedule=SCHEDULE,
    start_date=datetime(2013, 1, 1, tzinfo=UTC),
    catchup=False,
    is_paused_upon_creation=SCHEDULE is None,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=1),
    on_failure_callback=too_late,
    default_args=DEFAULT_ARGS,
    user_defined_macros={"cfg": cfg},
    tags=["stream", "emr"],
):

    @task(task_id="request", task_display_name="Read the job's definition", multiple_outputs=True)
    def read_request() -> dict[str, Any]:
        """The StartJobRun request that the Spark stack keeps in SSM."""
        parameter = cfg["stream"]["request_parameter"]
        if parameter is None:
            # Not before a deploy.
            raise AirflowFailException(
                "No streaming job is deployed: the stacks Streaming and Spark must be on."
            )
        request: dict[str, Any] = json.loads(SsmHook(aws_conn_id=None).get_parameter_value(parameter))
        return request

    @task.short_circuit(task_id="is_down", task_display_name="Does none run?")
    def find_no_run(request: dict[str, Any]) -> str | None:
        """What became of the last run when none is active; None, which skips the rest, when one is."""
        serverless = EmrServerlessHook(aws_conn_id=None).conn
        active = next(stream.runs_like(serverless, request, stream.ACTIVE), None)
        if active is not None:
            return None
        last = next(stream.runs_like(serverless, request, stream.ENDED), None)
        if last is None:
            return "none has run before"
        return f"{last['jobRunId']} is {last['state']}: {last['stateDetails'] or 'no reason given'}"

    request = read_request()
    before = find_no_run(request)
    start = EmrServerlessStartJobOperator(
        task_id="start",
        task_display_name="Start the job",
        application_id=request["applicationId"],
        execution_role_arn=request["executionRoleArn"],
        job_driver=request["jobDriver"],
        name=request["name"],
        config={"mode": request["mode"], "retryPolicy": request["retryPolicy"]},
        # It does not end; the next task waits until it runs.
        wait_for_completion=False,
        pre_execute=Limits("emr"),
        # A lost try may have started it, and two would write one checkpoint. The next run looks first.
        retries=0,
    )
    running = EmrServerlessJobSensor(
        task_id="running",
        task_display_name="The job runs",
        application_id=request["applicationId"],
        job_run_id=start.output,
        target_states={"RUNNING"},
        pre_execute=Limits("emr"),
        # A run that failed stays failed; the next run of this DAG starts another.
        retries=0,
    )
    tell = SnsPublishOperator(
        task_id="tell",
        task_display_name="Tell that it was down",
        target_arn="{{ cfg.alerts_topic_arn }}",
        subject="Started: {{ ti.xcom_pull(task_ids='request', key='name') }}",
        message="The streaming job did not run and was started as {{ ti.xcom_pull(task_ids='start') }}. "
        "The run before it: {{ ti.xcom_pull(task_ids='is_down') }}.",
    )
    before >> start >> running >> tell
