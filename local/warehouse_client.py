"""Ask the deployed warehouse through the Redshift Data API, as its administrator."""

from __future__ import annotations

import time
from typing import Any

from local import runtime
from local.errors import UserFacingError

POLL_SECONDS = 0.05


def query(sql: str) -> list[dict[str, Any]]:
    """Rows of `sql`, each a mapping from column name to value.

    Raises UserFacingError with the warehouse's own message when the statement fails.
    """
    serverless, data = runtime.client("redshift-serverless"), runtime.client("redshift-data")
    [workgroup] = serverless.list_workgroups()["workgroups"]
    namespace = serverless.get_namespace(namespaceName=workgroup["namespaceName"])["namespace"]
    statement = data.execute_statement(
        WorkgroupName=workgroup["workgroupName"],
        Database=namespace["dbName"],
        SecretArn=namespace["adminPasswordSecretArn"],
        Sql=sql,
    )["Id"]
    described = data.describe_statement(Id=statement)
    while described["Status"] not in {"FINISHED", "FAILED", "ABORTED"}:
        time.sleep(POLL_SECONDS)
        described = data.describe_statement(Id=statement)
    if described["Status"] != "FINISHED":
        raise UserFacingError(f"The warehouse refused a query: {described.get('Error', described['Status'])}")
    if not described.get("HasResultSet"):
        return []
    rows: list[dict[str, Any]] = []
    for page in data.get_paginator("get_statement_result").paginate(Id=statement):
        names = [column["name"] for column in page["ColumnMetadata"]]
        rows += [dict(zip(names, map(_value, record), strict=True)) for record in page["Records"]]
    return rows


def _value(field: dict[str, Any]) -> Any:
    return None if field.get("isNull") else next(iter(field.values()))
