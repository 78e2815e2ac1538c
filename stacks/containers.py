"""Containers: the images of dbt, of the ETL into RDS and of the event producer, and the Fargate tasks."""

from __future__ import annotations

from pathlib import Path

from aws_cdk import ArnFormat
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from constructs import Construct

from stacks.constructs.after_deploys import after_deploys
from stacks.constructs.bundle import PACKAGE, ROOT
from stacks.constructs.container_image import ContainerImage
from stacks.constructs.data_bucket import grant_put_objects, grant_read_objects
from stacks.constructs.database_roles import allow_secrets
from stacks.constructs.dead_letter_queue import DeadLetterQueue
from stacks.constructs.fargate_task import FargateTask
from stacks.constructs.identity_names import identity_name
from stacks.constructs.stack import PlatformStack
from stacks.database import ETL, DatabaseStack
from stacks.lake import LakeStack
from stacks.nag import acknowledge
from stacks.network import NetworkStack
from stacks.security import SecurityStack
from stacks.settings import Settings
from stacks.streaming import EVENTS, StreamingStack
from stacks.warehouse import WarehouseStack

DBT_RESULTS = "dbt/"
"""Prefix of dbt's artefacts in the warehouse bucket."""
QUALITY_RESULTS = "quality/"
"""Prefix of the quality gates' results in the curated bucket."""

INSIGHTS = {
    "disabled": ecs.ContainerInsights.DISABLED,
    "enabled": ecs.ContainerInsights.ENABLED,
    "enhanced": ecs.ContainerInsights.ENHANCED,
}

BUILD_ENDED = "CodeBuild Build State Change"
UNSUCCESSFUL = ["FAILED", "FAULT", "STOPPED", "TIMED_OUT"]


