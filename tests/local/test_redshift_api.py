"""Redshift Serverless and the Data API by boto3: sessions by role and by secret, COPY as a role."""

from __future__ import annotations

import io
import json
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import botocore.exceptions
import jinja2
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import redshift_connector

from flights.schema import STAR
from flights.tables import Column, Table
from local import layout
from local.engines import certificates
from local.engines.redshift_sql import translate
from local.layout import BUCKET_LOCATION, ROOT

pytestmark = pytest.mark.gateway

DATABASE = "refstack"
SCRIPTS = ROOT / "mwaa_dags" / "sql"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "redshift.amazonaws.com", "AWS": "arn:aws:iam::000000000000:root"},
            "Action": "sts:AssumeRole",
        }
    ],
}
READ_LAKE = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": ["s3:GetObject", "s3:ListBucket"], "Resource": "*"}],
}
WRITE_LAKE = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": ["s3:PutObject", "s3:ListBucket"], "Resource": "*"}],
}


@dataclass(frozen=True)
class Warehouse:
    """A workgroup, its namespace, and the roles around it."""

    client: Callable[..., Any]
    name: str
    secret: str
    copy_role: str
    unload_role: str
    job_role: str
    bucket: str

    def as_job(self, service: str = "redshift-data") -> Any:
        """A client with a session of the job's role."""
        keys = self.client("sts").assume_role(RoleArn=self.job_role, RoleSessionName="job")["Credentials"]
        return self.client(
            service,
            aws_access_key_id=keys["AccessKeyId"],
            aws_secret_access_key=keys["SecretAccessKey"],
            aws_session_token=keys["SessionToken"],
        )

    def connect_as_job(self) -> Any:
        """A connection of Redshift's own driver with credentials that the job's role got."""
        serverless = self.as_job("redshift-serverless")
        keys = serverless.get_credentials(workgroupName=self.name, dbName=DATABASE)
        endpoint = serverless.get_workgroup(workgroupName=self.name)["workgroup"]["endpoint"]
        return redshift_connector.connect(
            host=endpoint["address"], port=endpoint["port"], database=DATABASE,
            user=keys["dbUser"], password=keys["dbPassword"], ssl=False,
        )  # fmt: skip

    def start(self, sql: str | list[str], *, data: Any = None, **more: Any) -> str:
        """Start a statement or a batch: as the administrator, or as the caller `data`."""
        given = {} if data else {"SecretArn": self.secret}
        api = data or self.client("redshift-data")
        call = api.execute_statement if isinstance(sql, str) else api.batch_execute_statement
        text = {"Sql": sql} if isinstance(sql, str) else {"Sqls": sql}
        return str(call(WorkgroupName=self.name, Database=DATABASE, **text, **given, **more)["Id"])

    def ended(self, identifier: str) -> dict[str, Any]:
        """DescribeStatement's answer once the statement is over."""
        data = self.client("redshift-data")
        deadline = time.monotonic() + 30
        while True:
            found: dict[str, Any] = data.describe_statement(Id=identifier)
            if found["Status"] in {"FINISHED", "FAILED", "ABORTED"}:
                return found
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def run(self, sql: str | list[str], **more: Any) -> dict[str, Any]:
        """Run to the end; the test fails when the statement does."""
        found = self.ended(self.start(sql, **more))
        assert found["Status"] == "FINISHED", found["Error"]
        return found

    def rows(self, sql: str, **more: Any) -> list[list[Any]]:
        """Values of a query."""
        found = self.run(sql, **more)
        records = self.client("redshift-data").get_statement_result(Id=found["Id"])["Records"]
        return [
            [None if "isNull" in field else next(iter(field.values())) for field in row] for row in records
        ]

    def error(self, sql: str | list[str], **more: Any) -> str:
        """The error of a statement that fails."""
        found = self.ended(self.start(sql, **more))
        assert found["Status"] == "FAILED"
        return str(found["Error"])


def copy_of(warehouse: Warehouse, table: str, prefix: str, options: str, role: str | None = None) -> str:
    """COPY of a prefix of the warehouse's bucket into staging."""
    source = f"s3://{warehouse.bucket}/{prefix}/"
    return f"copy staging.{table} from '{source}' iam_role '{role or warehouse.copy_role}' {options}"


