"""Deletion takes two keys: the resource asks for it, and the environment allows it."""

from __future__ import annotations

from aws_cdk import RemovalPolicy

from stacks.settings import Settings


def removal_policy(settings: Settings, *, asks: RemovalPolicy = RemovalPolicy.DESTROY) -> RemovalPolicy:
    """`asks` where the environment says `remove_data_on_destroy = true`, else RETAIN."""
    return asks if settings.environment.remove_data_on_destroy else RemovalPolicy.RETAIN
