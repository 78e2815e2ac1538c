"""Names that a deploy would give to new resources, and that something else has already."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from local.doctor.finding import Clients, Findings, fine, missing, unknown

Asked = Callable[[Any, str], bool]
"""(client, name) → whether a resource of the name exists; an error that says "not found" counts as no."""


@dataclass(frozen=True)
class Lookup:
    """How to find out whether the name of a resource type is taken."""

    property: str
    service: str
    exists: Asked


def _get(operation: str, parameter: str) -> Asked:
    def asked(client: Any, name: str) -> bool:
        getattr(client, operation)(**{parameter: name})
        return True

    return asked


def _listed(operation: str, parameter: str, result: str, key: str) -> Asked:
    """For a list operation that takes the name, or its beginning, as a parameter."""

    def asked(client: Any, name: str) -> bool:
        return any(each[key] == name for each in getattr(client, operation)(**{parameter: name})[result])

    return asked


def _repository(client: Any, name: str) -> bool:
    return bool(client.describe_repositories(repositoryNames=[name])["repositories"])


def _project(client: Any, name: str) -> bool:
    return bool(client.batch_get_projects(names=[name])["projects"])


def _containers(client: Any, name: str) -> bool:
    return any(each["status"] != "INACTIVE" for each in client.describe_clusters(clusters=[name])["clusters"])


LOOKUPS: dict[str, Lookup] = {
    "AWS::Athena::WorkGroup": Lookup("Name", "athena", _get("get_work_group", "WorkGroup")),
    "AWS::CodeBuild::Project": Lookup("Name", "codebuild", _project),
    "AWS::DynamoDB::Table": Lookup("TableName", "dynamodb", _get("describe_table", "TableName")),
    "AWS::ECR::Repository": Lookup("RepositoryName", "ecr", _repository),
    "AWS::ECS::Cluster": Lookup("ClusterName", "ecs", _containers),
    "AWS::EMR::SecurityConfiguration": Lookup("Name", "emr", _get("describe_security_configuration", "Name")),
    "AWS::Glue::Crawler": Lookup("Name", "glue", _get("get_crawler", "Name")),
    "AWS::Glue::Job": Lookup("Name", "glue", _get("get_job", "JobName")),
    "AWS::Glue::SecurityConfiguration": Lookup("Name", "glue", _get("get_security_configuration", "Name")),
    "AWS::IAM::Group": Lookup("GroupName", "iam", _get("get_group", "GroupName")),
    "AWS::IAM::Role": Lookup("RoleName", "iam", _get("get_role", "RoleName")),
    "AWS::Lambda::Function": Lookup("FunctionName", "lambda", _get("get_function", "FunctionName")),
    "AWS::Logs::LogGroup": Lookup(
        "LogGroupName",
        "logs",
        _listed("describe_log_groups", "logGroupNamePrefix", "logGroups", "logGroupName"),
    ),
    "AWS::MSK::Cluster": Lookup(
        "ClusterName",
        "kafka",
        _listed("list_clusters_v2", "ClusterNameFilter", "ClusterInfoList", "ClusterName"),
    ),
    "AWS::MWAA::Environment": Lookup("Name", "mwaa", _get("get_environment", "Name")),
    "AWS::RDS::DBInstance": Lookup(
        "DBInstanceIdentifier", "rds", _get("describe_db_instances", "DBInstanceIdentifier")
    ),
    "AWS::RedshiftServerless::Namespace": Lookup(
        "NamespaceName", "redshift-serverless", _get("get_namespace", "namespaceName")
    ),
    "AWS::RedshiftServerless::Workgroup": Lookup(
        "WorkgroupName", "redshift-serverless", _get("get_workgroup", "workgroupName")
    ),
    "AWS::S3::Bucket": Lookup("BucketName", "s3", _get("head_bucket", "Bucket")),
    "AWS::SQS::Queue": Lookup("QueueName", "sqs", _get("get_queue_url", "QueueName")),
    "AWS::SSM::Parameter": Lookup("Name", "ssm", _get("get_parameter", "Name")),
    "AWS::SecretsManager::Secret": Lookup("Name", "secretsmanager", _get("describe_secret", "SecretId")),
}
"""Resource types whose names are looked up, those that our templates name."""
NOT_FOUND = (
    "notfound",
    "not found",
    "nosuch",
    "nonexistent",
    "doesnotexist",
    "does not exist",
    "404",
)
"""Parts of the codes and messages with which services say that something is not there, in lower case."""


@dataclass(frozen=True)
class Named:
    """A resource that a template names."""

    stack: str
    logical_id: str
    type: str
    name: str


def check(clients: Clients, templates: Mapping[str, dict[str, Any]], account: str, region: str) -> Findings:
    """The names of resources that the deployed stacks do not have yet."""
    taken = asked = 0
    for resource in new_resources(clients, templates, account, region):
        lookup = LOOKUPS.get(resource.type)
        if lookup is None:
            continue
        asked += 1
        try:
            exists = lookup.exists(clients(lookup.service), resource.name)
        except ClientError as error:
            if any(part in str(error).lower() for part in NOT_FOUND):
                continue
            yield unknown(f"{resource.type} {resource.name}", error)
            continue
        if exists:
            taken += 1
            yield missing(
                f"{resource.type} {resource.name} exists and is not part of {resource.stack}",
                "delete it if nothing needs it, or import it into the stack: `cdk import`",
            )
    if not taken:
        yield fine(
            f"{asked} names of new resources are free" if asked else "every named resource is deployed"
        )


def new_resources(
    clients: Clients, templates: Mapping[str, dict[str, Any]], account: str, region: str
) -> Iterator[Named]:
    """Named resources of the templates whose stack does not have them, by stack name."""
    values = {"AWS::Region": region, "AWS::AccountId": account, "AWS::Partition": "aws"}
    for stack, template in templates.items():
        deployed = _deployed(clients, stack)
        for logical_id, resource in template.get("Resources", {}).items():
            lookup = LOOKUPS.get(resource["Type"])
            if lookup is None or logical_id in deployed:
                continue
            name = literal(resource.get("Properties", {}).get(lookup.property), values)
            if name is not None:
                yield Named(stack, logical_id, resource["Type"], name)


def literal(value: Any, values: Mapping[str, str]) -> str | None:
    """A property's text, where it depends on nothing but pseudo parameters; None otherwise."""
    match value:
        case str():
            return value
        case {"Ref": str(name)}:
            return values.get(name)
        case {"Fn::Join": [str(separator), list(parts)]}:
            texts = [literal(part, values) for part in parts]
            return None if None in texts else separator.join(text for text in texts if text is not None)
    return None


def _deployed(clients: Clients, stack: str) -> set[str]:
    """Logical ids of what a deployed stack has; nothing for a stack that is not there."""
    try:
        pages = clients("cloudformation").get_paginator("list_stack_resources").paginate(StackName=stack)
        return {
            each["LogicalResourceId"]
            for page in pages
            for each in page["StackResourceSummaries"]
            if each["ResourceStatus"] not in ("DELETE_COMPLETE", "CREATE_FAILED")
        }
    except ClientError:
        return set()
