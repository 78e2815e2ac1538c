"""A deployment to an environment that exists: what is in its way, what is switched off, in which order."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from itertools import groupby

from botocore.exceptions import ClientError

from local.errors import UserFacingError
from local.lifecycle import failed_creations, in_the_way
from local.lifecycle.account import Account, Stack, Template, deployed, exports
from local.lifecycle.plan import Step, plan
from local.lifecycle.removal import Say, Wait, remove
from local.lifecycle.running import running

Agree = Callable[[str], bool]
"""Asks a person, or whoever speaks for one, whether to go on."""


def prepare(
    account: Account,
    env: str,
    wanted: Mapping[str, Template],
    update: Callable[[str], None],
    agree: Agree,
    say: Say,
    *,
    wait: Wait = time.sleep,
) -> None:
    """Bring the environment to where all `wanted` templates, by stack name, deploy in the CDK's own order.

    `update` deploys one of them alone. Failed creations are undone, taken names are cleared or listed, and
    what is switched off is deleted once its consumers have let go of it, if `agree` says so. Raises
    UserFacingError, with nothing changed, when that is refused or cannot be done.
    """
    stacks = deployed(account, env)
    _check_states(stacks.values())
    # A creation that failed left nothing that exports or imports.
    live = {name: each for name, each in stacks.items() if each.status not in failed_creations.FAILED}
    steps = plan({name: each.template for name, each in live.items()}, wanted)
    _check_importers(account, live, wanted)
    if any(step.action == "delete" for step in steps):
        for sentence in running(account, env):
            say(f"Still at work: {sentence}")
        _ask(stacks, steps, agree, say)
    stacks = failed_creations.undo(account, stacks, say, wait=wait)
    in_the_way.clear(account, stacks, wanted, say)
    for action, group in groupby(steps, key=lambda step: step.action):
        names = [step.stack for step in group]
        if action == "deploy":
            for name in names:
                say(f"Updating {name} first: it lets go of what is switched off.")
                update(name)
        else:
            _delete(account, [stacks[name] for name in names if name in stacks], say, wait)


def _check_states(stacks: Iterable[Stack]) -> None:
    for stack in stacks:
        if stack.status.endswith("_IN_PROGRESS") and stack.status != "REVIEW_IN_PROGRESS":
            raise UserFacingError(
                f"{stack.name} is in {stack.status}: another command works on it. Wait for its end."
            )
        if stack.status == "DELETE_FAILED":
            raise UserFacingError(
                f"{stack.name} is half deleted (DELETE_FAILED): finish it with make destroy, then deploy."
            )
        if stack.status == "UPDATE_ROLLBACK_FAILED":
            raise UserFacingError(
                f"{stack.name} is in UPDATE_ROLLBACK_FAILED: mend what its events name, then run "
                f"aws cloudformation continue-update-rollback --stack-name {stack.name}"
            )


def _check_importers(account: Account, stacks: Mapping[str, Stack], wanted: Mapping[str, Template]) -> None:
    """Raise UserFacingError when a stack that is not ours imports what is about to vanish."""
    for name, stack in stacks.items():
        for export in sorted(stack.exports - exports(wanted.get(name, {}))):
            foreign = [each for each in _importers(account, export) if each not in stacks]
            if foreign:
                raise UserFacingError(
                    f"Nothing was changed: {', '.join(foreign)} imports {export} of {name}, which would go. "
                    "Delete or change that stack first."
                )


def _importers(account: Account, export: str) -> list[str]:
    try:
        return list(account.pages("cloudformation", "list_imports", "Imports", ExportName=export))
    except ClientError as error:
        # "Export '…' is not imported by any stack."
        if error.response["Error"]["Code"] == "ValidationError":
            return []
        raise


def _ask(stacks: Mapping[str, Stack], steps: list[Step], agree: Agree, say: Say) -> None:
    deletions = [stacks[step.stack] for step in steps if step.action == "delete"]
    say("Switched off but still deployed: " + ", ".join(stack.name for stack in deletions) + ".")
    say("Before everything else is deployed: " + ", then ".join(map(str, steps)) + ".")
    for stack in deletions:
        for kept in stack.retained():
            say(f"  {stack.name} leaves {kept}: retained, still billed.")
        for bucket in stack.of_type("AWS::S3::Bucket", disposable=True):
            say(f"  {stack.name} takes the bucket {bucket} and its objects with it.")
        if stack.protected:
            say(f"  {stack.name} is protected from termination; that is lifted.")
    if not agree("Delete " + ", ".join(stack.name for stack in deletions) + "?"):
        raise UserFacingError(
            "Nothing was changed. Switch the stack on again, or agree to its deletion: YES=1 make deploy ..."
        )


def _delete(account: Account, stacks: list[Stack], say: Say, wait: Wait) -> None:
    for stack in stacks:
        failed_creations.lift_protection(account, stack)
    remove(account, stacks, say, wait=wait)
    for stack in stacks:
        for kept in stack.retained():
            say(f"Retained: {kept}.")
