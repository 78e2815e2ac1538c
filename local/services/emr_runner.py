"""One EMR step: its command as command-runner.jar reads it, run by Spark; its logs where EMR puts them.

In client mode the step's stdout and stderr are the driver's. In cluster mode the driver is a container of
YARN: its output is in the container's log, the step's stderr has only what the client of YARN reports.
https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-manage-view-web-log-files.html
"""

from __future__ import annotations

import shlex
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any

from local.engines.spark import Job, Outcome
from local.engines.spark import run as run_spark
from local.engines.spark_failure import failure_message
from local.engines.spark_submit import Submission, SubmitError, parse
from local.layout import home
from local.services.emr_logs import deliver

PYTHONS = frozenset({"python3", "python3.9", "python3.11"})
"""Interpreters on the nodes of EMR 7; here all of them are this machine's one."""


class StepError(Exception):
    """A step that cannot be started; the text goes to its stderr log and its FailureDetails."""


def run(
    record: dict[str, Any], step: dict[str, Any], cancelled: threading.Event, on_start: Callable[[], None]
) -> tuple[str, dict[str, str] | None]:
    """Run the step; its final state (COMPLETED, FAILED, CANCELLED), and FailureDetails for a failed one."""
    cluster = record["cluster"]
    folder = home() / "emr" / cluster["Id"] / step["Id"]
    folder.mkdir(parents=True, exist_ok=True)
    controller = [f"INFO startExec '{_exec_line(step)}'"]
    application_id = _application_id(cluster, record["applications_started"])
    in_container = False
    try:
        submission = submission_of(cluster, step)
        in_container = submission.deploy_mode == "cluster"
        python = submission.properties.get("spark.pyspark.python", "python3")
        controller.append(
            f"INFO {python} of the cluster's nodes is this machine's Python 3.11; master is local"
        )
        job = Job(
            name=step["Id"],
            folder=folder / "container" if in_container else folder,
            submission=submission,
            role_arn=step.get("ExecutionRoleArn") or record["role_arn"],
            session_name=record["node"],
            application_id=application_id,
            environment=exports(cluster),
            event_log=_default_event_log(cluster),
        )
        outcome = run_spark(job, cancelled, on_start)
    except StepError as problem:
        on_start()
        (folder / "stdout").write_text("")
        (folder / "stderr").write_text(f"{problem}\n")
        outcome = Outcome(1, folder / "stdout", folder / "stderr", started=False)
    if in_container:
        outcome = _seen_by_the_client(record, outcome, application_id, folder)
    ended = "CANCELLED" if outcome.cancelled else "COMPLETED" if outcome.succeeded else "FAILED"
    controller.append(f"INFO total process run time: {outcome.seconds:.0f} seconds")
    controller.append(f"INFO Step {ended.lower()} with exitCode {outcome.exit_code}")
    if outcome.event_log is not None:
        controller.append(f"INFO Spark event log: {outcome.event_log}")
    moment = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    (folder / "controller").write_text("".join(f"{moment} {line}\n" for line in controller))
    log_file = deliver(record, f"steps/{step['Id']}", folder)
    if ended != "FAILED":
        return ended, None
    failure = {
        "Reason": "Unknown Error.",
        "Message": failure_message(outcome),
    }
    return ended, failure if log_file is None else {**failure, "LogFile": log_file}


def _seen_by_the_client(
    record: dict[str, Any], driver: Outcome, application_id: str, folder: Path
) -> Outcome:
    """Deliver the log of the driver's container; the outcome with what the client of YARN prints instead.

    A program that could not be started was the client's own failure.
    """
    stdout, stderr = folder / "stdout", folder / "stderr"
    stdout.write_text("")
    if not driver.started:
        stderr.write_text(driver.stderr.read_text())
    else:
        number = application_id.removeprefix("application_")
        container = f"containers/{application_id}/container_{number}_01_000001"
        deliver(record, container, driver.stderr.parent, ("stderr", "stdout"))
        state = "KILLED" if driver.exit_code is None else "FINISHED"
        report = f"INFO Client: Application report for {application_id} (state: {state})\n"
        if not driver.succeeded:
            report += (
                'Exception in thread "main" org.apache.spark.SparkException: '
                f"Application {application_id} finished with failed status\n"
            )
        stderr.write_text(report)
    return replace(driver, stdout=stdout, stderr=stderr)


