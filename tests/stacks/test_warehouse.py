"""Warehouse: a private, encrypted, TLS-only Redshift Serverless that loads through the VPC."""

from __future__ import annotations

import json

from tests.stacks.assembly import synthesise_core

NAMESPACE = "AWS::RedshiftServerless::Namespace"
WORKGROUP = "AWS::RedshiftServerless::Workgroup"


def test_capacity_is_the_settings_never_the_services_default() -> None:
    dev = synthesise_core("dev").only(WORKGROUP, stack="Warehouse")
    prod = synthesise_core("prod").only(WORKGROUP, stack="Warehouse")

    assert (dev["BaseCapacity"], dev["MaxCapacity"]) == (4, 8)
    assert (prod["BaseCapacity"], prod["MaxCapacity"]) == (32, 128)


def test_it_is_private_in_three_zones_and_takes_tls_only() -> None:
    workgroup = synthesise_core().only(WORKGROUP, stack="Warehouse")

    assert workgroup["PubliclyAccessible"] is False
    assert workgroup["EnhancedVpcRouting"] is True
    assert len(workgroup["SubnetIds"]) == 3
    assert all("isolatedSubnet" in str(subnet) for subnet in workgroup["SubnetIds"])
    assert {"ParameterKey": "require_ssl", "ParameterValue": "true"} in workgroup["ConfigParameters"]


def test_redshift_keeps_the_admin_password_under_our_key() -> None:
    namespace = synthesise_core().only(NAMESPACE, stack="Warehouse")

    assert namespace["ManageAdminPassword"] is True
    assert "AdminUserPassword" not in namespace
    assert "DataKey" in str(namespace["AdminPasswordSecretKmsKeyId"])
    assert "DataKey" in str(namespace["KmsKeyId"])


def test_the_workgroup_comes_after_its_namespace_and_the_namespace_after_its_log_groups() -> None:
    assembly = synthesise_core()
    ((namespace_id, namespace),) = assembly.resources(NAMESPACE).items()
    (workgroup,) = assembly.resources(WORKGROUP).values()
    groups = assembly.resources("AWS::Logs::LogGroup", stack="Warehouse")

    assert namespace_id.split("/")[1] in workgroup["DependsOn"]
    assert {name.split("/")[1] for name in groups} <= set(namespace["DependsOn"])
    assert {group["Properties"]["LogGroupName"] for group in groups.values()} == {
        f"/aws/redshift/refstack-dev-warehouse/{log}" for log in namespace["Properties"]["LogExports"]
    }


def permissions(role: str) -> tuple[set[str], str]:
    """Actions of a role, and its resources as text."""
    policies = synthesise_core().resources("AWS::IAM::Policy", stack="Warehouse")
    (policy,) = [found for name, found in policies.items() if role in name]
    statements = policy["Properties"]["PolicyDocument"]["Statement"]
    actions = {
        a for s in statements for a in ([s["Action"]] if isinstance(s["Action"], str) else s["Action"])
    }
    return actions, json.dumps([statement["Resource"] for statement in statements])


def test_copy_reads_the_warehouse_bucket_and_nothing_else() -> None:
    actions, resources = permissions("CopyRole")

    assert actions == {"s3:GetObject", "s3:GetBucketLocation", "s3:ListBucket", "kms:Decrypt"}
    assert "Warehouse" in resources
    assert not [zone for zone in ("Curated", "Artifacts", "Logs") if zone in resources]
    # Of the raw zone it reads the notices of arrived days alone.
    assert resources.count("Raw") == 2
    assert "/arrivals/*" in resources


def test_unload_writes_exports_and_reads_nothing() -> None:
    actions, resources = permissions("UnloadRole")

    assert "s3:GetObject" not in actions
    assert {"s3:PutObject", "s3:DeleteObject", "s3:GetEncryptionConfiguration"} <= actions
    assert "/exports/*" in resources
    assert not [zone for zone in ("Raw", "Curated", "Artifacts", "Logs") if zone in resources]


def test_the_namespace_knows_both_roles_and_takes_copys_by_default() -> None:
    namespace = synthesise_core().only(NAMESPACE, stack="Warehouse")
    copy, unload = map(str, namespace["IamRoles"])

    assert "CopyRole" in copy
    assert "UnloadRole" in unload
    assert "CopyRole" in str(namespace["DefaultIamRoleArn"])


def test_data_leaves_a_snapshot_unless_both_keys_are_turned() -> None:
    dev = synthesise_core("dev").only(NAMESPACE, stack="Warehouse")
    prod = synthesise_core("prod").only(NAMESPACE, stack="Warehouse")

    assert "FinalSnapshotName" not in dev
    # A fixed name would be taken when the stack is deleted for the second time.
    stack_uuid = {"Fn::Select": [2, {"Fn::Split": ["/", {"Ref": "AWS::StackId"}]}]}
    unique = {"Fn::Select": [0, {"Fn::Split": ["-", stack_uuid]}]}
    assert prod["FinalSnapshotName"] == {"Fn::Join": ["", ["refstack-prod-warehouse-final-", unique]]}


def test_nobody_is_let_in_before_a_client_writes_a_rule() -> None:
    assembly = synthesise_core()
    group = assembly.only("AWS::EC2::SecurityGroup", stack="Warehouse")

    assert "SecurityGroupIngress" not in group
    assert [(rule["IpProtocol"], rule["ToPort"]) for rule in group["SecurityGroupEgress"]] == [("tcp", 443)]
