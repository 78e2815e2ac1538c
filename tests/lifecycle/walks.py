"""Stretches that the walks through an environment's life have in common."""

from __future__ import annotations

import pytest

from local.lifecycle.account import deployed
from tests.lifecycle.environment import DeploymentError, Environment
from tests.local.conftest import Gateway
from tests.local.stack_operations import plan

COMPLETE = {"CREATE_COMPLETE", "UPDATE_COMPLETE"}


def way_up(env: Environment, gateway: Gateway) -> None:
    """Deploy an environment, each stack of which fails in its last resource before it is created.

    Each deployment repeats the one before: it undoes the failed creation, creates that stack and fails in
    the next.
    """
    for stack in env.templates:
        plan(gateway, {"stack": stack, "last": True})
        with pytest.raises(DeploymentError, match="planned fault"):
            env.up()
        assert env.states()[stack] in {"ROLLBACK_COMPLETE", "ROLLBACK_FAILED"}
        assert plan(gateway) == []
    env.up()
    assert env.states() == dict.fromkeys(env.templates, "CREATE_COMPLETE")


def physical_ids(env: Environment) -> dict[str, str]:
    """Physical id of each resource that there is, by stack and logical id."""
    return {
        f"{name}/{each['LogicalResourceId']}": each["PhysicalResourceId"]
        for name, stack in deployed(env.account, env.name).items()
        for each in stack.resources
    }


def log_groups(env: Environment) -> list[str]:
    """Names of the environment's log groups."""
    groups = env.account.pages("logs", "describe_log_groups", "logGroups")
    return sorted(each["logGroupName"] for each in groups if f"refstack-{env.name}-" in each["logGroupName"])
