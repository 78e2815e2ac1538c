"""Answers of RDS, Redshift Serverless and EC2, where CloudFormation has other words than the service."""

from __future__ import annotations

from typing import Any

from local.resources.described.describer import describer
from local.resources.provisioner import TYPES, Properties
from local.services.clients import client


@describer("AWS::RDS::DBInstance")
def db_instance(physical_id: str, props: Properties) -> dict[str, Any]:
    found = TYPES["AWS::RDS::DBInstance"].describe(physical_id)
    tags = client("rds").list_tags_for_resource(ResourceName=found["DBInstanceArn"])["TagList"]
    return {
        **found,
        "DBParameterGroupName": found["DBParameterGroups"][0]["DBParameterGroupName"],
        "DBSubnetGroupName": found.get("DBSubnetGroup", {}).get("DBSubnetGroupName"),
        "EnableCloudwatchLogsExports": found.get("EnabledCloudwatchLogsExports"),
        "EnableIAMDatabaseAuthentication": found.get("IAMDatabaseAuthenticationEnabled"),
        "ManageMasterUserPassword": "MasterUserSecret" in found,
        "VPCSecurityGroups": [one["VpcSecurityGroupId"] for one in found.get("VpcSecurityGroups", [])],
        "Tags": tags,
    }


@describer("AWS::RedshiftServerless::Namespace")
def namespace(physical_id: str, props: Properties) -> dict[str, Any]:
    found = TYPES["AWS::RedshiftServerless::Namespace"].describe(physical_id)
    return {
        **found,
        "IamRoles": [_role_arn(one) for one in found.get("iamRoles", [])],
        "ManageAdminPassword": "adminPasswordSecretArn" in found,
        "Tags": _redshift_tags(found["namespaceArn"]),
    }


@describer("AWS::RedshiftServerless::Workgroup")
def workgroup(physical_id: str, props: Properties) -> dict[str, Any]:
    found = TYPES["AWS::RedshiftServerless::Workgroup"].describe(physical_id)
    wanted = {one["ParameterKey"] for one in props.get("ConfigParameters", [])}
    return {
        **found,
        # The service also lists the parameters that were left at their defaults.
        "ConfigParameters": [one for one in found["configParameters"] if one["parameterKey"] in wanted],
        "Port": found.get("endpoint", {}).get("port"),
        "Tags": _redshift_tags(found["workgroupArn"]),
    }


def _role_arn(text: str) -> str:
    """The ARN in Redshift's own rendering: IamRole(applyStatus=in-sync, iamRoleArn=arn:...)."""
    return text.partition("iamRoleArn=")[2].rstrip(")") or text


def _redshift_tags(arn: str) -> list[dict[str, str]]:
    tags: list[dict[str, str]] = client("redshift-serverless").list_tags_for_resource(resourceArn=arn)["tags"]
    return tags