class ContainersStack(PlatformStack):
    """An ECS cluster without machines of its own, and task definitions with their images.

    CodeBuild builds the images after each deploy of this stack: a rule starts the first build on the stack's
    own event, and each build that ends starts the next.
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
        database: DatabaseStack,
        warehouse: WarehouseStack,
        streaming: StreamingStack | None,
    ) -> None:
        super().__init__(scope, construct_id, settings=settings, description="Containers on Fargate")
        self._security = security
        self.cluster = self._cluster(network)
        self.subnet_ids = network.vpc.select_subnets(
            subnet_group_name=network.private_subnets.subnet_group_name
        ).subnet_ids
        self.security_group = ec2.SecurityGroup(
            self,
            "Group",
            vpc=network.vpc,
            description="Containers: they call, nobody calls them",
            allow_all_outbound=False,
        )
        # AWS' APIs and the weather source answer at addresses that nobody can list.
        self.security_group.add_egress_rule(
            ec2.Peer.any_ipv4(), ec2.Port.tcp(443), "APIs of AWS, images, the weather source"
        )
        self.security_group.connections.allow_to(
            database.security_group, database.port, "Containers to PostgreSQL"
        )
        self.security_group.connections.allow_to(
            warehouse.security_group, warehouse.port, "Containers to Redshift"
        )
        self.images = {
            "dbt": self._image("dbt", ROOT / "dbt"),
            "etl": self._image("etl", PACKAGE),
        }
        self.dbt = self._dbt(lake, warehouse)
        self.etl = self._etl(lake, database)
        self.event_producer = self._event_producer(lake, streaming) if streaming is not None else None
        """What replays flights onto the stream, where there is one."""
        self._build_images()

    def _build_images(self) -> None:
        """Build after each deploy; what could not be started, and what failed, ends in a queue.

        One image after the other, for a new account may run one build at a time and has no queue for more:
        https://docs.aws.amazon.com/codebuild/latest/userguide/limits.html
        """
        not_built = DeadLetterQueue(
            self,
            "NotBuilt",
            alerts_topic=self._security.alerts_topic,
            holds="builds of images that failed or could not be started",
        )
        builds = {
            name: targets.CodeBuildProject(image.project, dead_letter_queue=not_built)
            for name, image in self.images.items()
        }
        names = [image.project.project_name for image in self.images.values()]
        first, *others = builds
        after_deploys(self, "build the images that it names", builds[first])
        for ended, following in zip(names, others, strict=False):
            events.Rule(
                self,
                f"Build{construct_id(following)}",
                description=f"{ended} has ended: build the image {following}",
                event_pattern=events.EventPattern(
                    source=["aws.codebuild"],
                    detail_type=[BUILD_ENDED],
                    detail={"build-status": ["SUCCEEDED", *UNSUCCESSFUL], "project-name": [ended]},
                ),
                targets=[builds[following]],
            )
        not_built.keep_events(
            source="aws.codebuild",
            detail_type=BUILD_ENDED,
            detail={"build-status": UNSUCCESSFUL, "project-name": names},
        )

    def _cluster(self, network: NetworkStack) -> ecs.Cluster:
        insights = self.settings.containers.container_insights
        cluster = ecs.Cluster(
            self,
            "Cluster",
            cluster_name=self.settings.physical_name("containers"),
            vpc=network.vpc,
            container_insights_v2=INSIGHTS[insights],
        )
        if insights == "disabled":
            acknowledge(
                cluster,
                "ECS4",
                reason="Insights bill by the metric; here two short tasks a day end with a log and a result.",
            )
        return cluster

    def _image(self, name: str, *folders: Path) -> ContainerImage:
        return ContainerImage(
            self,
            f"{construct_id(name)}Image",
            settings=self.settings,
            name=name,
            folders=list(folders),
            data_key=self._security.data_key,
            logs_key=self._security.logs_key,
        )

    def _dbt(self, lake: LakeStack, warehouse: WarehouseStack) -> FargateTask:
        sizes = self.settings.containers
        task = FargateTask(
            self,
            "Dbt",
            settings=self.settings,
            name="dbt",
            image=self.images["dbt"],
            cpu=sizes.dbt_cpu,
            memory_mb=sizes.dbt_memory_mb,
            environment={
                "WORKGROUP": warehouse.workgroup_name,
                "DATABASE": warehouse.database_name,
                "RESULTS_URI": f"s3://{lake.warehouse.bucket_name}/{DBT_RESULTS}",
                "QUALITY_URI": f"s3://{lake.curated.bucket_name}/{QUALITY_RESULTS}",
            },
            logs_key=self._security.logs_key,
            # prepare_warehouse makes the database user of this role, by its name.
            role_name=identity_name(self.settings, "dbt"),
        )
        task.role.add_to_policy(
            iam.PolicyStatement(
                actions=["redshift-serverless:GetCredentials", "redshift-serverless:GetWorkgroup"],
                resources=[warehouse.workgroup_arn],
            )
        )
        grant_put_objects(
            lake.warehouse, task.role, DBT_RESULTS, reason="Each run keeps its artefacts under its own key."
        )
        grant_put_objects(
            lake.curated, task.role, QUALITY_RESULTS, reason="Each run keeps its tests under its own key."
        )
        return task

    def _etl(self, lake: LakeStack, database: DatabaseStack) -> FargateTask:
        sizes = self.settings.containers
        source = self.settings.parameter("sources", "weather")
        task = FargateTask(
            self,
            "Etl",
            settings=self.settings,
            name="etl",
            image=self.images["etl"],
            cpu=sizes.etl_cpu,
            memory_mb=sizes.etl_memory_mb,
            environment={
                "RAW_BUCKET": lake.raw.bucket_name,
                "CURATED_BUCKET": lake.curated.bucket_name,
                "AIRPORTS": ",".join(self.settings.ingestion.airports),
                "WEATHER_SOURCE_PARAMETER": source,
                "DATABASE_HOST": database.instance.db_instance_endpoint_address,
                "DATABASE_PORT": database.instance.db_instance_endpoint_port,
                "DATABASE_NAME": self.settings.database.name,
                "DATABASE_SECRET_ARN": database.roles.secrets[ETL].secret_arn,
            },
            logs_key=self._security.logs_key,
        )
        grant_read_objects(lake.curated, task.role, "flights/", reason="The ETL reads any range of days.")
        grant_read_objects(
            lake.raw, task.role, "airlines/", reason="The ETL reads the last snapshot, whichever that is."
        )
        allow_secrets(task.role, self._security.data_key, database.roles.secrets[ETL])
        # The stack that has the parameter comes later; a name needs no reference, so nothing points back.
        parameter = self.format_arn(
            service="ssm",
            resource="parameter",
            resource_name=source.lstrip("/"),
            arn_format=ArnFormat.SLASH_RESOURCE_NAME,
        )
        task.role.add_to_policy(iam.PolicyStatement(actions=["ssm:GetParameter"], resources=[parameter]))
        return task

    def _event_producer(self, lake: LakeStack, streaming: StreamingStack) -> FargateTask:
        self.security_group.connections.allow_to(
            streaming.security_group, streaming.port, "Containers to Kafka"
        )
        self.images["event_producer"] = self._image("event_producer", PACKAGE, ROOT / "streaming")
        task = FargateTask(
            self,
            "EventProducer",
            settings=self.settings,
            name="event_producer",
            image=self.images["event_producer"],
            cpu=256,
            memory_mb=512,
            environment={
                "CLUSTER_ARN": streaming.cluster_arn,
                "TOPIC": EVENTS,
                "SCHEMA_REGISTRY": streaming.schema.registry_name,
                "SCHEMA_NAME": streaming.schema.schema_name,
                "CURATED_BUCKET": lake.curated.bucket_name,
            },
            logs_key=self._security.logs_key,
        )
        grant_read_objects(lake.curated, task.role, "flights/", reason="The producer replays any day.")
        streaming.grant_produce(task.role, EVENTS)
        streaming.grant_find_brokers(task.role)
        streaming.schema.grant_read(task.role)
        return task


def construct_id(name: str) -> str:
    """Construct id of an image: EventProducer for event_producer."""
    return name.title().replace("_", "")
