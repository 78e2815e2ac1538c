"""Deletion of stacks that waits, tries again and says what it waits for.

DeleteStack is what `cdk destroy` sends, too; the CLI gives up at the first resource that does not go.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from botocore.exceptions import ClientError

from local.errors import UserFacingError
from local.lifecycle import buckets
from local.lifecycle.account import Account, Stack

Say = Callable[[str], None]
Wait = Callable[[float], None]

POLL_SECONDS = 10.0
RETRY_SECONDS = 60.0
LATE_ATTEMPTS = 45
"""How often something is tried that AWS lets go by itself: Lambda and MWAA keep interfaces up to 40 minutes
(https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html)."""
FULL_ATTEMPTS = 10
"""How often a bucket is emptied again, because access logs have come in meanwhile."""
OTHER_ATTEMPTS = 3

_LATE = re.compile(
    r"DependencyViolation|dependent object|has dependencies|network interface|ResourceInUse|"
    r"in use by|currently in use|ConflictException|Throttling|Rate exceeded",
    re.IGNORECASE,
)
_FULL = re.compile(r"BucketNotEmpty|not empty", re.IGNORECASE)


@dataclass
class _Removal:
    """How far the deletion of one stack is."""

    stack: Stack
    attempts: int = 0
    running: bool = False
    not_before: float = 0.0


def remove(
    account: Account,
    stacks: Iterable[Stack],
    say: Say,
    *,
    wait: Wait = time.sleep,
    everything: bool = False,
) -> None:
    """Delete stacks, those that import from others first, side by side where nothing speaks against it.

    Buckets that go with a stack are emptied right before it, and again when they are not empty. `everything`
    empties the retained ones, too: for a creation that failed. `wait` sleeps for a number of seconds. Raises
    UserFacingError with the resource and its reason when a stack is not deleted after all attempts; the
    command can be repeated then.
    """
    left = {stack.name: _Removal(stack) for stack in stacks}
    elapsed = 0.0
    while left:
        for removal in list(left.values()):
            if removal.running:
                _look(account, removal, say, left, elapsed)
        for removal in list(left.values()):
            if not removal.running and elapsed >= removal.not_before and not _users(removal.stack, left):
                _start(account, removal, say, everything=everything)
        if left:
            wait(POLL_SECONDS)
            elapsed += POLL_SECONDS


def _users(stack: Stack, left: Mapping[str, _Removal]) -> list[str]:
    return [name for name, each in left.items() if each.stack.imports & stack.exports and name != stack.name]


def _start(account: Account, removal: _Removal, say: Say, *, everything: bool) -> None:
    stack = removal.stack
    names = stack.of_type("AWS::S3::Bucket", disposable=not everything)
    for name in names:
        if count := buckets.empty(account, name):
            say(f"Emptied {name}: {count} objects and versions.")
    if removal.attempts == 0:
        say(f"Deleting {stack.name} ...")
    account.client("cloudformation").delete_stack(StackName=stack.stack_id)
    removal.attempts += 1
    removal.running = True


def _look(account: Account, removal: _Removal, say: Say, left: dict[str, _Removal], elapsed: float) -> None:
    """Note what has become of a deletion under way: done, failed for now, or failed for good."""
    stack = removal.stack
    status, reason = _status(account, stack.stack_id)
    if status == "DELETE_COMPLETE":
        say(f"Deleted {stack.name}.")
        del left[stack.name]
        return
    if status != "DELETE_FAILED":
        return
    removal.running = False
    failures = _failures(account, stack.stack_id) or [reason]
    first = max(failures, key=_attempts)
    allowed = _attempts(first)
    if removal.attempts >= allowed:
        raise UserFacingError(
            f"{stack.name} could not be deleted in {removal.attempts} attempts: {first} "
            "Run the command again when that is mended; what is deleted stays deleted."
        )
    removal.not_before = elapsed + RETRY_SECONDS
    say(
        f"{stack.name} is not deleted yet: {first} Trying again in {RETRY_SECONDS:.0f} s "
        f"({removal.attempts} of {allowed})."
    )


def _attempts(reason: str) -> int:
    if _FULL.search(reason):
        return FULL_ATTEMPTS
    return LATE_ATTEMPTS if _LATE.search(reason) else OTHER_ATTEMPTS


def _status(account: Account, stack_id: str) -> tuple[str, str]:
    try:
        [found] = account.client("cloudformation").describe_stacks(StackName=stack_id)["Stacks"]
    except ClientError as error:
        if error.response["Error"]["Code"] == "ValidationError":
            return "DELETE_COMPLETE", ""
        raise
    return found["StackStatus"], found.get("StackStatusReason", "no reason given.")


def _failures(account: Account, stack_id: str) -> list[str]:
    """Each resource that the last deletion left, with CloudFormation's reason."""
    found: dict[str, str] = {}
    events = account.pages("cloudformation", "describe_stack_events", "StackEvents", StackName=stack_id)
    for event in events:  # the newest first
        status, resource = event["ResourceStatus"], event["LogicalResourceId"]
        if event.get("PhysicalResourceId") == stack_id:
            if status == "DELETE_IN_PROGRESS":
                break
        elif status == "DELETE_FAILED" and resource not in found:
            reason = str(event.get("ResourceStatusReason") or "no reason given").rstrip(". ")
            identifier = event.get("PhysicalResourceId", "")
            found[resource] = f"{resource} ({event['ResourceType']} {identifier}): {reason}."
    return list(found.values())
