"""What happens after each deploy of a stack: a rule on the stack's own event needs no custom resource."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import Stack
from aws_cdk import aws_events as events
from constructs import Construct


def after_deploys(scope: Construct, what: str, targets: Sequence[events.IRuleTarget]) -> None:
    """Start `targets` whenever the stack of `scope` has been created or updated; `what` says what for."""
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
        targets=list(targets),
    )
