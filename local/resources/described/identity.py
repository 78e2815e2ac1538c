"""Answers of IAM, KMS, Secrets Manager and SSM."""

from __future__ import annotations

from typing import Any

from local.resources.described.describer import describer, only
from local.resources.provisioner import TYPES, Properties
from local.services.clients import client


@describer("AWS::IAM::Role")
def role(physical_id: str, props: Properties) -> dict[str, Any]:
    iam = client("iam")
    found = iam.get_role(RoleName=physical_id)["Role"]
    attached = iam.list_attached_role_policies(RoleName=physical_id)["AttachedPolicies"]
    boundary = found.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn")
    return {
        **found,
        "ManagedPolicyArns": [one["PolicyArn"] for one in attached],
        "PermissionsBoundary": boundary,
        "Tags": iam.list_role_tags(RoleName=physical_id)["Tags"],
    }


@describer("AWS::IAM::Policy")
def policy(physical_id: str, props: Properties) -> dict[str, Any]:
    iam = client("iam")
    name = props["PolicyName"]
    documents = [
        iam.get_role_policy(RoleName=one, PolicyName=name)["PolicyDocument"] for one in props["Roles"]
    ]
    return {"PolicyName": name, "Roles": props["Roles"], "PolicyDocument": documents[0]}


@describer("AWS::IAM::ManagedPolicy")
def managed_policy(physical_id: str, props: Properties) -> dict[str, Any]:
    iam = client("iam")
    found = iam.get_policy(PolicyArn=physical_id)["Policy"]
    version = iam.get_policy_version(PolicyArn=physical_id, VersionId=found["DefaultVersionId"])
    entities = iam.list_entities_for_policy(PolicyArn=physical_id)
    return {
        **found,
        "PolicyDocument": version["PolicyVersion"]["Document"],
        "Groups": [one["GroupName"] for one in entities["PolicyGroups"]],
        "Roles": [one["RoleName"] for one in entities["PolicyRoles"]],
    }


@describer("AWS::IAM::Group")
def group(physical_id: str, props: Properties) -> dict[str, Any]:
    found = TYPES["AWS::IAM::Group"].describe(physical_id)
    # Managed policies that name the group attach themselves to it beside those that it names.
    wanted = set(props.get("ManagedPolicyArns", []))
    return {**found, "ManagedPolicyArns": [arn for arn in found["ManagedPolicyArns"] if arn in wanted]}


@describer("AWS::KMS::Key")
def key(physical_id: str, props: Properties) -> dict[str, Any]:
    kms = client("kms")
    found = kms.describe_key(KeyId=physical_id)["KeyMetadata"]
    return {
        **found,
        "EnableKeyRotation": kms.get_key_rotation_status(KeyId=physical_id)["KeyRotationEnabled"],
        "KeyPolicy": kms.get_key_policy(KeyId=physical_id, PolicyName="default")["Policy"],
        "Tags": [
            {"Key": tag["TagKey"], "Value": tag["TagValue"]}
            for tag in kms.list_resource_tags(KeyId=physical_id)["Tags"]
        ],
    }


@describer("AWS::KMS::Alias")
def alias(physical_id: str, props: Properties) -> dict[str, Any]:
    found = [one for one in client("kms").list_aliases()["Aliases"] if one["AliasName"] == physical_id]
    return only(found)


@describer("AWS::SecretsManager::Secret")
def secret(physical_id: str, props: Properties) -> dict[str, Any]:
    secrets = client("secretsmanager")
    value = secrets.get_secret_value(SecretId=physical_id)
    return {**secrets.describe_secret(SecretId=physical_id), "SecretString": value["SecretString"]}


@describer("AWS::SSM::Parameter")
def parameter(physical_id: str, props: Properties) -> dict[str, Any]:
    ssm = client("ssm")
    filters = [{"Key": "Name", "Option": "Equals", "Values": [physical_id]}]
    tags = ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId=physical_id)["TagList"]
    return {
        **only(ssm.describe_parameters(ParameterFilters=filters)["Parameters"]),
        **ssm.get_parameter(Name=physical_id, WithDecryption=True)["Parameter"],
        "Tags": tags,
    }
