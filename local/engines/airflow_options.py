"""How Airflow is tuned to run an MWAA environment on one small machine."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from local.layout import HOST

# Tasks fork from the scheduler's workers: what these have imported, no task imports again (1.5 s each).
PRELOAD = """\
import airflow.models.dagbag
import airflow.sdk.execution_time.supervisor
import airflow.sdk.execution_time.task_runner
import airflow.providers.amazon.aws.hooks.s3
import airflow.providers.amazon.aws.hooks.sns
import airflow.providers.amazon.aws.hooks.ssm
import airflow.providers.amazon.aws.operators.ecs
import airflow.providers.amazon.aws.operators.emr
import airflow.providers.amazon.aws.operators.glue
import airflow.providers.amazon.aws.operators.lambda_function
import airflow.providers.amazon.aws.operators.redshift_data
import airflow.providers.amazon.aws.secrets.secrets_manager
import airflow.providers.amazon.aws.sensors.emr
import airflow.providers.amazon.aws.sensors.s3
import airflow.providers.standard.operators.python
import sqlparse
from airflow.sdk import DAG, Connection, Param, TaskGroup, Variable, task
"""

DEFAULTS = {
    "core.load_examples": "False",
    # As many tasks at a time as the smallest environment class runs, on a machine with two cores.
    "core.parallelism": "3",
    # Airflow looks for new files every five minutes; MWAA finds them within half a minute.
    "dag_processor.refresh_interval": "10",
    "dag_processor.parsing_processes": "1",
    "scheduler.scheduler_idle_sleep_time": "0.2",
    # How soon tasks of a scheduler that died are run again: Airflow looks every five minutes for one that has
    # been silent for half a minute.
    "scheduler.orphaned_tasks_check_interval": "10",
    "scheduler.scheduler_health_check_threshold": "15",
    "api.workers": "1",
}
"""Options that an environment's own AirflowConfigurationOptions override."""


def merged(
    options: Mapping[str, str], *, folder: Path, url: str, port: int, admin: str, secret: str
) -> dict[str, str]:
    """Every option of Airflow by section.key: the defaults, an environment's own, and what cannot be its own.

    The last are where things lie and answer: `folder` holds the DAGs, the database and the logs, `url` and
    `port` are the API server's, `secret` signs its tokens, `admin` is its one user.
    """
    return {
        **DEFAULTS,
        **options,
        "core.executor": "LocalExecutor",
        "core.dags_folder": str(folder / "dags"),
        "core.plugins_folder": str(folder / "plugins"),
        "core.auth_manager": "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager",
        "core.simple_auth_manager_users": f"{admin}:admin",
        "core.simple_auth_manager_passwords_file": str(folder / "passwords.json"),
        "core.execution_api_server_url": f"{url}/execution/",
        "core.fernet_key": "",
        "database.sql_alchemy_conn": f"sqlite:///{folder / 'airflow.db'}",
        "api.host": HOST,
        "api.port": str(port),
        "api.base_url": f"{url}/",
        "api.secret_key": secret,
        "api_auth.jwt_secret": secret,
        "logging.base_log_folder": str(folder / "logs"),
        "logging.dag_processor_child_process_log_directory": str(folder / "logs" / "dag_processor"),
        "usage_data_collection.enabled": "False",
    }


def variables(options: Mapping[str, str]) -> dict[str, str]:
    """The environment variables that set options, given by section.key."""
    found = {}
    for option, value in options.items():
        section, _, key = option.rpartition(".")
        found[f"AIRFLOW__{section.upper()}__{key.upper()}"] = value
    return found
