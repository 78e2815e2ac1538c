"""The life of dev: deployed against failures, two stacks switched off and on, destroyed, deployed again."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from local import runtime
from local.errors import UserFacingError
from local.lifecycle.account import Account
from tests.lifecycle.environment import Environment, bootstrap, templates
from tests.lifecycle.walks import COMPLETE, log_groups, physical_ids, way_up
from tests.local.conftest import Gateway
from tests.local.stack_operations import plan
from tests.stacks.assembly import Assembly, synthesise

pytestmark = [pytest.mark.slow, pytest.mark.gateway]

WITHOUT = {
    "streaming": lambda: synthesise("dev", stacks__streaming="false"),
    "orchestration": lambda: synthesise("dev", stacks__orchestration="false"),
}
ALIVE = ("refstack-dev-lake/", "refstack-dev-database/", "refstack-dev-warehouse/")
"""Stacks whose resources hold data, and which no switch of these walks concerns."""


@pytest.fixture(scope="module")
def dev() -> Assembly:
    return synthesise("dev")


@pytest.fixture(scope="module")
def env(gateway: Gateway, dev: Assembly) -> Environment:
    """One environment for the whole walk: the tests are its stretches, in this order."""
    account = Account(runtime.environment())
    bootstrap(account, dev)
    return Environment(account, "dev", templates(dev))


def test_each_stack_fails_in_its_last_resource_rolls_back_and_is_deployed_before_the_next(
    env: Environment, gateway: Gateway
) -> None:
    way_up(env, gateway)


@pytest.mark.parametrize("switch", list(WITHOUT))
def test_a_stack_is_switched_off_and_on_again(env: Environment, dev: Assembly, switch: str) -> None:
    assembly = WITHOUT[switch]()
    bootstrap(env.account, assembly)
    stack = f"refstack-dev-{switch}"
    before = physical_ids(env)

    env.up(templates(assembly), agree=True)

    assert stack not in env.states()
    assert set(env.states().values()) <= COMPLETE
    assert any(line.startswith(f"Switched off but still deployed: {stack}") for line in env.said)

    env.up(templates(dev))

    assert set(env.states()) == set(env.templates)
    assert set(env.states().values()) <= COMPLETE
    assert _data(physical_ids(env)) == _data(before)


def test_a_switched_off_stack_is_not_deleted_unless_somebody_agrees(env: Environment, dev: Assembly) -> None:
    before, env.updated = env.states(), []

    with pytest.raises(UserFacingError, match=r"^Nothing was changed\..*YES=1"):
        env.up(templates(WITHOUT["streaming"]()), agree=False)

    assert (env.states(), env.updated) == (before, [])
    env.templates = dict(templates(dev))


def test_it_is_destroyed_however_late_aws_lets_go_and_deployed_again(
    env: Environment, gateway: Gateway
) -> None:
    env.said.clear()
    plan(
        gateway,
        {"effect": "access-logs", "resource": "*logs*", "times": 2},
        {"effect": "database-logs"},
        {"effect": "warehouse-logs"},
        {"effect": "network-interfaces", "times": 3},
    )

    assert env.down() is None

    assert env.states() == {}
    assert log_groups(env) == []
    late = [line for line in env.said if "Trying again" in line]
    assert any("not empty" in line for line in late)
    assert any("DependencyViolation" in line for line in late)
    assert any("made anew" in line for line in env.said)
    plan(gateway)
    env.up()
    assert env.states() == dict.fromkeys(env.templates, "CREATE_COMPLETE")


def _data(ids: Mapping[str, str]) -> dict[str, str]:
    """Physical ids in the stacks that hold data, without what the switches themselves add."""
    return {
        name: identifier
        for name, identifier in ids.items()
        if name.startswith(ALIVE) and "FlightBoard" not in name and "Policy" not in name
    }
