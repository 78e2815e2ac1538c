"""What this Airflow environment really is: its machine, its versions, and whether its settings resolve."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from importlib import metadata
from pathlib import Path
from typing import Any

from airflow import __version__ as airflow_version
from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import DAG, Connection, task
from refstack_dags import pinned_versions
from refstack_dags.run_reports import too_late
from refstack_dags.settings import cfg
from refstack_dags.task_defaults import DEFAULT_ARGS

IMAGES = Path(__file__).with_name("mwaa_image")
"""By Airflow version: the packages of MWAA's image, which the tests of the DAGs ran with."""
CONNECTIONS = ("flights_source", "operational_db", "redshift_copy")

DOC = """
### Environment: what is installed, and does it resolve?

MWAA gives no shell. After a change of its requirements or its class, this run tells in its logs what the
workers are, and fails when an installed version is not the one that MWAA's image has by `mwaa_image/`, which
the tests ran with, or when a variable or connection is not to be had from Secrets Manager. Of another version
of Airflow nothing is known here: it was not run.
"""


def check_versions() -> dict[str, Any]:
    """Compare what is installed with the image's packages; counts. Raises ValueError with the differences."""
    packages = IMAGES / airflow_version / "packages.txt"
    if not packages.exists():
        raise ValueError(f"The DAGs were not run on Airflow {airflow_version}: mwaa_image/ does not list it.")
    pinned = pinned_versions.read(packages.read_text())
    installed = {pinned_versions.normal(found.name): found.version for found in metadata.distributions()}
    differing = pinned_versions.differences(pinned, installed)
    if differing:
        raise ValueError(f"Not the versions that are pinned: {'; '.join(differing)}.")
    return {"installed": len(installed), "pinned": len(pinned)}


with DAG(
    dag_id="environment_check",
    dag_display_name="Environment: what is installed, and does it resolve?",
    description="Versions, machine and settings of the Airflow environment",
    doc_md=DOC,
    schedule=None,
    start_date=datetime(2013, 1, 1, tzinfo=UTC),
    catchup=False,
    is_paused_upon_creation=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(minutes=15),
    on_failure_callback=too_late,
    default_args=DEFAULT_ARGS,
    tags=["operations"],
) as dag:
    BashOperator(
        task_id="machine",
        task_display_name="Describe the worker",
        bash_command="set -e; uname -srm; python --version; df -h /tmp | tail -1; nproc",
        do_xcom_push=False,
    )
    PythonOperator(
        task_id="versions",
        task_display_name="Installed is what is pinned",
        python_callable=check_versions,
        retries=0,
    )

    @task(task_id="settings", task_display_name="Variable and connections are there", retries=0)
    def check_settings() -> list[str]:
        """Read the variable and each connection; where they point."""
        assert cfg["buckets"]
        return [Connection.get(name).host or name for name in CONNECTIONS]

    check_settings()