@pytest.fixture(scope="module")
def warehouse(gateway: Any) -> Iterator[Warehouse]:
    name = f"wh-{uuid.uuid4().hex[:8]}"
    iam, serverless, s3 = (gateway.client(service) for service in ("iam", "redshift-serverless", "s3"))
    copy_role, unload_role, job_role = (
        iam.create_role(RoleName=f"{name}-{kind}", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
        for kind in ("Copy", "Unload", "Job")
    )
    for kind, policy in (("Copy", READ_LAKE), ("Unload", WRITE_LAKE)):
        iam.put_role_policy(RoleName=f"{name}-{kind}", PolicyName="lake", PolicyDocument=json.dumps(policy))
    s3.create_bucket(Bucket=name, CreateBucketConfiguration=BUCKET_LOCATION)
    namespace = serverless.create_namespace(
        namespaceName=name,
        dbName=DATABASE,
        adminUsername="boss",
        manageAdminPassword=True,
        iamRoles=[copy_role, unload_role],
        tags=[{"key": "project", "value": "refstack"}],
    )["namespace"]
    serverless.create_workgroup(workgroupName=name, namespaceName=name, baseCapacity=4)
    secret = namespace["adminPasswordSecretArn"]
    made = Warehouse(gateway.client, name, secret, copy_role, unload_role, job_role, name)
    user = f"IAMR:{name}-Job"
    for sql in (
        "create schema staging",
        "create role loader",
        f'create user "{user}" password disable',
        f'grant role loader to "{user}"',
        "grant usage, create on schema staging to role loader",
    ):
        made.run(sql)
    yield made
    serverless.delete_workgroup(workgroupName=name)
    serverless.delete_namespace(namespaceName=name)


def parquet(count: int) -> bytes:
    sink = io.BytesIO()
    table = {"id": pa.array(range(count), pa.int64()), "name": [f"n{number}" for number in range(count)]}
    pq.write_table(pa.table(table), sink)
    return sink.getvalue()


# --- Redshift Serverless ---


def test_the_namespace_tells_its_secret_and_its_roles(warehouse):
    found = warehouse.client("redshift-serverless").get_namespace(namespaceName=warehouse.name)["namespace"]
    assert found["status"] == "AVAILABLE"
    assert found["iamRoles"] == [
        f"IamRole(applyStatus=in-sync, iamRoleArn={role})"
        for role in (warehouse.copy_role, warehouse.unload_role)
    ]
    secret = json.loads(
        warehouse.client("secretsmanager").get_secret_value(SecretId=warehouse.secret)["SecretString"]
    )
    assert set(secret) == {"username", "password"}
    assert secret["username"] == "boss"


def test_the_workgroups_endpoint_takes_the_administrator(warehouse):
    found = warehouse.client("redshift-serverless").get_workgroup(workgroupName=warehouse.name)["workgroup"]
    secret = json.loads(
        warehouse.client("secretsmanager").get_secret_value(SecretId=warehouse.secret)["SecretString"]
    )
    with psycopg.connect(
        host=found["endpoint"]["address"],
        port=found["endpoint"]["port"],
        dbname=DATABASE,
        user=secret["username"],
        password=secret["password"],
    ) as connection:
        assert connection.execute("select nvl(null, current_user)").fetchone() == ("boss",)


def test_redshift_connector_logs_in_with_credentials_of_a_role(warehouse):
    with warehouse.connect_as_job() as connection:
        cursor = connection.cursor()
        cursor.execute("select current_user")
        assert list(cursor.fetchone()) == [f"IAMR:{warehouse.name}-Job"]


def test_redshift_connector_gets_credentials_of_a_role_by_itself(warehouse, monkeypatch):
    sts, serverless = warehouse.client("sts"), warehouse.client("redshift-serverless")
    keys = sts.assume_role(RoleArn=warehouse.job_role, RoleSessionName="job")["Credentials"]
    endpoint = serverless.get_workgroup(workgroupName=warehouse.name)["workgroup"]["endpoint"]
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.bundle()))
    with redshift_connector.connect(
        iam=True,
        is_serverless=True,
        serverless_work_group=warehouse.name,
        host=endpoint["address"],
        port=endpoint["port"],
        database=DATABASE,
        region=layout.REGION,
        endpoint_url=layout.gateway_url(),
        access_key_id=keys["AccessKeyId"],
        secret_access_key=keys["SecretAccessKey"],
        session_token=keys["SessionToken"],
    ) as connection:
        cursor = connection.cursor()
        cursor.execute("select current_user")
        assert list(cursor.fetchone()) == [f"IAMR:{warehouse.name}-Job"]


