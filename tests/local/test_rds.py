"""RDS: an instance is a real PostgreSQL server, its master password a secret of RDS' own."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

pytestmark = pytest.mark.gateway


@pytest.fixture(scope="module")
def instance(gateway: Any) -> Iterator[str]:
    name = f"ops-{uuid.uuid4().hex[:8]}"
    rds = gateway.client("rds")
    rds.create_db_instance(
        DBInstanceIdentifier=name,
        DBInstanceClass="db.t4g.micro",
        Engine="postgres",
        EngineVersion="18.1",
        AllocatedStorage=20,
        DBName="operations",
        MasterUsername="boss",
        ManageMasterUserPassword=True,
        EnableCloudwatchLogsExports=["postgresql"],
        Tags=[{"Key": "project", "Value": "refstack"}],
    )
    yield name
    rds.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)


def described(gateway: Any, name: str) -> dict[str, Any]:
    [found] = gateway.client("rds").describe_db_instances(DBInstanceIdentifier=name)["DBInstances"]
    return dict(found)


def connect(gateway: Any, name: str) -> psycopg.Connection[Any]:
    found = described(gateway, name)
    arn = found["MasterUserSecret"]["SecretArn"]
    secret = json.loads(gateway.client("secretsmanager").get_secret_value(SecretId=arn)["SecretString"])
    assert set(secret) == {"username", "password"}
    return psycopg.connect(
        host=found["Endpoint"]["Address"],
        port=found["Endpoint"]["Port"],
        dbname=found["DBName"],
        user=secret["username"],
        password=secret["password"],
        autocommit=True,
    )


def test_the_managed_secret_opens_the_database(gateway, instance):
    with connect(gateway, instance) as connection:
        assert connection.execute("select current_user, current_database()").fetchone() == (
            "boss",
            "operations",
        )


def test_the_master_user_is_no_superuser_and_owns_his_database(gateway, instance):
    with connect(gateway, instance) as connection:
        connection.execute(
            "create schema live; create role app login password 'x'; grant usage on schema live to app"
        )
        connection.execute("create table live.t (a int primary key)")
        connection.execute("insert into live.t values (1) on conflict do nothing")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("copy live.t to program 'cat'")
        assert connection.execute("select pg_has_role('rds_superuser', 'member')").fetchone() == (True,)


def test_describe_tells_what_was_asked_for(gateway, instance):
    found = described(gateway, instance)
    assert found["DBInstanceStatus"] == "available"
    assert found["EngineVersion"] == "18.1"
    assert found["EnabledCloudwatchLogsExports"] == ["postgresql"]
    assert found["TagList"] == [{"Key": "project", "Value": "refstack"}]
    assert found["MasterUserSecret"]["SecretStatus"] == "active"


def test_a_rotated_password_replaces_the_old_one(gateway, instance):
    with connect(gateway, instance) as connection:
        old = connection.info.password
    gateway.client("rds").modify_db_instance(DBInstanceIdentifier=instance, RotateMasterUserPassword=True)
    with connect(gateway, instance) as connection:
        assert connection.info.password != old
        details = {"host": connection.info.host, "port": connection.info.port, "dbname": "operations"}
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(**details, user="boss", password=old)


def test_a_stopped_instance_keeps_its_data(gateway, instance):
    rds = gateway.client("rds")
    with connect(gateway, instance) as connection:
        connection.execute("create table kept as select 1 as a")
    rds.stop_db_instance(DBInstanceIdentifier=instance)
    assert described(gateway, instance)["DBInstanceStatus"] == "stopped"
    with pytest.raises(psycopg.OperationalError):
        connect(gateway, instance)
    rds.start_db_instance(DBInstanceIdentifier=instance)
    with connect(gateway, instance) as connection:
        assert connection.execute("select a from kept").fetchone() == (1,)


def test_changes_are_shown_at_once(gateway, instance):
    gateway.client("rds").modify_db_instance(
        DBInstanceIdentifier=instance,
        BackupRetentionPeriod=3,
        CloudwatchLogsExportConfiguration={"EnableLogTypes": ["upgrade"], "DisableLogTypes": ["postgresql"]},
        ApplyImmediately=True,
    )
    found = described(gateway, instance)
    assert found["BackupRetentionPeriod"] == 3
    assert found["EnabledCloudwatchLogsExports"] == ["upgrade"]


def test_a_protected_instance_is_not_deleted(gateway, instance):
    rds = gateway.client("rds")
    rds.modify_db_instance(DBInstanceIdentifier=instance, DeletionProtection=True)
    with pytest.raises(Exception, match="Cannot delete protected DB Instance"):
        rds.delete_db_instance(DBInstanceIdentifier=instance, SkipFinalSnapshot=True)
    rds.modify_db_instance(DBInstanceIdentifier=instance, DeletionProtection=False)


def test_wrong_requests_are_refused(gateway, instance):
    rds = gateway.client("rds")
    base = {"DBInstanceClass": "db.t4g.micro", "Engine": "postgres", "MasterUsername": "boss"}
    with pytest.raises(rds.exceptions.DBInstanceAlreadyExistsFault):
        rds.create_db_instance(DBInstanceIdentifier=instance, ManageMasterUserPassword=True, **base)
    with pytest.raises(Exception, match="either MasterUserPassword or ManageMasterUserPassword"):
        rds.create_db_instance(DBInstanceIdentifier="x", **base)
    with pytest.raises(Exception, match="only postgres"):
        rds.create_db_instance(
            DBInstanceIdentifier="x", ManageMasterUserPassword=True, **{**base, "Engine": "mysql"}
        )
    with pytest.raises(Exception, match=r"Cannot find version 17\.4 for postgres"):
        rds.create_db_instance(
            DBInstanceIdentifier="x", ManageMasterUserPassword=True, EngineVersion="17.4", **base
        )
    with pytest.raises(rds.exceptions.DBInstanceNotFoundFault):
        rds.describe_db_instances(DBInstanceIdentifier="nowhere")
