"""A Fargate task of one container: definition, roles, log group."""

from __future__ import annotations

from collections.abc import Mapping

from aws_cdk import Duration
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from stacks.constructs.container_image import ContainerImage
from stacks.constructs.logs import PlatformLogGroup
from stacks.constructs.trust import on_our_behalf
from stacks.nag import acknowledge, acknowledge_wildcard
from stacks.settings import Settings

SCRATCH = "/tmp"  # noqa: S108 - the one folder of the container that can be written
ALIVE = ["CMD", "python", "-c", "import os; os.kill(1, 0)"]
"""The health check, which ECS takes from the task definition and not from the image: a batch has no port to
ask, so it tells whether the container still starts programs and its first process is there."""


class FargateTask(Construct):
    """The task definition that runs one image once and ends; nobody logs in, nothing listens.

    The root file system is read-only but for /tmp. `role` is the container's own and begins with nothing; the
    execution role pulls the image and writes the log.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        name: str,
        image: ContainerImage,
        cpu: int,
        memory_mb: int,
        environment: Mapping[str, str],
        logs_key: kms.IKey,
        role_name: str | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        self.name = name
        self.log_group = PlatformLogGroup(
            self, "Log", settings=settings, key=logs_key, name=settings.parameter("containers", name)
        )
        self.role = iam.Role(
            self,
            "Role",
            role_name=role_name,
            assumed_by=on_our_behalf("ecs-tasks", arn_service="ecs", resource="*"),
            description=f"The container {name}",
        )
        self.execution_role = iam.Role(
            self,
            "ExecutionRole",
            assumed_by=iam.ServicePrincipal("ecs-tasks.amazonaws.com"),
            description=f"ECS starts the container {name}",
        )
        self.definition = ecs.FargateTaskDefinition(
            self,
            "Definition",
            family=settings.physical_name(name),
            cpu=cpu,
            memory_limit_mib=memory_mb,
            task_role=self.role,
            execution_role=self.execution_role,
            runtime_platform=ecs.RuntimePlatform(
                cpu_architecture=ecs.CpuArchitecture.ARM64,
                operating_system_family=ecs.OperatingSystemFamily.LINUX,
            ),
            volumes=[ecs.Volume(name="scratch")],
        )
        container = self.definition.add_container(
            name,
            container_name=name,
            image=image.image,
            environment=dict(environment),
            readonly_root_filesystem=True,
            linux_parameters=ecs.LinuxParameters(self, "Linux", init_process_enabled=True),
            health_check=ecs.HealthCheck(
                command=ALIVE,
                interval=Duration.seconds(30),
                timeout=Duration.seconds(5),
                retries=3,
                start_period=Duration.seconds(10),
            ),
            logging=ecs.LogDrivers.aws_logs(log_group=self.log_group, stream_prefix=name),
        )
        container.add_mount_points(
            ecs.MountPoint(container_path=SCRATCH, source_volume="scratch", read_only=False)
        )
        acknowledge(
            self.definition,
            "ECS2",
            reason="The variables are names and addresses; the database's password is read at run time.",
        )
        acknowledge_wildcard(
            self.execution_role,
            "*",
            reason="The login to a registry is for the account; IAM knows no resource for it.",
        )