def test_a_taken_name_and_a_missing_one_are_told(warehouse):
    serverless = warehouse.client("redshift-serverless")
    with pytest.raises(serverless.exceptions.ConflictException):
        serverless.create_namespace(namespaceName=warehouse.name)
    with pytest.raises(serverless.exceptions.ResourceNotFoundException):
        serverless.get_workgroup(workgroupName="nowhere")
    with pytest.raises(serverless.exceptions.ConflictException, match="still associated"):
        serverless.delete_namespace(namespaceName=warehouse.name)


@pytest.mark.parametrize("capacity", [2, 12])
def test_a_capacity_that_does_not_exist_is_refused(warehouse, capacity):
    serverless = warehouse.client("redshift-serverless")
    with pytest.raises(serverless.exceptions.ValidationException):
        serverless.update_workgroup(workgroupName=warehouse.name, baseCapacity=capacity)


def test_a_workgroup_is_changed_in_place(warehouse):
    serverless = warehouse.client("redshift-serverless")
    serverless.update_workgroup(
        workgroupName=warehouse.name,
        baseCapacity=8,
        configParameters=[{"parameterKey": "query_group", "parameterValue": "etl"}],
    )
    found = serverless.get_workgroup(workgroupName=warehouse.name)["workgroup"]
    assert found["baseCapacity"] == 8
    assert {"parameterKey": "query_group", "parameterValue": "etl"} in found["configParameters"]


def test_usage_limits_and_tags_are_kept(warehouse):
    serverless = warehouse.client("redshift-serverless")
    arn = serverless.get_workgroup(workgroupName=warehouse.name)["workgroup"]["workgroupArn"]
    limit = serverless.create_usage_limit(
        resourceArn=arn, usageType="serverless-compute", amount=10, period="daily", breachAction="deactivate"
    )["usageLimit"]
    serverless.update_usage_limit(usageLimitId=limit["usageLimitId"], amount=20)
    [found] = serverless.list_usage_limits(resourceArn=arn)["usageLimits"]
    assert (found["amount"], found["breachAction"]) == (20, "deactivate")
    serverless.delete_usage_limit(usageLimitId=limit["usageLimitId"])
    serverless.tag_resource(resourceArn=arn, tags=[{"key": "a", "value": "b"}])
    assert serverless.list_tags_for_resource(resourceArn=arn)["tags"] == [{"key": "a", "value": "b"}]


# --- the Data API ---


def test_values_come_under_their_types(warehouse):
    found = warehouse.run(
        "select 1 as one, 'a', 2.50::numeric(5, 2), true, null, 0.5::float8, date '2013-01-01'"
    )
    assert (found["DbUser"], found["ResultRows"], found["HasResultSet"]) == ("boss", 1, True)
    result = warehouse.client("redshift-data").get_statement_result(Id=found["Id"])
    assert result["Records"] == [
        [
            {"longValue": 1},
            {"stringValue": "a"},
            {"stringValue": "2.50"},
            {"booleanValue": True},
            {"isNull": True},
            {"doubleValue": 0.5},
            {"stringValue": "2013-01-01"},
        ]
    ]
    assert result["ColumnMetadata"][0]["name"] == "one"
    assert [column["typeName"] for column in result["ColumnMetadata"]][:3] == ["int4", "varchar", "numeric"]


def test_long_results_come_in_pages(warehouse):
    found = warehouse.run("select * from generate_series(1, 2500)")
    pages = warehouse.client("redshift-data").get_paginator("get_statement_result").paginate(Id=found["Id"])
    assert [len(page["Records"]) for page in pages] == [1000, 1000, 500]


def test_results_come_as_csv_when_asked(warehouse):
    found = warehouse.run("select 1 as a, 'x,y' as b", ResultFormat="CSV")
    records = warehouse.client("redshift-data").get_statement_result_v2(Id=found["Id"])["Records"]
    assert records[0]["CSVRecords"].splitlines() == ["a,b", '1,"x,y"']


def test_parameters_are_bound_outside_literals_only(warehouse):
    given = [{"name": "d", "value": "2013-01-01"}]
    assert warehouse.rows("select :d::date + 1, ':d'", Parameters=given) == [["2013-01-02", ":d"]]
    assert "unused parameters" in warehouse.error("select 1", Parameters=given)


