"""Airflow's variables and connections, where its secrets backend looks for them."""

from __future__ import annotations

from typing import Any

from aws_cdk import SecretValue, Stack
from aws_cdk import aws_kms as kms
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from stacks.constructs.deletion import removal_policy
from stacks.nag import acknowledge
from stacks.settings import PROJECT, Settings


class AirflowSecrets(Construct):
    """Variables and connections under `refstack/<environment>/` in Secrets Manager.

    They tell where something is, never a password: tasks call AWS as their role, and read the password of a
    database from the secret that its service keeps and rotates.
    """

    def __init__(self, scope: Construct, construct_id: str, *, settings: Settings, key: kms.IKey) -> None:
        super().__init__(scope, construct_id)
        self._settings = settings
        self._key = key
        self.prefix = f"{PROJECT}/{settings.name}"
        """What Airflow's secrets backend is told to look under, in `variables` and `connections`."""

    def connection(self, name: str, **fields: Any) -> secretsmanager.Secret:
        """The connection `name`, of Airflow's fields: conn_type, host, port, schema, extra."""
        if {"login", "password"} & set(fields):
            raise ValueError(
                f"connection {name}: a template shows whatever it holds, so no login and password"
            )
        return self._secret(
            f"{''.join(word.title() for word in name.split('_'))}Connection",
            f"connections/{name}",
            f"Airflow connection: where {name} is",
            fields,
        )

    def variable(self, name: str, value: dict[str, object]) -> secretsmanager.Secret:
        """The variable `name`, a JSON document."""
        return self._secret("Variable", f"variables/{name}", "Airflow variable: what the DAGs know", value)

    def _secret(
        self, construct_id: str, name: str, description: str, value: dict[str, Any]
    ) -> secretsmanager.Secret:
        stack = Stack.of(self)
        secret = secretsmanager.Secret(
            self,
            construct_id,
            secret_name=f"{self.prefix}/{name}",
            description=description,
            encryption_key=self._key,
            # Names and ARNs, which the template may show.
            secret_string_value=SecretValue.unsafe_plain_text(stack.to_json_string(value)),
            removal_policy=removal_policy(self._settings),
        )
        acknowledge(
            secret, "SMG4", reason="It holds names and timeouts, no credential: there is nothing to rotate."
        )
        return secret
