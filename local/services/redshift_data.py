"""The Redshift Data API: statements run in the background on a workgroup's endpoint, one session each."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import psycopg

from local.engines import redshift
from local.services import redshift_data_metadata as metadata
from local.services.redshift_data_sessions import SessionError, open_session, run
from local.services.redshift_serverless import namespaces, workgroups
from local.services.redshift_serverless_engines import server_of
from local.services.service import Request, Service

service = Service("redshift-data")
statements: dict[str, dict[str, Any]] = service.state("statements")
tokens: dict[str, str] = service.state("client_tokens")
_lock = threading.Lock()
_threads = ThreadPoolExecutor(max_workers=16, thread_name_prefix="redshift-data")

OVER = frozenset({"FINISHED", "FAILED", "ABORTED"})
MOST_STATEMENTS = 40
"""SQL statements in one batch."""
PUBLIC = [
    "Id",
    "SecretArn",
    "DbUser",
    "Database",
    "Duration",
    "Error",
    "Status",
    "CreatedAt",
    "UpdatedAt",
    "RedshiftPid",
    "HasResultSet",
    "QueryString",
    "ResultRows",
    "ResultSize",
    "RedshiftQueryId",
    "QueryParameters",
    "SubStatements",
    "WorkgroupName",
    "ResultFormat",
]
POLL_SECONDS = 0.02


@service.operation("ExecuteStatement")
def execute_statement(request: Request) -> dict[str, Any]:
    """Start one statement; its id is answered at once."""
    return _start(request, [request.params["Sql"]], batch=False)


@service.operation("BatchExecuteStatement")
def batch_execute_statement(request: Request) -> dict[str, Any]:
    """Start statements that run one after another in one transaction."""
    sqls = request.params["Sqls"]
    if len(sqls) > MOST_STATEMENTS:
        raise service.error("ValidationException", f"A batch has at most {MOST_STATEMENTS} statements.")
    if request.params.get("ExecutionMode", "TRANSACTION") != "TRANSACTION":
        raise service.error("ValidationException", "Only ExecutionMode TRANSACTION is emulated.")
    return _start(request, sqls, batch=True)


@service.operation("DescribeStatement")
def describe_statement(request: Request) -> dict[str, Any]:
    """State of a statement, and of each statement of a batch; waits for WaitTimeSeconds when asked."""
    record = known_statement(request.params["Id"])
    wait(record, request.params.get("WaitTimeSeconds", 0))
    shown = {key: record[key] for key in PUBLIC if record.get(key) is not None}
    if "SubStatements" in shown:
        shown["SubStatements"] = [
            {key: value for key, value in part.items() if key in PUBLIC and value is not None}
            for part in shown["SubStatements"]
        ]
    return shown


@service.operation("CancelStatement")
def cancel_statement(request: Request) -> dict[str, Any]:
    """Cancel a statement that is not over; ValidationException when it is."""
    record = known_statement(request.params["Id"])
    if record["Status"] in OVER:
        raise service.error(
            "ValidationException",
            f"Could not cancel a query that is already in {record['Status']} state with ID: {record['Id']}",
        )
    record["cancelled"] = True
    if record.get("RedshiftPid"):
        redshift.cancel(server_of(record["namespace"]), record["RedshiftPid"])
    return {"Status": True}


@service.operation("ListStatements")
def list_statements(request: Request) -> dict[str, Any]:
    """Statements, newest first, filtered by name (a prefix), state, workgroup or database.

    Without a Status the finished ones are listed, as the service does.
    """
    given = request.params
    status = given.get("Status", "FINISHED")
    found = [
        record
        for record in reversed(list(statements.values()))
        if (status == "ALL" or record["Status"] == status)
        and record.get("StatementName", "").startswith(given.get("StatementName", ""))
        and given.get("WorkgroupName", record["WorkgroupName"]) == record["WorkgroupName"]
        and given.get("Database", record["Database"]) == record["Database"]
    ]
    start, size = int(given.get("NextToken") or 0), int(given.get("MaxResults") or 100)
    keys = (
        "Id",
        "QueryString",
        "SecretArn",
        "Status",
        "StatementName",
        "CreatedAt",
        "UpdatedAt",
        "ResultFormat",
    )
    shown = []
    for record in found[start : start + size]:
        item = {key: record[key] for key in keys if record.get(key) is not None}
        item["IsBatchStatement"] = record["batch"]
        if record["batch"]:
            item["QueryStrings"] = [part["QueryString"] for part in record["SubStatements"]]
        shown.append(item)
    answer: dict[str, Any] = {"Statements": shown}
    if len(found) > start + size:
        answer["NextToken"] = str(start + size)
    return answer


def _catalog(name: str, read: Callable[[psycopg.Connection[Any], dict[str, Any]], dict[str, Any]]) -> None:
    """Register an operation that answers from the catalog at once."""

    @service.operation(name)
    def operation(request: Request) -> dict[str, Any]:
        workgroup = _workgroup(request)
        try:
            connection, _ = open_session(workgroup, request.params, request.caller)
        except SessionError as error:
            raise service.error(error.code, str(error)) from error
        with connection:
            return read(connection, request.params)


_catalog("ListDatabases", metadata.list_databases)
_catalog("ListSchemas", metadata.list_schemas)
_catalog("ListTables", metadata.list_tables)
_catalog("DescribeTable", metadata.describe_table)


@service.on_restore
def restore() -> None:
    """Statements that ran when the earlier gateway stopped have been aborted."""
    for record in statements.values():
        if record["Status"] not in OVER:
            record.update(Status="ABORTED", UpdatedAt=_now(), Error="The warehouse was restarted.")


@service.resource(
    "ExecuteStatement", "BatchExecuteStatement", "ListDatabases", "ListSchemas", "ListTables", "DescribeTable"
)
def workgroup_arn(request: Request) -> str:
    """The workgroup that policies are held against."""
    record = workgroups.get(request.params.get("WorkgroupName", "").rpartition("/")[2])
    return record["workgroupArn"] if record else "*"


def _start(request: Request, sqls: list[str], *, batch: bool) -> dict[str, Any]:
    given = request.params
    for unsupported in ("SessionKeepAliveSeconds", "SessionId", "WithEvent"):
        if given.get(unsupported):
            raise service.error("ValidationException", f"{unsupported} is not emulated.")
    workgroup = _workgroup(request)
    if not given.get("Database"):
        raise service.error("ValidationException", "Database is required.")
    token = f"{request.caller} {given['ClientToken']}" if "ClientToken" in given else None
    with _lock:
        if token and token in tokens:
            return _started(statements[tokens[token]])
        identifier, now = str(uuid.uuid4()), _now()
        fresh = {"Status": "SUBMITTED", "CreatedAt": now, "UpdatedAt": now, "HasResultSet": False}
        fresh |= dict.fromkeys(("Duration", "ResultRows", "ResultSize"), -1)
        record: dict[str, Any] = {
            "Id": identifier,
            "WorkgroupName": workgroup["workgroupName"],
            "namespace": workgroup["namespaceName"],
            "Database": given["Database"],
            "SecretArn": given.get("SecretArn"),
            "StatementName": given.get("StatementName", ""),
            "QueryString": sqls[0] if not batch else None,
            "QueryParameters": given.get("Parameters"),
            "ResultFormat": given.get("ResultFormat", "JSON"),
            **fresh,
            "batch": batch,
            "caller": request.caller,
        }
        if batch:
            record["SubStatements"] = [
                {"Id": f"{identifier}:{number}", "QueryString": sql, **fresh}
                for number, sql in enumerate(sqls, start=1)
            ]
        statements[identifier] = record
        if token:
            tokens[token] = identifier
    try:
        connection, user = open_session(workgroup, given, request.caller)
    except SessionError as error:
        if error.refuses:
            del statements[identifier]
            raise service.error(error.code, str(error)) from error
        record.update(Status="FAILED", Error=str(error), UpdatedAt=_now(), Duration=0)
        return _started(record)
    record.update(DbUser=user, RedshiftPid=connection.info.backend_pid, Status="PICKED")
    _threads.submit(run, record, connection, sqls)
    wait(record, given.get("WaitTimeSeconds", 0))
    return _started(record)


def _started(record: dict[str, Any]) -> dict[str, Any]:
    keys = ("Id", "CreatedAt", "DbUser", "Database", "SecretArn", "WorkgroupName", "Status", "HasResultSet")
    return {key: record[key] for key in keys if record.get(key) is not None}


def _workgroup(request: Request) -> dict[str, Any]:
    if "ClusterIdentifier" in request.params:
        raise service.error("ValidationException", "Provisioned clusters are not emulated: name a workgroup.")
    name = request.params.get("WorkgroupName", "").rpartition("/")[2]
    if name not in workgroups:
        found = [item for item in workgroups.values() if item["workgroupId"] == name]
        if not found:
            raise service.error(
                "ValidationException", f"Redshift endpoint doesn't exist in this region: workgroup {name!r}."
            )
        return found[0]
    assert workgroups[name]["namespaceName"] in namespaces
    return workgroups[name]


def known_statement(identifier: str) -> dict[str, Any]:
    """The record of a statement, or of the batch that it is part of; ResourceNotFoundException."""
    record = statements.get(identifier.partition(":")[0])
    if record is None:
        raise service.error("ResourceNotFoundException", "Query does not exist.", ResourceId=identifier)
    return record


def wait(record: dict[str, Any], seconds: float) -> None:
    """Wait until the statement is over, at most so long."""
    deadline = time.monotonic() + seconds
    while record["Status"] not in OVER and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)


def _now() -> datetime:
    return datetime.now(UTC)
