"""Stacks whose creation failed: removed, so that the next deploy creates them again."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from botocore.exceptions import ClientError

from local.lifecycle.account import Account, Stack
from local.lifecycle.removal import Say, Wait, remove

FAILED = frozenset({"ROLLBACK_COMPLETE", "ROLLBACK_FAILED"})
"""States of a stack whose creation did not succeed: it was never in use, so it has no data."""


def undo(
    account: Account, stacks: Mapping[str, Stack], say: Say, *, wait: Wait = time.sleep
) -> dict[str, Stack]:
    """Delete the stacks whose creation failed; the stacks that are left.

    The CDK CLI deletes them itself before it creates them again, but not against a protection that it, or
    the template, has switched on by then: termination protection of the stack, deletion protection of its DB
    instance (whose deletion in the rollback failed, which left the stack in ROLLBACK_FAILED).
    """
    failed = [stack for stack in stacks.values() if stack.status in FAILED]
    for stack in failed:
        say(f"{stack.name} is in {stack.status}: its creation failed, so it is deleted and created again.")
        lift_protection(account, stack)
    remove(account, failed, say, wait=wait, everything=True)
    for stack in failed:
        _delete_retained(account, stack, say)
    return {name: stack for name, stack in stacks.items() if stack not in failed}


def _delete_retained(account: Account, stack: Stack, say: Say) -> None:
    """Delete what a failed creation made and the deletion of its stack retained.

    The rollback would have deleted it (RetainExceptOnCreate), had something else not depended on it; the
    deletion of the stack is no rollback. Nothing has been written to it.
    """
    delete: dict[str, Callable[[str], object]] = {
        "AWS::Logs::LogGroup": lambda name: account.client("logs").delete_log_group(logGroupName=name),
        "AWS::ECR::Repository": lambda name: account.client("ecr").delete_repository(repositoryName=name),
        "AWS::S3::Bucket": lambda name: account.client("s3").delete_bucket(Bucket=name),
        "AWS::DynamoDB::Table": lambda name: account.client("dynamodb").delete_table(TableName=name),
        "AWS::SecretsManager::Secret": lambda name: account.client("secretsmanager").delete_secret(
            SecretId=name, ForceDeleteWithoutRecovery=True
        ),
    }
    for each in stack.retained():
        kind, _, name = each.partition(" ")
        if kind not in delete:
            say(f"Left by the failed creation: {each}. Delete it if nothing else uses it.")
            continue
        try:
            delete[kind](name)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code != "NoSuchBucket" and "NotFound" not in code:
                raise


def lift_protection(account: Account, stack: Stack) -> None:
    """Switch off the termination protection of a stack and the deletion protection of its DB instances."""
    if stack.protected:
        account.client("cloudformation").update_termination_protection(
            StackName=stack.name, EnableTerminationProtection=False
        )
    for instance in stack.of_type("AWS::RDS::DBInstance", disposable=False):
        try:
            account.client("rds").modify_db_instance(
                DBInstanceIdentifier=instance, DeletionProtection=False, ApplyImmediately=True
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "DBInstanceNotFound":
                raise
