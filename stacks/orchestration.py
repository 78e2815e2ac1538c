"""Orchestration: the MWAA environment, its DAGs, and what they know of the platform."""

from __future__ import annotations

import json

from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_mwaa as mwaa
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from stacks.catalog import CatalogStack
from stacks.constructs.airflow_role import airflow_role
from stacks.constructs.airflow_secrets import AirflowSecrets
from stacks.constructs.arrival_trigger import BATCH_DAG, ArrivalTrigger
from stacks.constructs.bundle import ROOT
from stacks.constructs.dag_bucket import DAGS, DagBucket
from stacks.constructs.function import Place
from stacks.constructs.killed_task_alarm import killed_task_alarm
from stacks.constructs.late_run_alarm import late_run_alarm
from stacks.constructs.logs import PlatformLogGroup
from stacks.constructs.stack import PlatformStack
from stacks.constructs.wheels import download
from stacks.containers import ContainersStack
from stacks.dag_permissions import allow_tasks, task_policies
from stacks.dag_settings import known_to_dags
from stacks.database import DatabaseStack
from stacks.ingestion import IngestionStack
from stacks.lake import LakeStack
from stacks.network import NetworkStack
from stacks.security import SecurityStack
from stacks.settings import PROJECT, Settings
from stacks.spark import SparkStack
from stacks.warehouse import WarehouseStack

LOGS = ("DAGProcessing", "Scheduler", "Task", "WebServer", "Worker")
"""MWAA's names of its log groups, after `airflow-<environment>-`."""
MWAA_ZONES = 2
"""MWAA takes exactly two subnets, in two zones; other ones replace the environment."""
SECRETS_BACKEND = "airflow.providers.amazon.aws.secrets.secrets_manager.SecretsManagerBackend"


