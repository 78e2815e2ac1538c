"""What the tasks of the DAGs may do: their grants on what the other stacks have.

A role's inline policies may have 10,240 characters together, so some are managed policies beside them.
"""

from __future__ import annotations

from aws_cdk import ArnFormat, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from flights import schema
from stacks.catalog import STREAM, CatalogStack
from stacks.constructs.airflow_secrets import AirflowSecrets
from stacks.constructs.data_bucket import grant_put_objects, grant_read_objects
from stacks.constructs.task_permissions import (
    allow_clusters,
    allow_containers,
    allow_crawler,
    allow_evaluations,
    allow_glue_job,
    allow_partition_repair,
    allow_queries,
    allow_rest_api,
    allow_statements,
    allow_stream,
)
from stacks.containers import ContainersStack
from stacks.database import AIRFLOW, DatabaseStack
from stacks.ingestion import IngestionStack
from stacks.lake import LakeStack
from stacks.nag import acknowledge_wildcard
from stacks.security import SecurityStack
from stacks.settings import PROJECT, Settings
from stacks.spark import SparkStack
from stacks.warehouse import WarehouseStack
from streaming.tables import STREAM_EVENTS


def allow_tasks(
    role: iam.Role,
    settings: Settings,
    *,
    security: SecurityStack,
    lake: LakeStack,
    catalog: CatalogStack,
    database: DatabaseStack,
    warehouse: WarehouseStack,
    spark: SparkStack,
    containers: ContainersStack,
    ingestion: IngestionStack,
) -> None:
    """Let `role` call what the batch is made of."""
    for function in (
        ingestion.ingest_flights,
        ingestion.ingest_weather,
        ingestion.ingest_snapshots,
        ingestion.prepare_warehouse,
        database.roles.function,
    ):
        function.allow_invocation_by(role)
    grant_read_objects(
        lake.raw,
        role,
        "flights/",
        "weather/",
        reason="A sensor waits for the objects of a run's days.",
    )
    for bucket in (lake.curated, lake.warehouse):
        grant_read_objects(
            bucket, role, "accounting/", reason="The last task checks the row counts of its own run."
        )
    gate = catalog.quality_gate
    allow_evaluations(role, ruleset_arn=gate.ruleset_arn, passed=gate.role)
    grant_put_objects(
        lake.curated, role, "quality/", reason="The gate keeps the results of a run, a file each."
    )
    role.add_to_policy(
        iam.PolicyStatement(actions=["sns:Publish"], resources=[security.alerts_topic.topic_arn])
    )
    allow_clusters(
        role,
        passed=[spark.service_role, spark.node_role],
        tags={"project": PROJECT, "environment": settings.name},
    )
    allow_statements(role, warehouse.workgroup_arn)
    allow_containers(role, cluster=containers.cluster, tasks=[containers.dbt, containers.etl])
    role.add_to_policy(
        iam.PolicyStatement(actions=["ssm:GetParameter"], resources=[spark.request_parameter.parameter_arn])
    )


def task_policies(
    scope: Construct,
    role: iam.Role,
    settings: Settings,
    *,
    environment_name: str,
    secrets: AirflowSecrets,
    variable: secretsmanager.Secret,
    lake: LakeStack,
    catalog: CatalogStack,
    database: DatabaseStack,
    spark: SparkStack,
) -> list[iam.ManagedPolicy]:
    """Managed policies of `role` for the rest: secrets, catalog, queries, Airflow's REST API, the stream."""
    policy = iam.ManagedPolicy(
        scope, "Tasks", description="What else the tasks of Airflow may do", roles=[role]
    )
    connections = Stack.of(scope).format_arn(
        service="secretsmanager",
        resource="secret",
        resource_name=f"{secrets.prefix}/connections/*",
        arn_format=ArnFormat.COLON_RESOURCE_NAME,
    )
    policy.add_statements(
        iam.PolicyStatement(
            actions=["secretsmanager:GetSecretValue"],
            resources=[variable.secret_arn, connections, database.roles.secrets[AIRFLOW].secret_arn],
        )
    )
    allow_glue_job(policy, catalog.curate_job_arn)
    allow_crawler(policy, catalog.crawler_name)
    allow_partition_repair(
        policy,
        catalog.glue_arns(
            catalog.curated_database, schema.CURATED_FLIGHTS.name, schema.REJECTED_FLIGHTS.name
        ),
    )
    allow_queries(
        policy,
        workgroup_arn=catalog.athena.arn,
        table_arns=catalog.glue_arns(catalog.curated_database, STREAM_EVENTS.name),
        data=lake.curated.arn_for_objects(f"{STREAM}/events/*"),
        results=lake.artifacts,
    )
    # Op is the least of Airflow's roles that may make a pool.
    allow_rest_api(policy, environment_name, "Op")
    acknowledge_wildcard(
        policy,
        connections,
        "*",
        reason="Airflow asks its backend for any connection that a DAG names before it looks elsewhere; "
        "GetCrawlerMetrics knows no resource.",
    )
    if spark.stream is None:
        return [policy]
    guard = iam.ManagedPolicy(
        scope, "StreamGuard", description="Airflow keeps the streaming job running", roles=[role]
    )
    allow_stream(guard, settings)
    return [policy, guard]
