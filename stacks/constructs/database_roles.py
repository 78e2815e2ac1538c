"""Database roles for the jobs of the operational store: a secret each, and the function that makes them."""

from __future__ import annotations

import json
from collections.abc import Sequence

from aws_cdk import Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_rds as rds
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from stacks.constructs.after_deploys import after_deploys
from stacks.constructs.dead_letter_queue import DeadLetterQueue
from stacks.constructs.deletion import removal_policy
from stacks.constructs.function import PlatformFunction
from stacks.nag import acknowledge
from stacks.network import NetworkStack
from stacks.security import SecurityStack
from stacks.settings import Settings


class DatabaseRoles(Construct):
    """`prepare_database`, and the secrets with name and password of the roles that it makes.

    It runs after each deploy of the stack: a rule starts it on the stack's own event, so that no custom
    resource stands in the deploy's way. `make deploy` and the DAG `container_etl` call it again. It alone
    reads the master user's secret.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        security: SecurityStack,
        network: NetworkStack,
        instance: rds.DatabaseInstance,
        master_secret: secretsmanager.ISecret,
        port: ec2.Port,
        roles: Sequence[str],
    ) -> None:
        super().__init__(scope, construct_id)
        self._settings = settings
        self._key = security.data_key
        self.secrets = {role: self._secret(role) for role in roles}
        """Secret of each role."""
        group = ec2.SecurityGroup(
            self,
            "Group",
            vpc=network.vpc,
            description="prepare_database: it calls, nobody calls it",
            allow_all_outbound=False,
        )
        group.add_egress_rule(ec2.Peer.any_ipv4(), ec2.Port.tcp(443), "APIs of AWS")
        group.connections.allow_to(instance, port, "prepare_database to PostgreSQL")
        dead_letters = DeadLetterQueue(
            self,
            "NotPrepared",
            alerts_topic=security.alerts_topic,
            holds="deploys after which the database's roles could not be made",
        )
        self.function = PlatformFunction(
            self,
            "PrepareDatabase",
            settings=settings,
            name="prepare_database",
            description="Makes roles, schemas and the board of the operational store; again changes nothing",
            logs_key=security.logs_key,
            environment={
                "DATABASE_HOST": instance.db_instance_endpoint_address,
                "DATABASE_PORT": instance.db_instance_endpoint_port,
                "DATABASE_NAME": settings.database.name,
                "ADMIN_SECRET_ARN": master_secret.secret_arn,
                "ROLE_SECRET_ARNS": Stack.of(self).to_json_string(
                    [secret.secret_arn for secret in self.secrets.values()]
                ),
            },
            memory_mb=256,
            timeout_seconds=60,
            dead_letters=dead_letters,
            place=network.place(group),
        )
        allow_secrets(self.function.role, self._key, master_secret, *self.secrets.values())
        after_deploys(
            self,
            "make the roles that it names",
            targets.LambdaFunction(self.function.function, dead_letter_queue=dead_letters),
        )

    def _secret(self, role: str) -> secretsmanager.Secret:
        secret = secretsmanager.Secret(
            self,
            "".join(word.title() for word in role.split("_")),
            description=f"Name and password of the database role {role}",
            encryption_key=self._key,
            generate_secret_string=secretsmanager.SecretStringGenerator(
                secret_string_template=json.dumps({"username": role}),
                generate_string_key="password",
                password_length=40,
                exclude_punctuation=True,
            ),
            removal_policy=removal_policy(self._settings),
        )
        acknowledge(
            secret,
            "SMG4",
            reason="prepare_database puts a new value of the secret in force; it can run at any time.",
        )
        return secret


def allow_secrets(role: iam.Role, key: kms.IKey, *secrets: secretsmanager.ISecret) -> None:
    """Let `role` read secrets that are encrypted with `key`."""
    role.add_to_policy(
        iam.PolicyStatement(
            actions=["secretsmanager:GetSecretValue"], resources=[secret.secret_arn for secret in secrets]
        )
    )
    role.add_to_policy(
        iam.PolicyStatement(
            actions=["kms:Decrypt"],
            resources=[key.key_arn],
            conditions={
                "StringEquals": {"kms:ViaService": f"secretsmanager.{Stack.of(role).region}.amazonaws.com"}
            },
        )
    )
