"""Planned faults of stacks: one resource fails, and the stack does what CloudFormation does about it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.local.conftest import Gateway
from tests.local.stack_operations import Stack, plan

pytestmark = pytest.mark.gateway


def queues(*names: str, seconds: int = 30, **policy: Any) -> dict[str, Any]:
    """Queues, each after the one before."""
    resources: dict[str, Any] = {}
    for name in names:
        resources[name] = {
            "Type": "AWS::SQS::Queue",
            "Properties": {"VisibilityTimeout": seconds},
            **policy,
            **({"DependsOn": list(resources)[-1]} if resources else {}),
        }
    return resources


def test_a_creation_that_fails_in_its_last_resource_is_rolled_back_and_can_be_repeated(
    gateway: Gateway,
) -> None:
    stack = Stack(gateway, "last")
    plan(gateway, {"stack": "la*", "last": True, "reason": "out of luck"})

    assert stack.create(queues("First", "Second", "Third")) == "ROLLBACK_COMPLETE"

    assert stack.why("Third", "CREATE_FAILED") == "out of luck"
    assert {name for name, status, _ in stack.events() if status == "DELETE_COMPLETE"} == {"First", "Second"}
    assert gateway.client("sqs").list_queues().get("QueueUrls", []) == []
    assert stack.delete() == "DELETE_COMPLETE"
    assert stack.create(queues("First", "Second", "Third")) == "CREATE_COMPLETE"
    assert plan(gateway) == []


def test_a_failed_update_returns_to_the_earlier_template(gateway: Gateway) -> None:
    stack = Stack(gateway, "back")
    outputs = {"Seconds": {"Value": "30", "Export": {"Name": "back-seconds"}}}
    assert stack.create(queues("First", "Second"), Outputs=outputs) == "CREATE_COMPLETE"
    plan(gateway, {"stack": "back", "logical_id": "Second", "operation": "update", "reason": "no"})
    outputs["Seconds"]["Value"] = "60"

    assert stack.update(queues("First", "Second", "New", seconds=60), Outputs=outputs) == (
        "UPDATE_ROLLBACK_COMPLETE"
    )

    assert stack.outputs() == {"Seconds": "30"}
    exports = stack.api.list_exports()["Exports"]
    assert [one["Value"] for one in exports if one["Name"] == "back-seconds"] == ["30"]
    assert set(stack.resources()) == {"First", "Second"}
    sqs = gateway.client("sqs")
    attributes = sqs.get_queue_attributes(
        QueueUrl=stack.resources()["First"], AttributeNames=["VisibilityTimeout"]
    )
    assert attributes["Attributes"]["VisibilityTimeout"] == "30"
    # The earlier template is what the stack is at: the same again is no change.
    with pytest.raises(stack.api.exceptions.ClientError, match="No updates are to be performed"):
        stack.update(queues("First", "Second"), Outputs={"Seconds": {**outputs["Seconds"], "Value": "30"}})


def test_a_rollback_that_fails_is_continued(gateway: Gateway) -> None:
    stack = Stack(gateway, "stuck")
    assert stack.create(queues("First", "Second")) == "CREATE_COMPLETE"
    plan(
        gateway,
        {"stack": "stuck", "logical_id": "New"},
        {"stack": "stuck", "logical_id": "First", "operation": "rollback", "reason": "stays"},
    )

    assert stack.update(queues("First", "Second", "New", seconds=60)) == "UPDATE_ROLLBACK_FAILED"
    assert stack.why("First", "UPDATE_FAILED") == "stays"
    stack.api.continue_update_rollback(StackName="stuck")

    assert stack.settled() == "UPDATE_ROLLBACK_COMPLETE"


def test_a_deletion_that_fails_is_continued_with_what_is_left(gateway: Gateway) -> None:
    stack = Stack(gateway, "sticky")
    assert stack.create(queues("First", "Second")) == "CREATE_COMPLETE"
    identifier = stack._described("sticky")["StackId"]
    plan(gateway, {"stack": "sticky", "logical_id": "Second", "operation": "delete", "reason": "held"})

    assert stack.delete() == "DELETE_FAILED"

    assert stack.why("Second", "DELETE_FAILED") == "held"
    assert stack.reason() == "The following resource(s) failed to delete: [Second]."
    # What the second depends on is not tried.
    assert set(stack.resources()) == {"First", "Second"}
    assert "First" not in {name for name, status, _ in stack.events() if status.startswith("DELETE")}
    assert stack.delete() == "DELETE_COMPLETE"
    assert stack.events(identifier)[0][1] == "DELETE_COMPLETE"


def test_a_fault_of_no_kind_is_refused_in_a_sentence(gateway: Gateway) -> None:
    with pytest.raises(Exception, match="400"):
        plan(gateway, {"logical_id": "First"})
