"""What every stack of the platform has: its name, its tags, its place in the account."""

from __future__ import annotations

from aws_cdk import Stack, Tags
from constructs import Construct

from stacks.settings import PROJECT, Settings


class PlatformStack(Stack):
    """A stack of one environment, not bound to an account or a region."""

    def __init__(self, scope: Construct, construct_id: str, *, settings: Settings, description: str) -> None:
        super().__init__(
            scope,
            construct_id,
            stack_name=settings.stack_name(construct_id),
            description=description,
            termination_protection=settings.environment.termination_protection,
            analytics_reporting=False,
        )
        self.settings = settings
        Tags.of(self).add("project", PROJECT)
        Tags.of(self).add("environment", settings.name)
        Tags.of(self).add("owner", settings.environment.owner)
        Tags.of(self).add("stack", construct_id.lower())
