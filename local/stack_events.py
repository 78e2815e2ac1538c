"""CloudFormation tells EventBridge what becomes of a stack, and EventBridge starts builds of CodeBuild.

ministack records a stack's events without sending them, and delivers to queues, topics and functions only.
"""

from __future__ import annotations

import contextvars
import logging
import threading
from typing import Any

from ministack.services import eventbridge
from ministack.services.cloudformation import changesets, handlers, stacks

from local import faults, late_effects
from local.event_bus import publish
from local.services.clients import client

log = logging.getLogger("refstack.events")

STACK = "AWS::CloudFormation::Stack"
MISSED = "events:MatchEvent"
"""Action of a planned fault for a rule that misses an event, as one may that was made a moment ago.

It is no IAM action: the fault's resource is the rule's ARN, its caller events.amazonaws.com.
https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutRule.html
"""


def install() -> None:
    """Put both into ministack."""
    record, invoke = stacks._add_event, eventbridge._invoke_target

    def recorded_and_sent(
        stack_id: str,
        stack_name: str,
        logical_id: str,
        resource_type: str,
        status: str,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        record(stack_id, stack_name, logical_id, resource_type, status, *args, **kwargs)
        if resource_type == STACK:
            _tell(stack_id, status)
            if not status.endswith("_IN_PROGRESS"):
                late_effects.after_operation()

    def delivered(target: dict[str, Any], event: dict[str, Any], rule: dict[str, Any], *args: Any) -> None:
        if faults.due(MISSED, rule.get("Arn", ""), "events.amazonaws.com"):
            log.info("%s misses an event, as planned", rule["Name"])
        elif target.get("Arn", "").startswith("arn:aws:codebuild:"):
            context = contextvars.copy_context()
            threading.Thread(target=context.run, args=(_start_build, target), daemon=True).start()
        else:
            invoke(target, event, rule, *args)

    for module in (stacks, changesets, handlers):
        module._add_event = recorded_and_sent
    eventbridge._invoke_target = delivered


def _tell(stack_id: str, status: str) -> None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/detail-stack-status-change.html"""
    detail = {"stack-id": stack_id, "status-details": {"status": status, "status-reason": ""}}
    publish("aws.cloudformation", "CloudFormation Stack Status Change", detail, [stack_id])


def _start_build(target: dict[str, Any]) -> None:
    """Start the target's build with the role that the target names."""
    name = target["Arn"].rpartition("/")[2]
    try:
        codebuild = client("codebuild", role_arn=target["RoleArn"], session_name="events")
        codebuild.start_build(projectName=name)
    except Exception:
        log.exception("the build of %s did not start", name)
