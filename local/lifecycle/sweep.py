"""A list of what an environment has left in the account, by name and by tag; on request it is deleted."""

from __future__ import annotations

from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

from local.lifecycle.account import PROJECT, Account, deployed
from local.lifecycle.remnants import KINDS, Delete, Kind
from local.lifecycle.removal import Say


@dataclass(frozen=True)
class Remnant:
    """Something that is left."""

    kind: str
    name: str
    retained: bool
    """Whether it is data that the environment's settings keep."""


def sweep(account: Account, env: str, say: Say, *, delete: bool, remove_data: bool) -> list[Remnant]:
    """List what the environment has left outside of stacks; with `delete` delete it. What stays is returned.

    Data is deleted only where `remove_data`, the environment's own setting, says so, too. What belongs to a
    stack that exists is not touched and not listed. A kind that cannot be listed is named, not passed over.
    """
    prefix = f"{PROJECT}-{env}-"
    stacks = deployed(account, env)
    for name, stack in sorted(stacks.items()):
        say(f"Left: stack {name} ({stack.status}), with what belongs to it")
    kept = {each.get("PhysicalResourceId") for stack in stacks.values() for each in stack.resources}
    left: list[Remnant] = []
    deletable = False
    for kind in KINDS:
        try:
            found = [(name, how) for name, how in kind.find(account, prefix) if name not in kept]
        except (BotoCoreError, ClientError) as error:
            say(f"Not looked at: every {kind.name} ({error})")
            continue
        for name, how in found:
            retained = kind.data and not remove_data
            if how is not None and not retained:
                deletable = True
                if delete and _deleted(kind, name, how, say):
                    continue
            say(f"{'Retained' if retained else 'Left'}: {kind.name} {name} ({kind.bills})")
            left.append(Remnant(kind.name, name, retained))
    left += _by_tag(account, env, [each.name.split()[0] for each in left], set(stacks), say)
    if not left and not stacks:
        say(f"Nothing of {env} is left in this account and region.")
    elif deletable and not delete:
        say(f"To delete what is left, but nothing that is retained: make destroy ENV={env} SWEEP=1")
    return left


def _deleted(kind: Kind, name: str, how: Delete, say: Say) -> bool:
    try:
        how()
    except (BotoCoreError, ClientError) as error:
        say(f"Not deleted: {kind.name} {name} ({error})")
        return False
    say(f"Deleted: {kind.name} {name}")
    return True


def _by_tag(account: Account, env: str, named: list[str], stacks: set[str], say: Say) -> list[Remnant]:
    """What only its tags show: these are listed, for which command deletes them depends on the service.

    The tagging API lists some resources for a while after they are deleted
    (https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/API_GetResources.html).
    """
    filters = [{"Key": "project", "Values": [PROJECT]}, {"Key": "environment", "Values": [env]}]
    try:
        found = list(
            account.pages(
                "resourcegroupstaggingapi", "get_resources", "ResourceTagMappingList", TagFilters=filters
            )
        )
    except (BotoCoreError, ClientError) as error:
        say(f"Not looked at: tags ({error})")
        return []
    left = []
    for each in found:
        arn = each["ResourceARN"]
        tags = {tag["Key"]: tag["Value"] for tag in each.get("Tags", [])}
        if tags.get("aws:cloudformation:stack-name") in stacks or any(name in arn for name in named):
            continue
        say(f"Tagged: {arn} (may be listed for some hours after its deletion)")
        left.append(Remnant("tagged", arn, False))
    return left
