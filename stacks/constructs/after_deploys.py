"""What happens after each deploy of a stack: a rule on the stack's own event needs no custom resource.

EventBridge delivers an event for a day until the target has taken it. But it may not match the first events
after a rule is made, and the rule is one of the last resources of its stack:
https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutRule.html
So what has to happen is also looked for by whoever needs it, and by `make deploy` (local/deployed.py).
"""

from __future__ import annotations

from aws_cdk import Stack
from aws_cdk import aws_events as events
from constructs import Construct


def after_deploys(scope: Construct, what: str, target: events.IRuleTarget) -> None:
    """Start `target` whenever the stack of `scope` has been created or updated; `what` says what for.

    The target has a dead-letter queue of its own, for an event that it never takes.
    """
    events.Rule(
        scope,
        "Deployed",
        description=f"This stack has been deployed: {what}",
        event_pattern=events.EventPattern(
            source=["aws.cloudformation"],
            detail_type=["CloudFormation Stack Status Change"],
            detail={
                "stack-id": [Stack.of(scope).stack_id],
                "status-details": {"status": ["CREATE_COMPLETE", "UPDATE_COMPLETE"]},
            },
        ),
        targets=[target],
    )