def test_a_roles_session_is_its_own_database_user(warehouse):
    assert warehouse.rows("select current_user", data=warehouse.as_job()) == [[f"IAMR:{warehouse.name}-Job"]]


def test_a_caller_without_a_database_user_gets_one_without_rights(warehouse):
    warehouse.run("create table staging.secret (a int)")
    root = warehouse.client("redshift-data")
    assert warehouse.rows("select current_user", data=root) == [["IAM:RootIdentity"]]
    assert "permission denied" in warehouse.error("select * from staging.secret", data=root)


def test_a_batch_is_one_transaction(warehouse):
    job = warehouse.as_job()
    warehouse.run("create table staging.batch (a int)", data=job)
    failed = warehouse.ended(
        warehouse.start(["insert into staging.batch values (1)", "select 1 / 0", "select 2"], data=job)
    )
    assert [part["Status"] for part in failed["SubStatements"]] == ["FINISHED", "FAILED", "ABORTED"]
    assert "division by zero" in failed["Error"]
    assert warehouse.rows("select count(*) from staging.batch", data=job) == [[0]]
    done = warehouse.run(
        ["insert into staging.batch values (1)", "select count(*) from staging.batch"], data=job
    )
    result = warehouse.client("redshift-data").get_statement_result(Id=f"{done['Id']}:2")
    assert result["Records"] == [[{"longValue": 1}]]


def test_one_statement_is_not_several(warehouse):
    assert "cannot insert multiple commands" in warehouse.error("select 1; select 2")


def test_an_error_holds_the_reason_and_the_sentence(warehouse):
    error = warehouse.error("insert into staging.batch values (1) returning a")
    sentence = "Redshift has no RETURNING; read the rows with a SELECT."
    assert error == f'ERROR: syntax error at or near "returning"\n  Detail: {sentence}'


def test_a_running_statement_is_cancelled(warehouse):
    data = warehouse.client("redshift-data")
    identifier = warehouse.start("select count(*) from generate_series(1, 1000000000)")
    while data.describe_statement(Id=identifier)["Status"] != "STARTED":
        time.sleep(0.02)
    assert data.cancel_statement(Id=identifier)["Status"] is True
    assert warehouse.ended(identifier)["Status"] == "ABORTED"
    with pytest.raises(data.exceptions.ValidationException, match="already in ABORTED"):
        data.cancel_statement(Id=identifier)


def test_a_client_token_runs_a_statement_once(warehouse):
    token = str(uuid.uuid4())
    assert warehouse.start("select 1", ClientToken=token) == warehouse.start("select 1", ClientToken=token)


def test_statements_are_listed_by_name(warehouse):
    name = f"named-{uuid.uuid4().hex}"
    found = warehouse.run("select 1", StatementName=name)
    listed = warehouse.client("redshift-data").list_statements(StatementName=name)["Statements"]
    assert [item["Id"] for item in listed] == [found["Id"]]


def test_the_catalog_is_described(warehouse):
    warehouse.run("create table staging.described (id bigint not null, name varchar(9))")
    data, where = (
        warehouse.client("redshift-data"),
        {"WorkgroupName": warehouse.name, "Database": DATABASE, "SecretArn": warehouse.secret},
    )
    assert set(data.list_databases(**where)["Databases"]) >= {DATABASE, "dev"}
    assert "staging" in data.list_schemas(**where)["Schemas"]
    assert {"name": "described", "schema": "staging", "type": "TABLE"} in data.list_tables(
        **where, SchemaPattern="staging"
    )["Tables"]
    columns = data.describe_table(**where, Schema="staging", Table="described")["ColumnList"]
    assert [(column["name"], column["typeName"], column["nullable"]) for column in columns] == [
        ("id", "int8", 0),
        ("name", "varchar", 1),
    ]


def test_wrong_requests_are_refused(warehouse):
    data = warehouse.client("redshift-data")
    for wrong in (
        {"WorkgroupName": "nowhere"},
        {"ClusterIdentifier": "c"},
        {"WorkgroupName": warehouse.name, "DbUser": "x"},
    ):
        with pytest.raises(data.exceptions.ValidationException):
            data.execute_statement(Database=DATABASE, Sql="select 1", **wrong)
    with pytest.raises(data.exceptions.ResourceNotFoundException):
        data.describe_statement(Id=str(uuid.uuid4()))
    with pytest.raises(data.exceptions.ResourceNotFoundException, match="does not have result"):
        data.get_statement_result(Id=warehouse.run("create table staging.no_result (a int)")["Id"])


