"""Database: private, encrypted, TLS-only PostgreSQL whose password RDS keeps."""

from __future__ import annotations

from typing import Any

from operational_store import roles
from stacks import database
from tests.stacks.assembly import synthesise_core
from tests.stacks.permissions import flat, permissions

INSTANCE = "AWS::RDS::DBInstance"


def alarms(environment: str = "dev") -> dict[str, dict[str, Any]]:
    """The stack's alarms by their metrics."""
    found = synthesise_core(environment).resources("AWS::CloudWatch::Alarm", stack="Database").values()
    return {each["Properties"]["MetricName"]: each["Properties"] for each in found}


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
    assert instance["EnableIAMDatabaseAuthentication"] is True


def test_clients_must_use_tls() -> None:
    group = synthesise_core().only("AWS::RDS::DBParameterGroup", stack="Database")

    assert group["Parameters"]["rds.force_ssl"] == "1"
    assert group["Family"] == "postgres18"


def test_it_stands_in_the_three_isolated_subnets() -> None:
    subnets = synthesise_core().only("AWS::RDS::DBSubnetGroup", stack="Database")["SubnetIds"]

    assert len(subnets) == 3
    assert all("isolatedSubnet" in str(subnet) for subnet in subnets)


def test_only_the_function_that_makes_the_roles_is_let_in_before_a_client_writes_a_rule() -> None:
    assembly = synthesise_core()
    groups = assembly.resources("AWS::EC2::SecurityGroup", stack="Database")
    (group,) = [each["Properties"] for key, each in groups.items() if key.startswith("Database/Group")]
    (rule,) = assembly.resources("AWS::EC2::SecurityGroupIngress", stack="Database").values()

    assert "SecurityGroupIngress" not in group
    assert "RolesGroup" in str(rule["Properties"]["SourceSecurityGroupId"])
    assert [rule["CidrIp"] for rule in group["SecurityGroupEgress"]] == ["255.255.255.255/32"]


def test_its_log_group_is_ours_before_rds_makes_one() -> None:
    assembly = synthesise_core()
    (instance,) = assembly.resources(INSTANCE, stack="Database").values()
    groups = assembly.resources("AWS::Logs::LogGroup", stack="Database").items()
    ((group_id, group),) = [(key, each) for key, each in groups if key.startswith("Database/Log")]

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
    assert dev["EngineVersion"] == "18.6"


def test_a_major_version_goes_up_only_where_the_settings_say_so() -> None:
    upgrade = {"database__engine_version": "19.1"}
    without = synthesise_core(**upgrade)
    allowed = synthesise_core(**upgrade, database__allow_major_version_upgrade="true")

    assert "AllowMajorVersionUpgrade" not in without.only(INSTANCE, stack="Database")
    assert allowed.only(INSTANCE, stack="Database")["AllowMajorVersionUpgrade"] is True
    assert allowed.only("AWS::RDS::DBParameterGroup", stack="Database")["Family"] == "postgres19"


def test_each_job_has_a_role_with_a_generated_secret_of_its_own() -> None:
    secrets = synthesise_core().resources("AWS::SecretsManager::Secret", stack="Database").values()
    names = {each["Properties"]["GenerateSecretString"]["SecretStringTemplate"] for each in secrets}

    known = {roles.ETL, roles.FLIGHT_BOARD, roles.AIRFLOW}
    assert names == {f'{{"username": "{role}"}}' for role in known}
    assert all("DataKey" in str(each["Properties"]["KmsKeyId"]) for each in secrets)
    assert {database.ETL, database.FLIGHT_BOARD, database.AIRFLOW} == known


def test_the_roles_are_made_after_each_deploy_by_the_only_function_that_reads_the_master_s_secret() -> None:
    assembly = synthesise_core()
    (rule,) = assembly.resources("AWS::Events::Rule", stack="Database").values()
    (target,) = rule["Properties"]["Targets"]
    allowed = permissions(assembly, "Database", "RolesPrepareDatabaseRole")
    read = allowed.resources["secretsmanager:GetSecretValue"]

    assert rule["Properties"]["EventPattern"]["detail"]["status-details"] == {
        "status": ["CREATE_COMPLETE", "UPDATE_COMPLETE"]
    }
    assert "PrepareDatabase" in flat(target["Arn"])
    assert "NotPrepared" in flat(target["DeadLetterConfig"]["Arn"])
    assert len(read) == 4
    assert sum("MasterUserSecret" in each for each in read) == 1
    assert "kms:ViaService" in allowed.condition("kms:Decrypt")["StringEquals"]


def test_what_cannot_be_prepared_rings_an_alarm() -> None:
    alarm = alarms()["ApproximateNumberOfMessagesVisible"]

    assert "RolesNotPrepared" in str(alarm["Dimensions"])
    assert "Alerts" in str(alarm["AlarmActions"])


def test_storage_that_runs_out_and_a_busy_cpu_ring_alarms() -> None:
    found = alarms("prod")
    low, busy = found["FreeStorageSpace"], found["CPUUtilization"]

    assert (low["ComparisonOperator"], low["Threshold"]) == ("LessThanOrEqualToThreshold", 5 * 1024**3)
    assert (busy["Threshold"], busy["EvaluationPeriods"] * busy["Period"]) == (90, 30 * 60)
