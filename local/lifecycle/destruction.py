"""The end of an environment: repeatable at any point, patient, and followed by a list of what remains."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping

from botocore.exceptions import ClientError

from local.errors import UserFacingError
from local.lifecycle import buckets, failed_creations
from local.lifecycle.account import PROJECT, Account, Stack, deployed
from local.lifecycle.removal import Say, Wait, remove
from local.lifecycle.running import running

CLUSTERS = ("AWS::MSK::Cluster", "AWS::MSK::ServerlessCluster")


def destroy(account: Account, env: str, say: Say, *, wait: Wait = time.sleep) -> str | None:
    """Delete every stack of an environment; what is deleted already is passed over.

    Returns a sentence when retained data keeps stacks from going, else None. Raises UserFacingError before
    anything is deleted when a stack is protected from termination, and when a stack cannot be deleted.
    """
    stacks = deployed(account, env)
    if protected := sorted(name for name, stack in stacks.items() if stack.protected):
        raise UserFacingError(
            f"Nothing was deleted: {', '.join(protected)} protected from termination. Deploy with "
            "REFSTACK_ENVIRONMENT__TERMINATION_PROTECTION=false first; data is retained all the same, "
            "unless remove_data_on_destroy is true."
        )
    for sentence in running(account, env):
        say(f"Still at work: {sentence}")
    buckets.stop_access_logs(
        account, (name for stack in stacks.values() for name in buckets.disposable(stack))
    )
    subnets = {
        name: stack for name, stack in stacks.items() if stack.of_type("AWS::EC2::Subnet", disposable=False)
    }
    clusters = _clusters_that_stay(account, env, stacks.values()) if subnets else []
    staying = _with_producers(subnets, stacks) if clusters else {}
    going = [stack for name, stack in stacks.items() if name not in staying]
    for stack in going:
        failed_creations.lift_protection(account, stack)
    remove(account, going, say, wait=wait)
    _delete_groups_made_anew(account, going, say)
    for stack in going:
        for kept in stack.retained():
            say(f"Retained: {kept}.")
    if not staying:
        return None
    return (
        f"{', '.join(sorted(staying))} had to stay: the retained MSK cluster is in their subnets. When its "
        "records are no longer needed, delete it and run the command again: "
        + "; ".join(f"aws kafka delete-cluster --cluster-arn {arn}" for arn in clusters)
    )


def _clusters_that_stay(account: Account, env: str, stacks: Iterable[Stack]) -> list[str]:
    """ARNs of the environment's MSK clusters that no stack takes with it."""
    going = {arn for stack in stacks for kind in CLUSTERS for arn in stack.of_type(kind, disposable=True)}
    try:
        found = list(
            account.pages(
                "kafka", "list_clusters_v2", "ClusterInfoList", ClusterNameFilter=f"{PROJECT}-{env}-"
            )
        )
    except ClientError as error:
        # LocalStack's free edition has no MSK, and then no cluster either.
        if error.response["Error"]["Code"] not in ("InternalFailure", "NotImplemented", "501"):
            raise
        return []
    return sorted({each["ClusterArn"] for each in found} - going)


def _with_producers(held: dict[str, Stack], stacks: Mapping[str, Stack]) -> dict[str, Stack]:
    """Stacks with those that they import from, directly or not."""
    while True:
        wanted = {name for stack in held.values() for name in stack.imports}
        more = {name: stack for name, stack in stacks.items() if stack.exports & wanted and name not in held}
        if not more:
            return held
        held = {**held, **more}


def _delete_groups_made_anew(account: Account, stacks: Iterable[Stack], say: Say) -> None:
    """Delete log groups that went with their stacks and were written to, and so made anew, afterwards.

    RDS does so for PostgreSQL (https://github.com/hashicorp/terraform-provider-aws/issues/42858), Redshift
    says that it makes a missing group.
    """
    for stack in stacks:
        for name in stack.of_type("AWS::Logs::LogGroup", disposable=True):
            try:
                account.client("logs").delete_log_group(logGroupName=name)
            except ClientError as error:
                if error.response["Error"]["Code"] != "ResourceNotFoundException":
                    raise
            else:
                say(f"Deleted the log group {name}, which its service had made anew.")
