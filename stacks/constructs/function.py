"""A Lambda function of the repository: its bundle, its role, its log group."""

from __future__ import annotations

from collections.abc import Mapping

from aws_cdk import Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from stacks.constructs.bundle import PYTHON_VERSION, function_zip
from stacks.constructs.logs import PlatformLogGroup
from stacks.nag import acknowledge
from stacks.settings import Settings

RUNTIME = lambda_.Runtime.PYTHON_3_13
if RUNTIME.name != f"python{PYTHON_VERSION}":
    raise RuntimeError(f"bundles are made for Python {PYTHON_VERSION}, functions run on {RUNTIME.name}")


class PlatformFunction(Construct):
    """The function `lambdas/<name>`, with a role that can write its own log and nothing else.

    What it may do beyond that, its stack grants to `role`. `dead_letters` gets the events of asynchronous
    invocations that failed for good.
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
    ) -> None:
        super().__init__(scope, construct_id)
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
            environment={"POWERTOOLS_SERVICE_NAME": name, "POWERTOOLS_LOG_LEVEL": "INFO", **environment},
        )
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
        """Let `role` invoke the function, and no version or alias of it."""
        role.add_to_policy(
            iam.PolicyStatement(actions=["lambda:InvokeFunction"], resources=[self.function.function_arn])
        )
