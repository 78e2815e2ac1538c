"""What an MWAA environment is when little is said about it, and what of it concerns Airflow."""

from __future__ import annotations

from typing import Any

from local.engines.airflow import Configuration
from local.engines.airflow_files import ObjectVersion
from local.services import mwaa_validation
from local.services.service import Request

LOG_KINDS = {
    "DagProcessingLogs": "DAGProcessing",
    "SchedulerLogs": "Scheduler",
    "TaskLogs": "Task",
    "WebserverLogs": "WebServer",
    "WorkerLogs": "Worker",
}


def arn(request: Request, name: str) -> str:
    """ARN of the environment `name`."""
    return f"arn:aws:airflow:{request.region}:{request.account}:environment/{name}"


def defaults(params: dict[str, Any]) -> dict[str, Any]:
    """What CreateEnvironment assumes for parameters that it is not given."""
    micro = params.get("EnvironmentClass") == mwaa_validation.MICRO
    return {
        "AirflowVersion": mwaa_validation.documented_values("AirflowVersion")[-1],
        "EnvironmentClass": "mw1.small",
        "MaxWorkers": 1 if micro else 10,
        "MinWorkers": 1,
        "Schedulers": 1 if micro else 2,
        "MinWebservers": 1 if micro else 2,
        "MaxWebservers": 1 if micro else 2,
        "WebserverAccessMode": "PRIVATE_ONLY",
        "EndpointManagement": "SERVICE",
        "WeeklyMaintenanceWindowStart": "SUN:03:30",
        "AirflowConfigurationOptions": {},
        "Tags": {},
    }


def logging_configuration(request: Request, wanted: dict[str, Any]) -> dict[str, Any]:
    """Levels asked for, or the defaults, with the log group that MWAA names for each kind of log."""
    asked = wanted.get("LoggingConfiguration", {})
    configuration = {}
    for kind, suffix in LOG_KINDS.items():
        level = {"Enabled": kind == "TaskLogs", "LogLevel": "INFO", **asked.get(kind, {})}
        group = f"airflow-{wanted['Name']}-{suffix}"
        arn = f"arn:aws:logs:{request.region}:{request.account}:log-group:{group}"
        configuration[kind] = {**level, "CloudWatchLogGroupArn": arn}
    return configuration


def airflow_configuration(environment: dict[str, Any]) -> Configuration:
    """The part of an environment's description that Airflow is started with."""

    def pinned(file: str) -> ObjectVersion | None:
        key = environment.get(f"{file}S3Path")
        return ObjectVersion(key, environment[f"{file}S3ObjectVersion"]) if key else None

    # The smallest class has one machine for scheduler and worker, whose log is the worker's.
    micro = environment["EnvironmentClass"] == mwaa_validation.MICRO
    installing = ("WebserverLogs", "WorkerLogs", *(() if micro else ("SchedulerLogs",)))
    logs = [environment["LoggingConfiguration"][kind] for kind in installing]
    return Configuration(
        name=environment["Name"],
        version=environment["AirflowVersion"],
        role_arn=environment["ExecutionRoleArn"],
        bucket=environment["SourceBucketArn"].rpartition(":")[2],
        dags_prefix=environment["DagS3Path"],
        options=environment["AirflowConfigurationOptions"],
        requirements=pinned("Requirements"),
        plugins=pinned("Plugins"),
        requirements_log_groups=tuple(
            each["CloudWatchLogGroupArn"].rpartition(":")[2] for each in logs if each["Enabled"]
        ),
    )
