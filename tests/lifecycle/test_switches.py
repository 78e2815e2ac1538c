"""Every switch of dev, off and on: planned from the templates, walked on CloudFormation.

The walk is on templates that export and import what the real ones do and make nothing that costs time: what
CloudFormation refuses about exports, it refuses here.
"""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from local.lifecycle.account import Account, Template
from local.lifecycle.plan import plan
from stacks.requirements import NEEDS
from stacks.settings import Stacks
from tests.lifecycle.environment import Environment, bootstrap, skeleton, templates
from tests.lifecycle.walks import COMPLETE
from tests.stacks.assembly import synthesise

pytestmark = [pytest.mark.slow, pytest.mark.gateway]

SWITCHES = [each for each in Stacks.model_fields if each != "security"]
"""Without security there is no environment."""


def off(switch: str) -> set[str]:
    """A stack and those that cannot be on without it."""
    found = {switch}
    for stack, needed in NEEDS.items():
        if found & set(needed):
            found.add(stack)
    return found


def skeletons(without: set[str]) -> dict[str, Template]:
    """What is left of dev's templates when these stacks are off."""
    overrides = {f"stacks__{each}": "false" for each in without}
    return {name: skeleton(each) for name, each in templates(synthesise("dev", **overrides)).items()}


@pytest.mark.parametrize("switch", SWITCHES)
def test_a_switch_goes_off_and_on_on_a_deployed_environment(account: Account, switch: str) -> None:
    bootstrap(account)
    whole, rest = skeletons(set()), skeletons(off(switch))
    env = Environment(account, "dev", whole)
    env.up()

    env.up(rest, agree=True)

    assert set(env.states()) == set(rest)
    assert set(env.states().values()) <= COMPLETE

    env.up(whole)

    assert set(env.states()) == set(whole)
    assert set(env.states().values()) <= COMPLETE
    assert env.down() is None


def test_orchestration_is_deleted_first_and_streaming_after_those_that_use_it() -> None:
    whole = skeletons(set())

    assert steps(whole, skeletons(off("orchestration"))) == ["delete refstack-dev-orchestration"]
    let_go = steps(whole, skeletons(off("streaming")))
    assert let_go[-1] == "delete refstack-dev-streaming"
    assert {"update refstack-dev-ingestion", "update refstack-dev-spark"} <= set(let_go)


def steps(before: Mapping[str, Template], after: Mapping[str, Template]) -> list[str]:
    return [str(step) for step in plan(before, after)]
