"""What the DAGs know of the deployment: the JSON of their one variable, read by `refstack_dags.settings`."""

from __future__ import annotations

from stacks.catalog import CatalogStack
from stacks.constructs.stream_application import START_REQUEST
from stacks.containers import ContainersStack
from stacks.database import AIRFLOW, DatabaseStack
from stacks.ingestion import IngestionStack
from stacks.lake import LakeStack
from stacks.security import SecurityStack
from stacks.settings import Settings
from stacks.spark import SparkStack
from stacks.warehouse import WarehouseStack

ANSWER_SECONDS = 20
"""How much longer a task waits for a function's answer than the function may run: it may have to start."""


def known_to_dags(
    settings: Settings,
    environment_name: str,
    *,
    security: SecurityStack,
    lake: LakeStack,
    catalog: CatalogStack,
    database: DatabaseStack,
    warehouse: WarehouseStack,
    spark: SparkStack,
    containers: ContainersStack,
    ingestion: IngestionStack,
) -> dict[str, object]:
    """Names of what the DAGs use, and their tuning; times in seconds."""
    tuning = settings.orchestration
    return {
        "buckets": {
            "raw": lake.raw.bucket_name,
            "curated": lake.curated.bucket_name,
            "warehouse": lake.warehouse.bucket_name,
            "artifacts": lake.artifacts.bucket_name,
            "logs": lake.logs.bucket_name,
        },
        "catalog": {
            "raw_database": catalog.raw_database,
            "curated_database": catalog.curated_database,
            "workgroup": catalog.athena.name,
        },
        "functions": {
            "ingest_flights": ingestion.ingest_flights.name,
            "ingest_weather": ingestion.ingest_weather.name,
            "ingest_snapshots": ingestion.ingest_snapshots.name,
            "prepare_warehouse": ingestion.prepare_warehouse.name,
            "prepare_database": database.roles.function.name,
        },
        "glue": {"curate_flights": catalog.curate_job_name, "raw_crawler": catalog.crawler_name},
        "database": {"secret_arn": database.roles.secrets[AIRFLOW].secret_arn},
        "airflow_environment": environment_name,
        "quality": {
            "ruleset": {"curated_flights": catalog.quality_gate.ruleset_name},
            "role_arn": catalog.quality_gate.role.role_arn,
            "workers": settings.catalog.workers,
        },
        "emr": {
            "request_parameter": spark.request_parameter.parameter_name,
            "steps": {name: asset.uri for name, asset in spark.steps.items()},
            "py_files": spark.package.uri,
            "reference": {name: asset.uri for name, asset in spark.reference.items()},
        },
        "stream": {"request_parameter": None if spark.stream is None else settings.parameter(*START_REQUEST)},
        "warehouse": {
            "workgroup": warehouse.workgroup_name,
            "database": warehouse.database_name,
            "copy_role_arn": warehouse.copy_role.role_arn,
            "unload_role_arn": warehouse.unload_role.role_arn,
        },
        "containers": {
            "cluster": containers.cluster.cluster_name,
            "subnets": containers.subnet_ids,
            "security_groups": [containers.security_group.security_group_id],
            "tasks": {task.name: task.definition.family for task in (containers.dbt, containers.etl)},
            "logs": {task.name: task.log_group.log_group_name for task in (containers.dbt, containers.etl)},
        },
        "alerts_topic_arn": security.alerts_topic.topic_arn,
        "publication_lag_days": tuning.publication_lag_days,
        "poll_seconds": tuning.poll_seconds,
        "timeouts": {
            "lambda": tuning.lambda_timeout_seconds,
            "invocation": ingestion.longest_invocation_seconds + ANSWER_SECONDS,
            "download": tuning.download_timeout_seconds,
            "glue": tuning.glue_timeout_seconds,
            "emr": tuning.emr_timeout_seconds,
            "statement": tuning.statement_timeout_seconds,
            "container": tuning.container_timeout_seconds,
            "arrival": tuning.arrival_timeout_seconds,
        },
    }