# --- COPY ---


def test_copy_loads_parquet_as_the_copy_role_within_a_batch(warehouse):
    warehouse.client("s3").put_object(Bucket=warehouse.bucket, Key="t/run=1/a.parquet", Body=parquet(5))
    copy = copy_of(warehouse, "loaded", "t", "format as parquet")
    job = warehouse.as_job()
    warehouse.run("create table staging.loaded (id bigint, name varchar(9))", data=job)
    done = warehouse.run(["delete from staging.loaded", copy, "select pg_last_copy_count()"], data=job)
    result = warehouse.client("redshift-data").get_statement_result(Id=f"{done['Id']}:3")
    assert result["Records"] == [[{"longValue": 5}]]
    assert warehouse.rows("select sum(id), max(name) from staging.loaded", data=job) == [["10", "n4"]]


def test_copy_refuses_a_role_that_is_not_associated(warehouse):
    warehouse.run("create table staging.refused (id bigint)")
    copy = copy_of(warehouse, "refused", "t", "format as parquet", role=warehouse.job_role)
    assert "not authorized to assume IAM Role" in warehouse.error(copy)


def test_copy_fails_its_whole_batch(warehouse):
    warehouse.run("create table staging.rolled_back (id bigint, name varchar(9))")
    copy = copy_of(warehouse, "rolled_back", "none", "format as parquet")
    assert "The specified S3 prefix 'none/' does not exist" in warehouse.error(
        ["insert into staging.rolled_back values (1, 'x')", copy]
    )
    assert warehouse.rows("select count(*) from staging.rolled_back") == [[0]]


def test_rejected_lines_outlive_the_failed_load(warehouse):
    warehouse.client("s3").put_object(Bucket=warehouse.bucket, Key="c/a.csv", Body=b"1,a\nx,b\n")
    job = warehouse.as_job()
    warehouse.run("create table staging.rejected (id bigint, name varchar(9))", data=job)
    copy = copy_of(warehouse, "rejected", "c", "csv")
    assert "Load into table 'rejected' failed" in warehouse.error(copy, data=job)
    where = f"trim(filename) = 's3://{warehouse.bucket}/c/a.csv'"
    assert warehouse.rows(
        f"select line_number, colname, err_code, raw_line from stl_load_errors where {where}", data=job
    ) == [[2, "id", 1207, "x,b"]]
    warehouse.run(f"{copy} maxerror 1", data=job)
    assert warehouse.rows("select count(*) from staging.rejected", data=job) == [[1]]


def test_copy_works_over_the_extended_protocol(warehouse):
    warehouse.client("s3").put_object(Bucket=warehouse.bucket, Key="e/a.parquet", Body=parquet(3))
    with warehouse.connect_as_job() as connection:
        cursor = connection.cursor()
        cursor.execute("create table staging.extended (id bigint, name varchar(9))")
        copy = copy_of(warehouse, "extended", "%s", "parquet")
        cursor.execute(copy % "e")
        cursor.execute("select count(*) from staging.extended")
        assert list(cursor.fetchone()) == [3]
        connection.commit()
        with pytest.raises(redshift_connector.ProgrammingError, match="does not exist"):
            cursor.execute(copy % "none")
        connection.rollback()
        cursor.execute("select count(*) from staging.extended")
        assert list(cursor.fetchone()) == [3]


# --- UNLOAD ---


def unload_of(warehouse: Warehouse, query: str, prefix: str, options: str = "parquet") -> str:
    """UNLOAD of a query to a prefix of the warehouse's bucket."""
    target = f"s3://{warehouse.bucket}/{prefix}/"
    return f"unload ($${query}$$) to '{target}' iam_role '{warehouse.unload_role}' {options}"


def unloaded(warehouse: Warehouse, prefix: str) -> list[dict[str, Any]]:
    """The rows of the Parquet files under a prefix."""
    s3 = warehouse.client("s3")
    found = s3.list_objects_v2(Bucket=warehouse.bucket, Prefix=f"{prefix}/").get("Contents", [])
    bodies = [s3.get_object(Bucket=warehouse.bucket, Key=item["Key"])["Body"].read() for item in found]
    return [row for body in bodies for row in pq.read_table(io.BytesIO(body)).to_pylist()]