def submission_of(cluster: dict[str, Any], step: dict[str, Any]) -> Submission:
    """The spark-submit that a step asks for, with the cluster's spark-defaults beneath its own properties.

    Raises StepError for a program that is not there: another jar, another command, Spark not installed.
    """
    config = step["Config"]
    if PurePosixPath(config["Jar"]).name != "command-runner.jar":
        raise StepError(f"{config['Jar']}: only command-runner.jar is emulated here.")
    arguments = config["Args"]
    if not arguments or PurePosixPath(arguments[0]).name != "spark-submit":
        raise StepError(
            f"command-runner.jar runs only spark-submit here, not {' '.join(arguments[:1]) or 'nothing'}."
        )
    if not any(application["Name"].lower() == "spark" for application in cluster["Applications"]):
        raise StepError(
            'Cannot run program "spark-submit" (in directory "."): error=2, No such file or directory'
        )
    try:
        submission = parse(arguments[1:])
    except SubmitError as problem:
        raise StepError(
            f"Error: {problem}\nRun with --help for usage help or --verbose for debug output"
        ) from None
    defaults = classification(cluster, "spark-defaults")
    python = exported(cluster).get("PYSPARK_PYTHON")
    submission.properties = {
        **({} if python is None else {"spark.pyspark.python": python}),
        **defaults,
        **submission.properties,
    }
    python = submission.properties.get("spark.pyspark.python", "python3")
    if PurePosixPath(python).name not in PYTHONS:
        raise StepError(f'Cannot run program "{python}": error=2, No such file or directory')
    return submission


def classification(cluster: dict[str, Any], name: str) -> dict[str, str]:
    """Properties of one configuration classification of the cluster."""
    found: dict[str, str] = {}
    for configuration in cluster["Configurations"]:
        if configuration.get("Classification") == name:
            found.update(configuration.get("Properties", {}))
    return found


def exported(cluster: dict[str, Any]) -> dict[str, str]:
    """Variables that the cluster's spark-env classification exports."""
    return {
        name: value.strip('"')
        for configuration in cluster["Configurations"]
        if configuration.get("Classification") == "spark-env"
        for nested in configuration.get("Configurations", [])
        if nested.get("Classification") == "export"
        for name, value in nested.get("Properties", {}).items()
    }


def exports(cluster: dict[str, Any]) -> dict[str, str]:
    """Environment of the cluster's programs, apart from what names places on a node."""
    return {
        name: value
        for name, value in exported(cluster).items()
        if name not in {"PYSPARK_PYTHON", "PYSPARK_DRIVER_PYTHON", "JAVA_HOME", "SPARK_HOME", "PATH"}
    }


def _exec_line(step: dict[str, Any]) -> str:
    config = step["Config"]
    return shlex.join(
        ["hadoop", "jar", f"/var/lib/aws/emr/step-runner/hadoop-jars/{config['Jar']}", *config["Args"]]
    )


def _application_id(cluster: dict[str, Any], sequence: int) -> str:
    created = cluster["Status"]["Timeline"]["CreationDateTime"]
    return f"application_{int(created.timestamp() * 1000)}_{sequence:04d}"


def _default_event_log(cluster: dict[str, Any]) -> str | None:
    """Where event logs go that no property sends elsewhere; the cluster's own HDFS is not here."""
    policies = cluster.get("MonitoringConfiguration", {}).get("S3LoggingConfiguration", {})
    disabled = policies.get("LogTypeUploadPolicy", {}).get("persistent-ui-logs") == "disabled"
    if "LogUri" not in cluster or disabled:
        return None
    return f"{cluster['LogUri'].rstrip('/')}/{cluster['Id']}/spark-events/"
