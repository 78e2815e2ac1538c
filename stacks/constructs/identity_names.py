"""Names of IAM roles and groups, which an account has once for all its regions."""

from __future__ import annotations

from aws_cdk import Aws

from stacks.settings import Settings


def identity_name(settings: Settings, *parts: str) -> str:
    """Name of a role or group that another side must know, for instance refstack-dev-airflow.

    With `environment.regional_names` the region is its last part.
    """
    name = settings.physical_name(*parts)
    return f"{name}-{Aws.REGION}" if settings.environment.regional_names else name
