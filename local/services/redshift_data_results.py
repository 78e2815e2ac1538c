"""The Redshift Data API: results of statements, in pages."""

from __future__ import annotations

import csv
import io
from typing import Any

from local.services.redshift_data import known_statement, service, wait
from local.services.service import Request

RESULT_ROWS = 1000


@service.operation("GetStatementResult")
def get_statement_result(request: Request) -> dict[str, Any]:
    """A page of a finished statement's rows, each value under its type."""
    record, result, start = _result(request)
    if record["ResultFormat"] != "JSON":
        raise service.error("ValidationException", "The result is in CSV: use GetStatementResultV2.")
    return _page(
        result,
        start,
        [
            [_field(v, c) for v, c in zip(row, result["columns"], strict=True)]
            for row in result["rows"][start : start + RESULT_ROWS]
        ],
    )


@service.operation("GetStatementResultV2")
def get_statement_result_v2(request: Request) -> dict[str, Any]:
    """A page of a finished statement's rows as CSV."""
    record, result, start = _result(request)
    if record["ResultFormat"] != "CSV":
        raise service.error("ValidationException", "The result is in JSON: use GetStatementResult.")
    text = io.StringIO()
    writer = csv.writer(text)
    if start == 0:
        writer.writerow([column["name"] for column in result["columns"]])
    writer.writerows(result["rows"][start : start + RESULT_ROWS])
    return {**_page(result, start, [{"CSVRecords": text.getvalue()}]), "ResultFormat": "CSV"}


def _result(request: Request) -> tuple[dict[str, Any], dict[str, Any], int]:
    identifier = request.params["Id"]
    record = known_statement(identifier)
    part = record
    if ":" in identifier:
        part = next((item for item in record.get("SubStatements", []) if item["Id"] == identifier), {})
    elif record["batch"]:
        part = record["SubStatements"][-1]
    wait(record, request.params.get("WaitTimeSeconds", 0))
    if part.get("Status") != "FINISHED" or "result" not in part:
        raise service.error(
            "ResourceNotFoundException",
            "Query does not have result. Please check query status with DescribeStatement.",
            ResourceId=identifier,
        )
    return record, part["result"], int(request.params.get("NextToken") or 0)


def _page(result: dict[str, Any], start: int, records: list[Any]) -> dict[str, Any]:
    answer = {"Records": records, "ColumnMetadata": result["columns"], "TotalNumRows": len(result["rows"])}
    if len(result["rows"]) > start + RESULT_ROWS:
        answer["NextToken"] = str(start + RESULT_ROWS)
    return answer


def _field(value: str | None, column: dict[str, Any]) -> dict[str, Any]:
    kind = column["typeName"]
    if value is None:
        return {"isNull": True}
    if kind == "bool":
        return {"booleanValue": value == "t"}
    if kind in {"int2", "int4", "int8", "oid"}:
        return {"longValue": int(value)}
    if kind in {"float4", "float8"}:
        return {"doubleValue": float(value)}
    return {"stringValue": value}
