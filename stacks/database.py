"""The operational store: RDS for PostgreSQL, and a database role for each job that uses it."""

from __future__ import annotations

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_rds as rds
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from stacks.constructs.alarms import PERIOD, alert_when
from stacks.constructs.database_roles import DatabaseRoles
from stacks.constructs.deletion import removal_policy
from stacks.constructs.logs import PlatformLogGroup
from stacks.constructs.stack import PlatformStack
from stacks.nag import acknowledge
from stacks.network import NetworkStack
from stacks.security import SecurityStack
from stacks.settings import PROJECT, Settings

ETL, FLIGHT_BOARD, AIRFLOW = "etl", "flight_board", "airflow"
"""Database roles, as operational_store.roles makes them."""
LEAST_FREE = 0.05
"""Share of the first storage that is to be free; RDS lets it grow from a tenth of what there is on."""
BUSY_PERCENT = 90


class DatabaseStack(PlatformStack):
    """One PostgreSQL instance in isolated subnets, its password kept and rotated by RDS itself."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        security: SecurityStack,
        network: NetworkStack,
    ) -> None:
        super().__init__(scope, construct_id, settings=settings, description="RDS for PostgreSQL")
        database = settings.database
        identifier = settings.physical_name("database")
        # RDS would make the group without a retention; it takes the one that is there under this name.
        log_group = PlatformLogGroup(
            self,
            "Log",
            settings=settings,
            key=security.logs_key,
            name=f"/aws/rds/instance/{identifier}/postgresql",
        )
        engine = rds.DatabaseInstanceEngine.postgres(
            version=rds.PostgresEngineVersion.of(
                database.engine_version, database.engine_version.partition(".")[0]
            )
        )
        self.security_group = ec2.SecurityGroup(
            self,
            "Group",
            vpc=network.vpc,
            description="PostgreSQL: clients open their own way in",
            allow_all_outbound=False,
        )
        removable = settings.environment.remove_data_on_destroy
        self.instance = rds.DatabaseInstance(
            self,
            "Instance",
            engine=engine,
            # Another than RDS' own choice, so that the log group above is the one that it writes to.
            instance_identifier=identifier,
            instance_type=ec2.InstanceType(database.instance_type),
            vpc=network.vpc,
            vpc_subnets=network.isolated_subnets,
            security_groups=[self.security_group],
            port=database.port,
            database_name=database.name,
            manage_master_user_password=True,
            credentials=rds.Credentials.from_username(f"{PROJECT}_admin", encryption_key=security.data_key),
            iam_authentication=True,
            storage_type=rds.StorageType.GP3,
            allocated_storage=database.storage_gb,
            max_allocated_storage=database.max_storage_gb,
            storage_encrypted=True,
            storage_encryption_key=security.data_key,
            multi_az=database.multi_az,
            backup_retention=Duration.days(database.backup_days),
            delete_automated_backups=removable,
            copy_tags_to_snapshot=True,
            allow_major_version_upgrade=database.allow_major_version_upgrade or None,
            # The version is a setting: an upgrade behind its back would make the next deploy a downgrade.
            auto_minor_version_upgrade=False,
            publicly_accessible=False,
            cloudwatch_logs_exports=["postgresql"],
            parameter_group=rds.ParameterGroup(
                self,
                "Parameters",
                engine=engine,
                description="TLS only; slow statements are logged",
                parameters={"rds.force_ssl": "1", "log_min_duration_statement": "1000"},
            ),
            deletion_protection=not removable,
            # An instance that stays would hold the subnets of a VPC that goes: its last snapshot stays.
            removal_policy=removal_policy(settings, otherwise=RemovalPolicy.SNAPSHOT),
        )
        self.instance.node.add_dependency(log_group)
        self.roles = DatabaseRoles(
            self,
            "Roles",
            settings=settings,
            security=security,
            network=network,
            instance=self.instance,
            master_secret=self.secret,
            port=self.port,
            roles=(ETL, FLIGHT_BOARD, AIRFLOW),
        )
        """The jobs' own roles, with a secret each."""
        self._alert_before_it_stands_still(security)
        self._acknowledge_small_sizes()

    @property
    def secret(self) -> secretsmanager.ISecret:
        """Name and password of the master user, in the secret that RDS keeps and rotates."""
        secret = self.instance.secret
        assert secret is not None
        return secret

    @property
    def port(self) -> ec2.Port:
        """The instance's TCP port, for the rules that its clients write."""
        return ec2.Port.tcp(self.settings.database.port)

    def _alert_before_it_stands_still(self, security: SecurityStack) -> None:
        left_gb = round(self.settings.database.storage_gb * LEAST_FREE)
        alert_when(
            self,
            "StorageLow",
            self.instance.metric_free_storage_space(period=PERIOD, statistic="Minimum"),
            says=f"PostgreSQL has {left_gb} GB left: storage has grown to max_storage_gb, or not fast enough",
            topic=security.alerts_topic,
            threshold=left_gb * 1024**3,
            low=True,
        )
        alert_when(
            self,
            "CpuBusy",
            self.instance.metric_cpu_utilization(period=PERIOD),
            says=f"PostgreSQL has used {BUSY_PERCENT} % of its CPU for half an hour: look for a statement",
            topic=security.alerts_topic,
            threshold=BUSY_PERCENT,
            lasting=Duration.minutes(30),
        )

    def _acknowledge_small_sizes(self) -> None:
        if not self.settings.database.multi_az:
            acknowledge(
                self.instance,
                "RDS3",
                reason="A standby doubles the price; this environment restores from a backup instead.",
            )
        if self.settings.environment.remove_data_on_destroy:
            acknowledge(
                self.instance,
                "RDS10",
                reason="This environment is made to be destroyed with its data; others are protected.",
            )
