"""REFSTACK_ENGINES=deferred: nothing runs after a deployment, and the first connection starts its engine."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import psycopg
import pytest

from local import processes
from local.engines import redshift
from tests.local.conftest import Gateway
from tests.local.test_mwaa import Platform

pytestmark = pytest.mark.gateway


@pytest.fixture(scope="module")
def deferring(start_gateway: Callable[[], Gateway]) -> Iterator[Gateway]:
    """A gateway that defers its engines."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REFSTACK_ENGINES", "deferred")
        yield start_gateway()


def test_a_database_is_made_for_its_first_client(deferring: Gateway) -> None:
    rds = deferring.client("rds")
    made = rds.create_db_instance(
        DBInstanceIdentifier="sleepy",
        DBInstanceClass="db.t4g.micro",
        Engine="postgres",
        AllocatedStorage=20,
        DBName="operations",
        MasterUsername="boss",
        MasterUserPassword="not-secret",
    )["DBInstance"]
    assert made["DBInstanceStatus"] == "available"
    assert processes.find("rds-sleepy") is None
    place = {"host": made["Endpoint"]["Address"], "port": made["Endpoint"]["Port"], "dbname": "operations"}

    with psycopg.connect(**place, user="boss", password="not-secret") as first:
        assert first.execute("select current_user").fetchone() == ("boss",)
        with psycopg.connect(**place, user="boss", password="not-secret") as second:
            assert second.execute("select 1").fetchone() == (1,)

    assert processes.find("rds-sleepy") is not None
    rds.delete_db_instance(DBInstanceIdentifier="sleepy", SkipFinalSnapshot=True)
    assert processes.find("rds-sleepy") is None
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(**place, user="boss", password="not-secret")


def test_a_warehouse_is_made_for_its_first_client(deferring: Gateway) -> None:
    serverless = deferring.client("redshift-serverless")
    serverless.create_namespace(
        namespaceName="sleepy", dbName="refstack", adminUsername="boss", adminUserPassword="Not-secret-1"
    )
    workgroup = serverless.create_workgroup(workgroupName="sleepy", namespaceName="sleepy", baseCapacity=8)
    port = workgroup["workgroup"]["endpoint"]["port"]
    assert [name for name in processes.names() if "redshift" in name] == []

    with redshift.connect(port, "refstack", "boss", "Not-secret-1") as session:
        assert session.execute("select current_database()").fetchone() == ("refstack",)

    serverless.delete_workgroup(workgroupName="sleepy")
    serverless.delete_namespace(namespaceName="sleepy")
    assert processes.find("redshift-sleepy") is None


def test_an_environment_is_there_without_its_airflow(deferring: Gateway) -> None:
    mwaa = deferring.client("mwaa")
    wanted = {**Platform(deferring).request(), "Name": "sleepy"}
    mwaa.create_environment(**wanted)
    deadline = time.monotonic() + 30
    while (found := mwaa.get_environment(Name="sleepy")["Environment"])["Status"] == "CREATING":
        assert time.monotonic() < deadline
    assert found["Status"] == "AVAILABLE"
    host, _, port = found["WebserverUrl"].partition(":")
    assert host == "127.0.0.1"
    assert processes.listening(int(port))
    assert [name for name in processes.names() if "airflow" in name or "mwaa" in name] == []
    mwaa.delete_environment(Name="sleepy")
