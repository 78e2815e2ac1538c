"""CloudFormation types of AWS CodeBuild."""

from __future__ import annotations

from local.layout import ACCOUNT, REGION
from local.resources.provisioner import Context, Properties, api_type


def _named(props: Properties, context: Context) -> Properties:
    return {**props, "Name": props.get("Name") or context.name(longest=150)}


api_type(
    "AWS::CodeBuild::Project",
    service="codebuild",
    create="create_project",
    params=_named,
    physical_id=lambda answer, props: answer["project"]["name"],
    update="update_project",
    create_only=["Name"],
    delete="delete_project",
    delete_params=lambda name: {"name": name},
    describe_call="batch_get_projects",
    describe_params=lambda name: {"names": [name]},
    described=lambda answer: answer["projects"][0],
    attributes=lambda answer, props: {"Arn": f"arn:aws:codebuild:{REGION}:{ACCOUNT}:project/{props['Name']}"},
)
