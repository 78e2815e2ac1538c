"""Redshift Serverless and RDS through CloudFormation: created, changed in place, deleted with their data."""

from __future__ import annotations

import json
import uuid
from typing import Any

import psycopg
import pytest

pytestmark = pytest.mark.gateway

TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "redshift.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ],
}


def template(name: str, *, capacity: int, backup_days: int, logs: list[str]) -> str:
    resources = {
        "CopyRole": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": TRUST}},
        "Namespace": {
            "Type": "AWS::RedshiftServerless::Namespace",
            "Properties": {
                "NamespaceName": name,
                "DbName": "refstack",
                "AdminUsername": "boss",
                "ManageAdminPassword": True,
                "IamRoles": [{"Fn::GetAtt": ["CopyRole", "Arn"]}],
                "DefaultIamRoleArn": {"Fn::GetAtt": ["CopyRole", "Arn"]},
                "LogExports": logs,
                "Tags": [{"Key": "project", "Value": "refstack"}],
            },
        },
        "Workgroup": {
            "Type": "AWS::RedshiftServerless::Workgroup",
            "Properties": {
                "WorkgroupName": name,
                "NamespaceName": {"Ref": "Namespace"},
                "BaseCapacity": capacity,
                "PubliclyAccessible": False,
                "ConfigParameters": [{"ParameterKey": "require_ssl", "ParameterValue": "true"}],
            },
        },
        "Instance": {
            "Type": "AWS::RDS::DBInstance",
            "Properties": {
                "DBInstanceIdentifier": name,
                "DBInstanceClass": "db.t4g.micro",
                "Engine": "postgres",
                "EngineVersion": "18.1",
                "AllocatedStorage": "20",
                "DBName": "operations",
                "MasterUsername": "boss",
                "ManageMasterUserPassword": True,
                "EnableIAMDatabaseAuthentication": True,
                "BackupRetentionPeriod": backup_days,
                "EnableCloudwatchLogsExports": ["postgresql"],
                "Tags": [{"Key": "project", "Value": "refstack"}],
            },
        },
    }
    outputs = {
        "WorkgroupArn": {"Value": {"Fn::GetAtt": ["Workgroup", "Workgroup.WorkgroupArn"]}},
        "WorkgroupPort": {"Value": {"Fn::GetAtt": ["Workgroup", "Workgroup.Endpoint.Port"]}},
        "DatabaseAddress": {"Value": {"Fn::GetAtt": ["Instance", "Endpoint.Address"]}},
        "DatabasePort": {"Value": {"Fn::GetAtt": ["Instance", "Endpoint.Port"]}},
        "DatabaseSecret": {"Value": {"Fn::GetAtt": ["Instance", "MasterUserSecret.SecretArn"]}},
    }
    return json.dumps({"Resources": resources, "Outputs": outputs})


def outputs(cloudformation: Any, name: str) -> dict[str, str]:
    [stack] = cloudformation.describe_stacks(StackName=name)["Stacks"]
    return {item["OutputKey"]: item["OutputValue"] for item in stack["Outputs"]}


def test_a_stack_with_a_warehouse_and_a_database(gateway):
    cloudformation = gateway.client("cloudformation")
    serverless, rds = gateway.client("redshift-serverless"), gateway.client("rds")
    name = f"cfn-{uuid.uuid4().hex[:8]}"
    wait = {"Delay": 1, "MaxAttempts": 60}

    cloudformation.create_stack(
        StackName=name,
        TemplateBody=template(name, capacity=4, backup_days=1, logs=["userlog"]),
        Capabilities=["CAPABILITY_IAM"],
    )
    cloudformation.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig=wait)
    made = outputs(cloudformation, name)
    workgroup = serverless.get_workgroup(workgroupName=name)["workgroup"]
    assert made["WorkgroupArn"] == workgroup["workgroupArn"]
    assert made["WorkgroupPort"] == str(workgroup["endpoint"]["port"])
    secret = json.loads(
        gateway.client("secretsmanager").get_secret_value(SecretId=made["DatabaseSecret"])["SecretString"]
    )
    with psycopg.connect(
        host=made["DatabaseAddress"],
        port=made["DatabasePort"],
        dbname="operations",
        user=secret["username"],
        password=secret["password"],
    ) as connection:
        connection.execute("create table kept (a int)")

    cloudformation.update_stack(
        StackName=name,
        TemplateBody=template(name, capacity=8, backup_days=7, logs=["userlog", "connectionlog"]),
        Capabilities=["CAPABILITY_IAM"],
    )
    cloudformation.get_waiter("stack_update_complete").wait(StackName=name, WaiterConfig=wait)
    assert outputs(cloudformation, name) == made
    assert serverless.get_workgroup(workgroupName=name)["workgroup"]["baseCapacity"] == 8
    namespace = serverless.get_namespace(namespaceName=name)["namespace"]
    assert namespace["logExports"] == ["userlog", "connectionlog"]
    assert namespace["iamRoles"][0].endswith(f"{namespace['defaultIamRoleArn']})")
    [instance] = rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"]
    assert instance["BackupRetentionPeriod"] == 7
    assert instance["IAMDatabaseAuthenticationEnabled"] is True
    assert instance["AllocatedStorage"] == 20

    cloudformation.delete_stack(StackName=name)
    cloudformation.get_waiter("stack_delete_complete").wait(StackName=name, WaiterConfig=wait)
    with pytest.raises(serverless.exceptions.ResourceNotFoundException):
        serverless.get_namespace(namespaceName=name)
    with pytest.raises(rds.exceptions.DBInstanceNotFoundFault):
        rds.describe_db_instances(DBInstanceIdentifier=name)
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(host=made["DatabaseAddress"], port=made["DatabasePort"], connect_timeout=5)
