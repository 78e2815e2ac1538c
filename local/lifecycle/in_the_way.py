"""Named resources that outlived a stack, and whose names a new creation of it needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from local.errors import UserFacingError
from local.lifecycle.account import Account, Stack, Template
from local.lifecycle.removal import Say

Find = Callable[[Account, str], Any | None]


@dataclass(frozen=True)
class _Named:
    """A type of resource with a name of its own that may outlive its stack."""

    property: str
    find: Find
    """What the account has under a name, or None."""
    delete: str
    """The AWS CLI's command that deletes it, with `{name}` or a field of what was found."""


def _log_group(account: Account, name: str) -> Any | None:
    groups = account.pages("logs", "describe_log_groups", "logGroups", logGroupNamePrefix=name)
    return next((each for each in groups if each["logGroupName"] == name), None)


def _repository(account: Account, name: str) -> Any | None:
    return _or_none(account, "ecr", "describe_repositories", "repositories", repositoryNames=[name])


def _cluster(account: Account, name: str) -> Any | None:
    clusters = account.pages("kafka", "list_clusters_v2", "ClusterInfoList", ClusterNameFilter=name)
    return next((each for each in clusters if each["ClusterName"] == name), None)


def _instance(account: Account, name: str) -> Any | None:
    return _or_none(account, "rds", "describe_db_instances", "DBInstances", DBInstanceIdentifier=name)


def _secret(account: Account, name: str) -> Any | None:
    """A secret that is being deleted has its name until then, too."""
    return _or_none(account, "secretsmanager", "describe_secret", SecretId=name)


def _table(account: Account, name: str) -> Any | None:
    return _or_none(account, "dynamodb", "describe_table", "Table", TableName=name)


def _or_none(
    account: Account, service: str, operation: str, key: str | None = None, **arguments: Any
) -> Any | None:
    """What an operation describes, the first of a list; None when the service does not find it."""
    try:
        answer = getattr(account.client(service), operation)(**arguments)
    except ClientError as error:
        if "NotFound" in error.response["Error"]["Code"]:
            return None
        raise
    found = answer if key is None else answer[key]
    return next(iter(found), None) if isinstance(found, list) else found


NAMED: dict[str, _Named] = {
    "AWS::Logs::LogGroup": _Named(
        "LogGroupName", _log_group, "aws logs delete-log-group --log-group-name {name}"
    ),
    "AWS::ECR::Repository": _Named(
        "RepositoryName", _repository, "aws ecr delete-repository --force --repository-name {name}"
    ),
    "AWS::MSK::Cluster": _Named(
        "ClusterName", _cluster, "aws kafka delete-cluster --cluster-arn {found[ClusterArn]}"
    ),
    "AWS::MSK::ServerlessCluster": _Named(
        "ClusterName", _cluster, "aws kafka delete-cluster --cluster-arn {found[ClusterArn]}"
    ),
    "AWS::SecretsManager::Secret": _Named(
        "Name",
        _secret,
        "aws secretsmanager delete-secret --force-delete-without-recovery --secret-id {name}",
    ),
    "AWS::DynamoDB::Table": _Named("TableName", _table, "aws dynamodb delete-table --table-name {name}"),
    "AWS::RDS::DBInstance": _Named(
        "DBInstanceIdentifier",
        _instance,
        "aws rds delete-db-instance --db-instance-identifier {name} "
        "--final-db-snapshot-identifier {name}-before-deploy",
    ),
}


def clear(account: Account, deployed: Mapping[str, Stack], wanted: Mapping[str, Template], say: Say) -> None:
    """Make sure that no name which a deployment of `wanted` creates is taken.

    RDS and Redshift write a last line after their deletion and so make their log group anew
    (https://github.com/hashicorp/terraform-provider-aws/issues/42858): such a group, without retention and
    key, and whose template says that it goes with its stack, is deleted. Raises UserFacingError with a line
    for everything else that is there, before anything is created.
    """
    taken = []
    for resource, name, found in _taken(account, deployed, wanted):
        kind = resource["Type"]
        if kind == "AWS::Logs::LogGroup" and resource.get("DeletionPolicy") == "Delete" and _anew(found):
            say(f"Deleting the log group {name}, which its service made anew after it had been deleted.")
            account.client("logs").delete_log_group(logGroupName=name)
        else:
            taken.append(f"{kind} {name}: {NAMED[kind].delete.format(name=name, found=found)}")
    if taken:
        raise UserFacingError(
            "Nothing was deployed: names that the stacks need are taken by what an earlier deployment left. "
            "Keep or copy its data if you want it, then delete it and run the command again:\n  "
            + "\n  ".join(taken)
        )


def _taken(
    account: Account, deployed: Mapping[str, Stack], wanted: Mapping[str, Template]
) -> Iterator[tuple[Mapping[str, Any], str, Any]]:
    """Each resource that is going to be created and whose name is taken: it, the name, what has the name."""
    for stack, template in wanted.items():
        has = (
            {each["LogicalResourceId"] for each in deployed[stack].resources} if stack in deployed else set()
        )
        for logical_id, resource in template.get("Resources", {}).items():
            named = NAMED.get(resource["Type"])
            name = resource.get("Properties", {}).get(named.property) if named else None
            if named is None or logical_id in has or not isinstance(name, str):
                continue
            if (found := named.find(account, name)) is not None:
                yield resource, name, found


def _anew(group: Mapping[str, Any]) -> bool:
    """Whether a log group was made by the service that writes to it, and not by a template of ours."""
    return "retentionInDays" not in group and "kmsKeyId" not in group
