"""What still works in an environment and would be cut off, or hold up, its end."""

from __future__ import annotations

from collections.abc import Iterator

from botocore.exceptions import BotoCoreError, ClientError

from local.lifecycle.account import PROJECT, Account

ALIVE = ["STARTING", "BOOTSTRAPPING", "RUNNING", "WAITING"]
UNFINISHED = ["SUBMITTED", "PENDING", "SCHEDULED", "RUNNING", "QUEUED"]


def running(account: Account, env: str) -> list[str]:
    """A sentence for each EMR cluster, job run of EMR Serverless and DAG run, with what ends it."""
    found: list[str] = []
    for look in (_clusters, _job_runs, _dag_runs):
        try:
            found += look(account, f"{PROJECT}-{env}-")
        except (BotoCoreError, ClientError) as error:
            found.append(f"{look.__name__.strip('_').replace('_', ' ')} could not be listed: {error}")
    return found


def _clusters(account: Account, prefix: str) -> Iterator[str]:
    for each in account.pages("emr", "list_clusters", "Clusters", ClusterStates=ALIVE):
        if each["Name"].startswith(prefix):
            yield (
                f"EMR cluster {each['Name']} is {each['Status']['State']}: "
                f"aws emr terminate-clusters --cluster-ids {each['Id']}"
            )


def _job_runs(account: Account, prefix: str) -> Iterator[str]:
    for application in account.pages("emr-serverless", "list_applications", "applications"):
        if not application["name"].startswith(prefix):
            continue
        runs = account.pages(
            "emr-serverless",
            "list_job_runs",
            "jobRuns",
            applicationId=application["id"],
            states=UNFINISHED,
        )
        for run in runs:
            yield (
                f"Job run {run.get('name') or run['id']} of {application['name']} is {run['state']}: "
                f"aws emr-serverless cancel-job-run --application-id {application['id']} "
                f"--job-run-id {run['id']}"
            )


def _dag_runs(account: Account, prefix: str) -> Iterator[str]:
    mwaa = account.client("mwaa")
    for name in account.pages("mwaa", "list_environments", "Environments"):
        if not name.startswith(prefix):
            continue
        answer = mwaa.invoke_rest_api(
            Name=name, Path="/dags/~/dagRuns", Method="GET", QueryParameters={"state": ["running", "queued"]}
        )
        for run in answer["RestApiResponse"].get("dag_runs", []):
            yield f"DAG run {run['dag_run_id']} of {run['dag_id']} is {run['state']}: stop it in Airflow's UI"
