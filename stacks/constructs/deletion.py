"""Deletion takes two keys: the resource asks for it, and the environment allows it."""

from __future__ import annotations

from aws_cdk import RemovalPolicy

from stacks.settings import Settings


def removal_policy(
    settings: Settings, *, otherwise: RemovalPolicy = RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE
) -> RemovalPolicy:
    """DESTROY where the environment says `remove_data_on_destroy = true`, else `otherwise`.

    A resource that does not call this asks for nothing and keeps the CDK's default for its type.

    The default is `RetainExceptOnCreate`: plain `Retain` also applies when the operation that creates the
    resource rolls back, so the empty resource stays under its name and the next deploy fails with "already
    exists" (aws-attribute-deletionpolicy.html).
    """
    return RemovalPolicy.DESTROY if settings.environment.remove_data_on_destroy else otherwise
