"""A Data API statement's session: who it logs in as, and how it runs to its end."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import botocore.exceptions
import psycopg
from psycopg.pq import ExecStatus

from local.engines import redshift
from local.engines.redshift_lexer import Token, UnsupportedError, quote, render, split, tokenize, words
from local.services.clients import client
from local.services.redshift_serverless import endpoint_port
from local.services.redshift_serverless_engines import server_of

log = logging.getLogger("refstack.redshift_data")

TYPE_NAMES = {
    16: "bool", 20: "int8", 21: "int2", 23: "int4", 26: "oid", 700: "float4", 701: "float8", 1042: "bpchar",
    1043: "varchar", 25: "varchar", 1082: "date", 1083: "time", 1114: "timestamp", 1184: "timestamptz",
    1266: "timetz", 1700: "numeric", 19: "name", 3802: "super", 18: "char", 705: "varchar",
}  # fmt: skip
SIGNED = frozenset({"int8", "int2", "int4", "float4", "float8", "numeric"})


class SessionError(Exception):
    """No session could be had. `refuses`: the request itself is wrong, so that it is answered with `code`."""

    def __init__(self, message: str, *, code: str = "ValidationException", refuses: bool = True) -> None:
        super().__init__(message)
        self.code = code
        self.refuses = refuses


def open_session(
    workgroup: dict[str, Any], given: dict[str, Any], caller: str
) -> tuple[psycopg.Connection[Any], str]:
    """A connection for the caller, and its database user: the secret's, or the caller's own.

    Raises SessionError.
    """
    if given.get("DbUser"):
        raise SessionError("DbUser is not allowed with a workgroup: leave it out or give a SecretArn.")
    if given.get("SecretArn"):
        user, password = _credentials(given["SecretArn"])
    else:
        user = redshift.iam_user(caller)
        password = redshift.temporary_password(server_of(workgroup["namespaceName"]), user)
    database = given.get("ConnectedDatabase") or given["Database"]
    try:
        return redshift.connect(endpoint_port(workgroup["workgroupName"]), database, user, password), user
    except psycopg.OperationalError as error:
        reason = str(error).strip().splitlines()[-1].rpartition("FATAL:")[2].strip()
        raise SessionError(f"FATAL: {reason}", code="DatabaseConnectionException", refuses=False) from error


def run(record: dict[str, Any], connection: psycopg.Connection[Any], sqls: Sequence[str]) -> None:
    """Run a statement or a batch and write states, results and errors into its record."""
    started = time.monotonic_ns()
    _touch(record, Status="STARTED")
    parts = record["SubStatements"] if record["batch"] else [record]
    try:
        with connection:
            if record["batch"]:
                connection.execute("BEGIN")
            for part, sql in zip(parts, sqls, strict=True):
                _run_one(part, connection, with_parameters(sql, record.get("QueryParameters") or []))
            if record["batch"]:
                connection.execute("COMMIT")
        outcome = {"Status": "FINISHED"}
    except Exception as error:
        if not isinstance(error, (psycopg.Error, UnsupportedError)):
            log.exception("statement %s", record["Id"])
        cancelled = bool(record.get("cancelled"))
        outcome = {"Status": "ABORTED" if cancelled else "FAILED", "Error": message(error)}
        for part in parts:
            if record["batch"] and part["Status"] in {"SUBMITTED", "STARTED"}:
                failed = part["Status"] == "STARTED"
                _touch(
                    part,
                    Status=outcome["Status"] if failed else "ABORTED",
                    **({"Error": outcome["Error"]} if failed else {}),
                )
    last = parts[-1]
    figures = {key: last[key] for key in ("HasResultSet", "ResultRows", "ResultSize") if record["batch"]}
    _touch(record, **figures, Duration=time.monotonic_ns() - started, **outcome)


def _run_one(part: dict[str, Any], connection: psycopg.Connection[Any], sql: str) -> None:
    if sum(1 for piece in split(tokenize(sql)) if words(piece)) > 1:
        raise UnsupportedError(
            "cannot insert multiple commands into a prepared statement", "Use BatchExecuteStatement.", "42601"
        )
    started = time.monotonic_ns()
    if "SubStatements" not in part and ":" in part["Id"]:
        _touch(part, Status="STARTED")
    cursor = connection.execute(sql.encode())
    result = cursor.pgresult
    if result is not None and result.status == ExecStatus.TUPLES_OK:
        columns = (
            [_column(cursor.description[index], result.ftype(index)) for index in range(result.nfields)]
            if cursor.description
            else []
        )
        rows = [
            [
                None if (value := result.get_value(row, index)) is None else value.decode()
                for index in range(result.nfields)
            ]
            for row in range(result.ntuples)
        ]
        size = sum(len(value) for row in rows for value in row if value is not None)
        part.update(
            HasResultSet=True,
            ResultRows=len(rows),
            ResultSize=size,
            result={"columns": columns, "rows": rows},
        )
    else:
        part.update(HasResultSet=False, ResultRows=max(cursor.rowcount, 0), ResultSize=0)
    if ":" in part["Id"]:
        _touch(part, Status="FINISHED", Duration=time.monotonic_ns() - started)


def with_parameters(sql: str, parameters: Sequence[dict[str, str]]) -> str:
    """`sql` with each `:name` outside strings and comments replaced by its value as a literal.

    Raises UnsupportedError for a parameter that is not used, or a name that has no value.
    """
    if not parameters:
        return sql
    values = {item["name"]: item["value"] for item in parameters}
    tokens, made, used, index = tokenize(sql), [], set(), 0
    while index < len(tokens):
        token = tokens[index]
        after = tokens[index + 1] if index + 1 < len(tokens) else Token("space", "")
        if token.word == ":" and after.kind == "word":
            if after.text not in values:
                raise UnsupportedError(
                    f"Parameters list doesn't contain :{after.text}", "Give it a value.", "42601"
                )
            used.add(after.text)
            made.append(Token("string", quote(values[after.text])))
            index += 2
            continue
        made.append(token)
        index += 1
    unused = sorted(set(values) - used)
    if unused:
        raise UnsupportedError(
            f"Parameters list contains unused parameters: {unused[0]}", "Leave it out.", "42601"
        )
    return render(made)


def message(error: Exception) -> str:
    """An error as DescribeStatement shows it."""
    if isinstance(error, psycopg.Error) and error.diag.message_primary:
        detail = f"\n  Detail: {error.diag.message_detail}" if error.diag.message_detail else ""
        return f"ERROR: {error.diag.message_primary}{detail}"
    return f"ERROR: {error}"


def _credentials(arn: str) -> tuple[str, str]:
    try:
        secret = json.loads(client("secretsmanager").get_secret_value(SecretId=arn)["SecretString"])
        return str(secret["username"]), str(secret["password"])
    except (botocore.exceptions.ClientError, ValueError, KeyError) as error:
        raise SessionError(f"Error fetching credentials for SecretArn {arn}: {error}") from error


def _column(described: psycopg.Column, oid: int) -> dict[str, Any]:
    kind = TYPE_NAMES.get(oid, "varchar")
    return {
        "name": described.name,
        "label": described.name,
        "typeName": kind,
        "precision": described.precision or described.display_size or 0,
        "scale": described.scale or 0,
        "length": max(described.internal_size or 0, 0),
        "nullable": 1,
        "isSigned": kind in SIGNED,
        "isCurrency": False,
        "isCaseSensitive": kind in {"varchar", "bpchar", "char", "name"},
        "schemaName": "",
        "tableName": "",
    }


def _touch(record: dict[str, Any], **changes: Any) -> None:
    record.update(changes, UpdatedAt=datetime.now(UTC))
