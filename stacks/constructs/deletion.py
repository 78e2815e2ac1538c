"""Deletion takes two keys: the resource asks for it, and the environment allows it."""

from __future__ import annotations

from aws_cdk import RemovalPolicy

from stacks.settings import Settings


def removal_policy(settings: Settings, *, otherwise: RemovalPolicy = RemovalPolicy.RETAIN) -> RemovalPolicy:
    """DESTROY where the environment says `remove_data_on_destroy = true`, else `otherwise`.

    A resource that does not call this asks for nothing and keeps the CDK's default for its type.
    """
    return RemovalPolicy.DESTROY if settings.environment.remove_data_on_destroy else otherwise
