"""What a run of a Glue job starts: the program, its arguments and properties as Glue makes them, its logs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from local.engines.spark import Job, Outcome
from local.engines.spark_submit import Submission
from local.services.clients import client
from local.services.log_batches import batches

SESSION_NAME = "GlueJobRunnerSession"
"""Name of the role session in which Glue runs a job's program."""

CONSUMED = frozenset(
    {
        *("--additional-python-modules", "--conf", "--continuous-log-conversionPattern"),
        *("--continuous-log-logGroup", "--continuous-log-logStreamPrefix", "--custom-logGroup-prefix"),
        *("--datalake-formats", "--enable-auto-scaling", "--enable-continuous-cloudwatch-log"),
        *("--enable-continuous-log-filter", "--enable-glue-datacatalog", "--enable-job-insights"),
        *("--enable-metrics", "--enable-observability-metrics", "--enable-spark-ui", "--extra-files"),
        *("--extra-jars", "--extra-py-files", "--job-language", "--python-modules-installer-option"),
        *("--spark-event-logs-path", "--user-jars-first", "--class", "--scriptLocation"),
    }
)
"""Arguments that are for Glue itself; the program does not get them."""
REFUSED = {
    "--additional-python-modules": "pip modules are not installed for a run",
    "--datalake-formats": "no data lake format's jars are installed",
}
"""Arguments that ask for what is not here, and why a run with them fails."""


class JobError(Exception):
    """A run that cannot be started; the text is its ErrorMessage."""


def spark_job(job: dict[str, Any], run: dict[str, Any], role_arn: str, folder: Path) -> Job:
    """The Spark program of a run. Raises JobError for a kind of job, or an argument, that is not emulated."""
    command = job["Command"]
    if command["Name"] != "glueetl":
        raise JobError(f"Jobs of type {command['Name']} are not emulated; glueetl is.")
    arguments = effective_arguments(job, run)
    for name, reason in REFUSED.items():
        if arguments.get(name):
            raise JobError(f"{name} is not emulated: {reason}.")
    script = command.get("ScriptLocation")
    if not script:
        raise JobError("The job has no ScriptLocation.")
    submission = Submission(
        application=script,
        arguments=program_arguments(arguments, job["Name"], run["Id"]),
        main_class=arguments.get("--class") if arguments.get("--job-language") == "scala" else None,
        py_files=_listed(arguments.get("--extra-py-files")),
        jars=_listed(arguments.get("--extra-jars")),
        files=_listed(arguments.get("--extra-files")),
        properties=configured(arguments.get("--conf", "")),
    )
    events = arguments.get("--spark-event-logs-path")
    return Job(
        name=run["Id"],
        folder=folder,
        submission=submission,
        role_arn=role_arn,
        session_name=SESSION_NAME,
        application_id=run["Id"],
        environment={"GLUE_PYTHON_VERSION": "3", "AWS_EXECUTION_ENV": "AWS_Glue"},
        event_log=events if arguments.get("--enable-spark-ui", "false").lower() == "true" else None,
        timeout_seconds=run["Timeout"] * 60,
    )


def effective_arguments(job: dict[str, Any], run: dict[str, Any]) -> dict[str, str]:
    """Arguments of a run: the job's own, replaced by the run's, replaced by those that may not be."""
    return {
        **job.get("DefaultArguments", {}),
        **run.get("Arguments", {}),
        **job.get("NonOverridableArguments", {}),
    }


def program_arguments(arguments: dict[str, str], job_name: str, run_id: str) -> list[str]:
    """Command line of the program: a name and a value each, Glue's own ones about the run among them."""
    own = {name: value for name, value in arguments.items() if name not in CONSUMED}
    own.update({"--JOB_ID": f"j_{job_name}", "--JOB_RUN_ID": run_id, "--JOB_NAME": job_name})
    return [part for name, value in own.items() for part in (name, str(value))]


def configured(text: str) -> dict[str, str]:
    """Spark properties of the `--conf` argument, which chains them: `a=b --conf c=d`."""
    found = {}
    for part in re.split(r"\s*--conf\s+", text.strip()):
        name, equals, value = part.partition("=")
        if part and not equals:
            raise JobError(f"--conf has no '=' in {part!r}.")
        if part:
            found[name.strip()] = value.strip()
    return found


def log_group(job: dict[str, Any]) -> str:
    """Common part of the names of a job's log groups; `/output` and `/error` follow.

    With a security configuration, its name and the role's are in it: it holds encrypted logs of that role.
    https://docs.aws.amazon.com/glue/latest/dg/monitor-continuous-logging.html
    """
    prefix = job.get("DefaultArguments", {}).get("--custom-logGroup-prefix", "/aws-glue/jobs")
    configuration = job.get("SecurityConfiguration")
    if not configuration:
        return str(prefix)
    return f"{prefix}/{configuration}-role/{job['Role'].rpartition('/')[2]}"


def deliver_logs(job: dict[str, Any], run: dict[str, Any], role_arn: str, outcome: Outcome) -> str:
    """Put what the program wrote in the job's log groups, with its role; why that failed, or nothing."""
    logs = client("logs", role_arn=role_arn, session_name=SESSION_NAME)
    try:
        for stream, path in (("output", outcome.stdout), ("error", outcome.stderr)):
            lines = path.read_text(errors="replace").splitlines()
            put_lines(logs, f"{run['LogGroupName']}/{stream}", run["Id"], lines)
    except (ClientError, BotoCoreError) as problem:
        return f"The logs were not delivered: {problem}"
    return ""


def put_lines(logs: Any, group: str, stream: str, lines: list[str]) -> None:
    """Put lines in one log stream, an event each; stream and group are made if nobody made them before."""
    try:
        logs.create_log_stream(logGroupName=group, logStreamName=stream)
    except logs.exceptions.ResourceAlreadyExistsException:
        pass
    except logs.exceptions.ResourceNotFoundException:
        logs.create_log_group(logGroupName=group)
        logs.create_log_stream(logGroupName=group, logStreamName=stream)
    for batch in batches(lines):
        logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=batch)


def _listed(text: str | None) -> list[str]:
    return [part.strip() for part in (text or "").split(",") if part.strip()]
