"""The containerised ETL by Docker: container_etl for those who have it, see docker-compose.yml."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

from airflow.providers.docker.operators.docker import DockerOperator
from airflow.sdk import DAG, Param

DOC = """
### Flights: operational store, by Docker

The image that Fargate runs (`containers/etl`), started beside Airflow on the network of the compose file: it
loads the days into the PostgreSQL that stands there. Image, arguments and rows are those of `container_etl`.
"""

PASSED_ON = (
    *("AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
    *("RAW_BUCKET", "CURATED_BUCKET", "AIRPORTS", "WEATHER_SOURCE_PARAMETER", "DATABASE_SECRET_ARN"),
)
"""What the container gets of .env."""

with DAG(
    dag_id="container_etl_docker",
    dag_display_name="Flights: operational store, by Docker",
    description="Curated flights and weather to PostgreSQL, for a range of days",
    doc_md=DOC,
    schedule=None,
    start_date=datetime(2013, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    default_args={"owner": "data-platform", "retries": 2, "retry_delay": timedelta(seconds=20)},
    params={
        "start": Param("2013-01-01", type="string", format="date", title="First day"),
        "end": Param("2013-01-01", type="string", format="date", title="Last day, included"),
    },
    tags=["flights", "docker"],
):
    DockerOperator(
        task_id="etl",
        task_display_name="Load the days",
        image=os.environ.get("ETL_IMAGE", "refstack-etl"),
        command="--start {{ params.start }} --end {{ params.end }}",
        network_mode=os.environ.get("ETL_NETWORK", "refstack_platform"),
        environment={
            "DATABASE_HOST": "postgres",
            "DATABASE_PORT": "5432",
            "DATABASE_NAME": "flights",
        },
        private_environment={name: os.environ.get(name, "") for name in PASSED_ON},
        auto_remove="success",
        mount_tmp_dir=False,
        execution_timeout=timedelta(hours=1),
    )
