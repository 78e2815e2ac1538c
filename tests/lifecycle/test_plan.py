"""The order of a change: no export is taken away while a stack imports it."""

from __future__ import annotations

from typing import Any

import pytest

from local.errors import UserFacingError
from local.lifecycle.plan import Step, plan


def template(*, exports: tuple[str, ...] = (), imports: tuple[str, ...] = ()) -> dict[str, Any]:
    return {
        "Resources": {
            name: {"Type": "T", "Properties": {"P": [{"Fn::ImportValue": name}]}} for name in imports
        },
        "Outputs": {name: {"Value": "v", "Export": {"Name": name}} for name in exports},
    }


BASE = template(exports=("vpc",))


def test_nothing_precedes_a_deployment_that_takes_no_export_away() -> None:
    before = {"base": BASE, "user": template(imports=("vpc",))}
    after = {**before, "base": template(exports=("vpc", "more")), "new": template(imports=("more",))}

    assert plan({}, before) == []
    assert plan(before, before) == []
    assert plan(before, after) == []


def test_the_consumer_of_an_export_that_goes_is_updated_before_its_producer() -> None:
    before = {"base": BASE, "user": template(imports=("vpc",))}
    after = {"base": template(), "user": template()}

    assert plan(before, after) == [Step("deploy", "user")]


def test_a_stack_that_is_switched_off_is_deleted_before_what_it_imports_goes() -> None:
    before = {"base": BASE, "off": template(imports=("vpc",))}

    assert plan(before, {"base": template()}) == [Step("delete", "off")]


def test_a_stack_that_others_import_from_is_deleted_after_they_let_go() -> None:
    before = {"base": BASE, "off": template(exports=("topic",)), "user": template(imports=("topic", "vpc"))}
    after = {"base": BASE, "user": template(imports=("vpc",))}

    assert plan(before, after) == [Step("deploy", "user"), Step("delete", "off")]


def test_letting_go_goes_down_a_chain() -> None:
    """base ← middle ← user: each gives up what the next imports."""
    before = {
        "base": BASE,
        "middle": template(exports=("function",), imports=("vpc",)),
        "user": template(imports=("function",)),
    }
    after = {"base": template(), "middle": template(), "user": template()}

    assert plan(before, after) == [Step("deploy", "user"), Step("deploy", "middle")]


def test_a_deletion_comes_before_an_update_that_it_holds_up() -> None:
    before = {
        "off": template(exports=("topic",)),
        "user": template(exports=("function",), imports=("topic",)),
        "also off": template(imports=("function",)),
    }
    after = {"user": template()}

    assert plan(before, after) == [
        Step("delete", "also off"),
        Step("deploy", "user"),
        Step("delete", "off"),
    ]


def test_a_consumer_that_lets_go_and_needs_something_new_gets_that_first() -> None:
    before = {"old": template(exports=("a",)), "new": template(), "user": template(imports=("a",))}
    after = {"old": template(), "new": template(exports=("b",)), "user": template(imports=("b",))}

    assert plan(before, after) == [Step("deploy", "new"), Step("deploy", "user")]


def test_what_no_order_can_do_is_one_sentence() -> None:
    before = {"base": template(exports=("a",)), "user": template(imports=("a",))}
    after = {"base": template(exports=("b",)), "user": template(imports=("b",))}

    with pytest.raises(UserFacingError, match=r"base and user cannot be changed in one deployment"):
        plan(before, after)


def test_the_order_is_the_same_each_time() -> None:
    before = {"base": template(exports=("a",)), **{f"user {n}": template(imports=("a",)) for n in range(9)}}
    after = {name: template() for name in before}

    assert plan(before, after) == plan(dict(reversed(before.items())), dict(reversed(after.items())))