class OrchestrationStack(PlatformStack):
    """MWAA, its bucket, its role with exactly what the DAGs call, the DAGs' one variable, and what starts the
    batch when a day arrives.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        security: SecurityStack,
        network: NetworkStack,
        lake: LakeStack,
        catalog: CatalogStack,
        database: DatabaseStack,
        warehouse: WarehouseStack,
        spark: SparkStack,
        containers: ContainersStack,
        ingestion: IngestionStack,
    ) -> None:
        super().__init__(scope, construct_id, settings=settings, description="Airflow on MWAA")
        self.environment_name = settings.physical_name("airflow")
        source = ROOT / "mwaa_dags"
        private = settings.orchestration.webserver_access == "PRIVATE_ONLY"
        dags = DagBucket(
            self,
            "Source",
            settings=settings,
            source=source,
            key=security.data_key,
            logs_key=security.logs_key,
            access_logs=lake.logs,
            wheels=download(source, settings.orchestration.airflow_version) if private else None,
        )
        # MWAA would make these groups without a retention; it takes those that are there. Their key is the
        # environment's, as of those that it makes.
        log_groups = {
            name: PlatformLogGroup(
                self,
                f"{name}Log",
                settings=settings,
                key=security.data_key,
                name=f"airflow-{self.environment_name}-{name}",
            )
            for name in LOGS
        }
        self.role = airflow_role(
            self,
            name=ingestion.loader_role_name,
            environment_name=self.environment_name,
            bucket=dags.bucket,
            key=security.data_key,
            log_groups=list(log_groups.values()),
        )
        allow_tasks(
            self.role,
            settings,
            security=security,
            lake=lake,
            catalog=catalog,
            database=database,
            warehouse=warehouse,
            spark=spark,
            containers=containers,
            ingestion=ingestion,
        )
        self.secrets = AirflowSecrets(self, "Secrets", settings=settings, key=security.data_key)
        self.variable = self.secrets.variable(
            PROJECT,
            known_to_dags(
                settings,
                self.environment_name,
                security=security,
                lake=lake,
                catalog=catalog,
                database=database,
                warehouse=warehouse,
                spark=spark,
                containers=containers,
                ingestion=ingestion,
            ),
        )
        connections = self._connections(database, warehouse)
        policies = task_policies(
            self,
            self.role,
            settings,
            environment_name=self.environment_name,
            secrets=self.secrets,
            variable=self.variable,
            lake=lake,
            catalog=catalog,
            database=database,
            spark=spark,
        )
        self.airflow = self._environment(security, network, database, dags)
        for each in (self.role, *policies, self.variable, *connections, dags.dags, *log_groups.values()):
            self.airflow.node.add_dependency(each)
        self.arrivals = ArrivalTrigger(
            self,
            "Arrivals",
            settings=settings,
            bucket=lake.raw,
            environment_name=self.environment_name,
            logs_key=security.logs_key,
            alerts_topic=security.alerts_topic,
            place=self._caller_in_the_vpc(network) if private else None,
        )
        self.arrivals.node.add_dependency(self.airflow)
        killed_task_alarm(
            self,
            log_group=log_groups["Task"],
            environment_name=self.environment_name,
            topic=security.alerts_topic,
        )
        if settings.orchestration.schedule is not None:
            late_run_alarm(
                self,
                dag_id=BATCH_DAG,
                environment_name=self.environment_name,
                topic=security.alerts_topic,
            )

    def _connections(self, database: DatabaseStack, warehouse: WarehouseStack) -> list[secretsmanager.Secret]:
        """Where things are that no AWS call tells."""
        endpoint = database.instance.instance_endpoint
        return [
            self.secrets.connection(
                "flights_source", conn_type="http", host=self.settings.ingestion.flights_source
            ),
            self.secrets.connection(
                "operational_db",
                conn_type="postgres",
                host=endpoint.hostname,
                port=database.instance.db_instance_endpoint_port,
                schema=self.settings.database.name,
            ),
            # S3ToRedshiftOperator takes the role that COPY reads with from a connection.
            self.secrets.connection(
                "redshift_copy", conn_type="aws", extra={"role_arn": warehouse.copy_role.role_arn}
            ),
        ]

    def _caller_in_the_vpc(self, network: NetworkStack) -> Place:
        """Where a function runs that calls a private web server."""
        group = ec2.SecurityGroup(
            self,
            "CallerGroup",
            vpc=network.vpc,
            description="trigger_batch: outbound only, to the interface endpoint of MWAA",
            allow_all_outbound=False,
        )
        inside = ec2.Peer.ipv4(self.settings.network.cidr)
        group.add_egress_rule(inside, ec2.Port.tcp(443), "Interface endpoints")
        return network.place(group)

    def _environment(
        self, security: SecurityStack, network: NetworkStack, database: DatabaseStack, dags: DagBucket
    ) -> mwaa.CfnEnvironment:
        settings = self.settings.orchestration
        group = ec2.SecurityGroup(
            self,
            "Group",
            vpc=network.vpc,
            description="Airflow: scheduler, workers, web server and database among themselves",
            # Workers call AWS' APIs, and pip the package index, at addresses that nobody can list.
            allow_all_outbound=True,
        )
        group.add_ingress_rule(group, ec2.Port.all_traffic(), "MWAA wants a group that admits itself")
        database.security_group.add_ingress_rule(
            group,
            database.port,
            "Tasks of Airflow",
            # Written here, as a rule of the consumer.
            remote_rule=True,
        )
        subnets = network.vpc.select_subnets(subnet_group_name=network.private_subnets.subnet_group_name)
        log = mwaa.CfnEnvironment.ModuleLoggingConfigurationProperty(enabled=True, log_level="INFO")
        return mwaa.CfnEnvironment(
            self,
            "Environment",
            name=self.environment_name,
            airflow_version=settings.airflow_version,
            environment_class=settings.environment_class,
            min_workers=settings.min_workers,
            max_workers=settings.max_workers,
            webserver_access_mode=settings.webserver_access,
            execution_role_arn=self.role.role_arn,
            kms_key=security.data_key.key_arn,
            source_bucket_arn=dags.bucket.bucket_arn,
            dag_s3_path=DAGS,
            requirements_s3_path=dags.requirements.path,
            requirements_s3_object_version=dags.requirements.version,
            startup_script_s3_path=dags.startup.path if dags.startup else None,
            startup_script_s3_object_version=dags.startup.version if dags.startup else None,
            plugins_s3_path=dags.plugins.path if dags.plugins else None,
            plugins_s3_object_version=dags.plugins.version if dags.plugins else None,
            network_configuration=mwaa.CfnEnvironment.NetworkConfigurationProperty(
                subnet_ids=subnets.subnet_ids[:MWAA_ZONES], security_group_ids=[group.security_group_id]
            ),
            logging_configuration=mwaa.CfnEnvironment.LoggingConfigurationProperty(
                dag_processing_logs=log,
                scheduler_logs=log,
                task_logs=log,
                webserver_logs=log,
                worker_logs=log,
            ),
            airflow_configuration_options=self._airflow_options(),
        )

    def _airflow_options(self) -> dict[str, str]:
        settings = self.settings.orchestration
        options = {
            "core.default_task_retries": str(settings.retries),
            "core.default_task_retry_delay": str(settings.retry_delay_seconds),
            "core.load_examples": "False",
            "secrets.backend": SECRETS_BACKEND,
            "secrets.backend_kwargs": json.dumps(
                {
                    "variables_prefix": f"{self.secrets.prefix}/variables",
                    "connections_prefix": f"{self.secrets.prefix}/connections",
                    "sep": "/",
                }
            ),
        }
        if settings.schedule is not None:
            options["refstack.schedule"] = settings.schedule
        if settings.stream_guard_schedule is not None:
            options["refstack.stream_guard_schedule"] = settings.stream_guard_schedule
        if settings.maintenance_schedule is not None:
            options["refstack.maintenance_schedule"] = settings.maintenance_schedule
        return options
