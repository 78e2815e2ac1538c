"""A Lambda function of the repository: its bundle, its role, its log group."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aws_cdk import Duration
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from stacks.constructs.bundle import PYTHON_VERSION, function_zip
from stacks.constructs.logs import PlatformLogGroup
from stacks.nag import acknowledge, acknowledge_wildcard
from stacks.settings import Settings

RUNTIME = lambda_.Runtime.PYTHON_3_13
if RUNTIME.name != f"python{PYTHON_VERSION}":
    raise RuntimeError(f"bundles are made for Python {PYTHON_VERSION}, functions run on {RUNTIME.name}")

LONGEST_SYNCHRONOUS_SECONDS = 320
"""Longest timeout of a function that is invoked synchronously, with room for its start.

The connection of a synchronous invocation is idle until the answer comes. NAT gateways drop one that is idle
for 350 s (https://docs.aws.amazon.com/vpc/latest/userguide/nat-gateway-troubleshooting.html), interface
endpoints as well, and SO_KEEPALIVE, which botocore can switch on, sends its first probe after two hours.
"""


@dataclass(frozen=True)
class Place:
    """Where a function's network interfaces are."""

    vpc: ec2.IVpc
    subnets: ec2.SubnetSelection
    group: ec2.SecurityGroup


class PlatformFunction(Construct):
    """The function `lambdas/<name>`, with a role that can write its own log and nothing else.

    What it may do beyond that, its stack grants to `role`. `dead_letters` gets the events of asynchronous
    invocations that failed for good. With a `place` it runs in the VPC; its role may then make interfaces.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        name: str,
        description: str,
        logs_key: kms.IKey,
        environment: Mapping[str, str],
        memory_mb: int,
        timeout_seconds: int,
        dead_letters: sqs.IQueue | None = None,
        place: Place | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        self.purpose = name
        """The folder of the function, which says what it is for."""
        self.timeout_seconds = timeout_seconds
        """How long an invocation may run."""
        log_group = PlatformLogGroup(self, "Log", settings=settings, key=logs_key)
        self.role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            description=f"The Lambda function {name}",
        )
        log_group.grant_write(self.role)
        self.function = lambda_.Function(
            self,
            "Function",
            description=description,
            runtime=RUNTIME,
            architecture=lambda_.Architecture.ARM_64,
            handler="handler.handler",
            code=lambda_.Code.from_asset(str(function_zip(name))),
            role=self.role,
            log_group=log_group,
            logging_format=lambda_.LoggingFormat.JSON,
            memory_size=memory_mb,
            timeout=Duration.seconds(timeout_seconds),
            dead_letter_queue=dead_letters,
            vpc=place.vpc if place else None,
            vpc_subnets=place.subnets if place else None,
            security_groups=[place.group] if place else None,
            environment={"POWERTOOLS_SERVICE_NAME": name, "POWERTOOLS_LOG_LEVEL": "INFO", **environment},
        )
        if place is not None:
            allow_network_interfaces(self.role)
            # Lambda makes interfaces when the function is made, and removes them when it is gone.
            self.function.node.add_dependency(self.role)
        acknowledge(
            self.function,
            "L1",
            reason="Python 3.13 is supported until 2029 and the newest that the suite imports the "
            "handlers with; the bundle is pure Python, so moving on is a change of one line.",
        )

    @property
    def name(self) -> str:
        """The function's name."""
        return self.function.function_name

    def allow_invocation_by(self, role: iam.Role) -> None:
        """Let `role` invoke the function, and no version or alias of it, and wait for the answer.

        Raises ValueError if the answer may take longer than a connection stays open.
        """
        if self.timeout_seconds > LONGEST_SYNCHRONOUS_SECONDS:
            raise ValueError(
                f"{self.purpose} may run {self.timeout_seconds} s, but a caller that waits gets no answer "
                f"after {LONGEST_SYNCHRONOUS_SECONDS} s: shorten it, or invoke it asynchronously."
            )
        role.add_to_policy(
            iam.PolicyStatement(actions=["lambda:InvokeFunction"], resources=[self.function.function_arn])
        )


def allow_network_interfaces(role: iam.Role) -> None:
    """Let Lambda, as `role`, make and remove its interfaces in the VPC.

    https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html#configuration-vpc-permissions and
    https://docs.aws.amazon.com/lambda/latest/dg/with-msk-permissions.html
    """
    role.add_to_policy(
        iam.PolicyStatement(
            actions=[
                "ec2:AssignPrivateIpAddresses",
                "ec2:CreateNetworkInterface",
                "ec2:DeleteNetworkInterface",
                "ec2:DescribeNetworkInterfaces",
                "ec2:DescribeSecurityGroups",
                "ec2:DescribeSubnets",
                "ec2:DescribeVpcs",
                "ec2:UnassignPrivateIpAddresses",
            ],
            resources=["*"],
        )
    )
    acknowledge_wildcard(
        role, "*", reason="Lambda asks for these rights on all interfaces, whose ids nobody knows before."
    )