def test_unload_writes_what_copy_loads_again(warehouse):
    job = warehouse.as_job()
    columns = "id bigint, name varchar(9), price numeric(5, 2), day date, at timestamp, ok boolean, f float8"
    warehouse.run(f"create table staging.source ({columns})", data=job)
    warehouse.run(
        "insert into staging.source values "
        "(1, 'a\\'b', 1.25, '2013-01-01', '2013-01-01 05:17:00', true, 0.5), "
        "(2, '', -1, '2013-12-31', '2013-12-31 00:00:00.5', false, 1e300), "
        "(null, null, null, null, null, null, null)",
        data=job,
    )
    query = "select * from staging.source order by id"
    found = warehouse.run(
        [unload_of(warehouse, query, "u1"), f"create table staging.target ({columns})"], data=job
    )
    assert [part["Status"] for part in found["SubStatements"]] == ["FINISHED", "FINISHED"]
    warehouse.run(copy_of(warehouse, "target", "u1", "parquet"), data=job)
    assert warehouse.rows("select * from staging.target order by id", data=job) == warehouse.rows(
        query, data=job
    )


def test_unload_reads_with_the_rights_of_its_user_and_writes_with_those_of_its_role(warehouse, gateway):
    warehouse.run("create table staging.private (a int)")
    denied = warehouse.error(
        unload_of(warehouse, "select * from staging.private", "u2"), data=warehouse.as_job()
    )
    assert "permission denied for table private" in denied
    assert unloaded(warehouse, "u2") == []
    as_copy = unload_of(warehouse, "select 1 as a", "u2").replace(warehouse.unload_role, warehouse.copy_role)
    warehouse.run(as_copy)
    lines = [json.loads(line) for line in (gateway.home / "would_deny.jsonl").read_text().splitlines()]
    lacking = {line["action"] for line in lines if f"{warehouse.name}-Copy" in line["caller"]}
    assert "s3:PutObject" in lacking
    assert not [line for line in lines if f"{warehouse.name}-Unload" in line["caller"]]


def test_unload_works_over_the_extended_protocol(warehouse):
    with warehouse.connect_as_job() as connection:
        cursor = connection.cursor()
        cursor.execute("create table staging.kept (a int)")
        cursor.execute(unload_of(warehouse, "select 1 as a union all select 2", "u3"))
        with pytest.raises(redshift_connector.ProgrammingError, match="destination on S3 is not empty"):
            cursor.execute(unload_of(warehouse, "select 3 as a", "u3"))
        connection.rollback()
        cursor.execute("select count(*) from pg_table_def where tablename = 'kept'")
        assert list(cursor.fetchone()) == [0]
        with pytest.raises(redshift_connector.ProgrammingError, match="does not exist"):
            cursor.execute(unload_of(warehouse, "select nothing", "u3"))
        connection.rollback()
        cursor.execute(unload_of(warehouse, "select 4 as a", "u4", "parquet parallel off"))
        cursor.execute("select 5")
        assert list(cursor.fetchone()) == [5]
    assert [unloaded(warehouse, prefix) for prefix in ("u3", "u4")] == [[{"a": 1}, {"a": 2}], [{"a": 4}]]


def test_a_failed_unload_fails_its_batch(warehouse):
    warehouse.run("create table staging.not_unloaded (a int)")
    nowhere = unload_of(warehouse, "select 1", "u5").replace(
        f"s3://{warehouse.bucket}", "s3://nowhere-at-all"
    )
    assert "bucket does not exist" in warehouse.error(
        ["insert into staging.not_unloaded values (1)", nowhere]
    )
    assert warehouse.rows("select count(*) from staging.not_unloaded") == [[0]]


TYPES = {
    "string": pa.string(),
    "int": pa.int32(),
    "bigint": pa.int64(),
    "double": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us", tz="UTC"),
}
DAY = date(2013, 1, 1)


def delivered(table: Table, count: int) -> bytes:
    """A Parquet file as the Spark jobs write it: `count` rows, each value different in each row."""

    def values(column: Column) -> pa.Array:
        number = TYPES[column.type]
        if column.type == "string":
            return pa.array([str(row)[: column.length] for row in range(count)])
        if column.type == "date":
            return pa.array([DAY] * count)
        if column.type == "boolean":
            return pa.array([row % 2 == 0 for row in range(count)])
        if column.type == "timestamp":
            return pa.array([datetime(2013, 1, 1, 5)] * count, pa.timestamp("us")).cast(number)
        return pa.array(range(count), number)

    sink = io.BytesIO()
    made = pa.table({column.name: values(column) for column in table.columns})
    pq.write_table(made, sink, use_deprecated_int96_timestamps=True)
    return sink.getvalue()


