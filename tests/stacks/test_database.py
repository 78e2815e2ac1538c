"""Database: private, encrypted, TLS-only PostgreSQL whose password RDS keeps."""

from __future__ import annotations

from tests.stacks.assembly import synthesise_core

INSTANCE = "AWS::RDS::DBInstance"


def test_it_is_private_and_encrypted_with_our_key() -> None:
    instance = synthesise_core().only(INSTANCE, stack="Database")

    assert instance["PubliclyAccessible"] is False
    assert instance["StorageEncrypted"] is True
    assert "DataKey" in str(instance["KmsKeyId"])


def test_rds_keeps_and_rotates_the_password() -> None:
    assembly = synthesise_core()
    instance = assembly.only(INSTANCE, stack="Database")

    assert instance["ManageMasterUserPassword"] is True
    assert "MasterUserPassword" not in instance
    assert "DataKey" in str(instance["MasterUserSecret"]["KmsKeyId"])
    assert assembly.resources("AWS::SecretsManager::Secret", stack="Database") == {}
    assert instance["EnableIAMDatabaseAuthentication"] is True


def test_clients_must_use_tls() -> None:
    group = synthesise_core().only("AWS::RDS::DBParameterGroup", stack="Database")

    assert group["Parameters"]["rds.force_ssl"] == "1"
    assert group["Family"] == "postgres18"


def test_it_stands_in_the_three_isolated_subnets() -> None:
    subnets = synthesise_core().only("AWS::RDS::DBSubnetGroup", stack="Database")["SubnetIds"]

    assert len(subnets) == 3
    assert all("isolatedSubnet" in str(subnet) for subnet in subnets)


def test_nobody_is_let_in_before_a_client_writes_a_rule() -> None:
    assembly = synthesise_core()
    group = assembly.only("AWS::EC2::SecurityGroup", stack="Database")

    assert "SecurityGroupIngress" not in group
    assert assembly.resources("AWS::EC2::SecurityGroupIngress", stack="Database") == {}
    assert [rule["CidrIp"] for rule in group["SecurityGroupEgress"]] == ["255.255.255.255/32"]


def test_its_log_group_is_ours_before_rds_makes_one() -> None:
    assembly = synthesise_core()
    (instance,) = assembly.resources(INSTANCE, stack="Database").values()
    ((group_id, group),) = assembly.resources("AWS::Logs::LogGroup", stack="Database").items()

    assert instance["Properties"]["EnableCloudwatchLogsExports"] == ["postgresql"]
    assert group["Properties"]["LogGroupName"] == "/aws/rds/instance/refstack-dev-database/postgresql"
    assert instance["Properties"]["DBInstanceIdentifier"] == "refstack-dev-database"
    assert group_id.split("/")[1] in instance["DependsOn"]


def test_it_is_deleted_with_both_keys_and_else_leaves_a_snapshot() -> None:
    (dev,) = synthesise_core("dev").resources(INSTANCE).values()
    (prod,) = synthesise_core("prod").resources(INSTANCE).values()

    assert (dev["DeletionPolicy"], dev["Properties"]["DeletionProtection"]) == ("Delete", False)
    assert (prod["DeletionPolicy"], prod["Properties"]["DeletionProtection"]) == ("Snapshot", True)
    assert prod["Properties"]["DeleteAutomatedBackups"] is False


def test_size_standby_and_backups_follow_the_settings() -> None:
    dev = synthesise_core("dev").only(INSTANCE, stack="Database")
    prod = synthesise_core("prod").only(INSTANCE, stack="Database")

    assert (dev["DBInstanceClass"], dev["AllocatedStorage"], dev["MaxAllocatedStorage"]) == (
        "db.t4g.micro",
        "20",
        40,
    )
    assert (dev["MultiAZ"], dev["BackupRetentionPeriod"]) == (False, 1)
    assert (prod["MultiAZ"], prod["BackupRetentionPeriod"]) == (True, 35)
    assert dev["EngineVersion"] == "18.4"