def script(name: str, warehouse: Warehouse) -> list[str]:
    """The statements of one of the pipeline's SQL files, as the DAG renders and sends them."""
    configuration = {
        "buckets": {"warehouse": warehouse.bucket},
        "warehouse": {"copy_role_arn": warehouse.copy_role, "unload_role_arn": warehouse.unload_role},
    }
    text = jinja2.Template((SCRIPTS / f"{name}.sql").read_text()).render(
        cfg=configuration, start="2013-01-01", end="2013-01-01", run_key="r1"
    )
    return [statement.text for statement in translate(text)]


def test_the_pipelines_scripts_load_every_table_and_repeat_without_a_change(warehouse):
    job, count = warehouse.as_job(), 7
    warehouse.run("create schema core")
    warehouse.run("grant usage, create on schema core to role loader")
    for table in STAR:
        key = f"{table.name}/run=r1/part-0.parquet"
        warehouse.client("s3").put_object(Bucket=warehouse.bucket, Key=key, Body=delivered(table, count))
    contents = []
    for _ in range(2):
        warehouse.run(script("create_tables", warehouse), data=job)
        for table in STAR:
            warehouse.run(script(f"load_{table.name}", warehouse), data=job)
        [count_rows] = script("count_rows", warehouse)
        assert warehouse.rows(count_rows, data=job) == [
            [table.name, count] for table in sorted(STAR, key=lambda t: t.name)
        ]
        rows = {}
        for table in STAR:
            names = ", ".join(column.name for column in table.columns)
            query = f"select {names} from core.{table.name} order by 1, 2"
            rows[table.name] = warehouse.rows(query, data=job)
        contents.append(rows)
    assert contents[0] == contents[1]
    assert [len(rows) for rows in contents[0].values()] == [count] * len(STAR)


def test_the_maintenance_scripts_run_as_the_loader(warehouse):
    job, s3 = warehouse.as_job(), warehouse.client("s3")
    warehouse.run(["create schema if not exists core", "grant usage, create on schema core to role loader"])
    warehouse.run(script("create_tables", warehouse), data=job)
    for table in ("fact_flight", "fact_flight_lifecycle", "fact_airport_daily"):
        warehouse.run(f"VACUUM core.{table}", data=job)
    warehouse.run(script("maintenance/analyze_tables", warehouse), data=job)
    [hours] = script("maintenance/hours_since_load", warehouse)
    assert {name for name, _ in warehouse.rows(hours, data=job)} >= {"fact_flight", "fact_airport_daily"}

    warehouse.run(["create schema marts", "grant usage on schema marts to role loader"])
    warehouse.run("create table marts.mart_on_time_performance (month_start date, share numeric(5, 4))")
    warehouse.run("grant select on marts.mart_on_time_performance to role loader")
    warehouse.run("insert into marts.mart_on_time_performance values ('2013-01-01', 0.5), ('2013-02-01', 1)")
    [export] = script("maintenance/export_mart", warehouse)
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "key"}}
    s3.put_bucket_encryption(Bucket=warehouse.bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})
    for _ in range(2):
        warehouse.run(export, data=job)
    found = s3.list_objects_v2(Bucket=warehouse.bucket, Prefix="exports/")["Contents"]
    months = "exports/mart_on_time_performance/month_start=2013-0{}-01/0000_part_00.parquet"
    assert [item["Key"] for item in found] == [months.format(1), months.format(2)]


def test_deleting_a_workgroup_closes_its_endpoint(gateway):
    serverless = gateway.client("redshift-serverless")
    serverless.create_namespace(
        namespaceName="short-lived", adminUsername="boss", adminUserPassword="Secret-1234"
    )
    port = serverless.create_workgroup(workgroupName="short-lived", namespaceName="short-lived")["workgroup"][
        "endpoint"
    ]["port"]
    serverless.delete_workgroup(workgroupName="short-lived")
    serverless.delete_namespace(namespaceName="short-lived")
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(
            host="127.0.0.1", port=port, dbname="dev", user="boss", password="Secret-1234", connect_timeout=5
        )
    with pytest.raises(botocore.exceptions.ClientError, match="not found"):
        serverless.get_namespace(namespaceName="short-lived")
