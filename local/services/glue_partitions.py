"""Partitions of Glue tables, over ministack's store: with the limits, errors and filters that AWS has."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from typing import Any

from local.services.glue import invalid, not_found, now, page, service
from local.services.service import Request

Handler = Callable[[dict[str, Any]], tuple[int, dict[str, str], bytes]]
NUMERIC = frozenset({"tinyint", "smallint", "int", "integer", "bigint", "long"})
"""Types of partition keys that an expression compares as numbers; dates compare as the ISO text they are."""


def table_of(request: Request) -> dict[str, Any]:
    """The table that the call is about. Raises EntityNotFoundException."""
    from ministack.services import glue

    database, name = request.params["DatabaseName"], request.params["TableName"]
    if database not in glue._databases:
        raise not_found(f"Database {database} not found.")
    table: dict[str, Any] | None = glue._tables.get(f"{database}/{name}")
    if table is None:
        raise not_found(f"Table {name} not found in {database}.")
    return table


def stored(request: Request) -> list[dict[str, Any]]:
    """The table's partitions in ministack's store: the list itself."""
    from ministack.services import glue

    key = f"{request.params['DatabaseName']}/{request.params['TableName']}"
    found: list[dict[str, Any]] = glue._partitions.setdefault(key, [])
    return found


def _check_values(table: dict[str, Any], values: list[str]) -> None:
    keys = table.get("PartitionKeys", [])
    if len(keys) != len(values):
        raise invalid(
            f"The number of partition keys do not match the number of partition values: {len(keys)} keys, "
            f"{len(values)} values."
        )


def _answer(handler: Handler, request: Request) -> dict[str, Any]:
    """What ministack's handler answers; its refusal becomes ours."""
    status, _, body = handler(request.params)
    answer: dict[str, Any] = json.loads(body or b"{}")
    if status >= 400:
        code = str(answer.get("__type", "InternalServiceException")).rpartition("#")[2]
        raise service.error(code, str(answer.get("message", answer.get("Message", ""))))
    return answer


@service.operation("CreatePartition")
def create_partition(request: Request) -> None:
    from ministack.services import glue

    _check_values(table_of(request), request.params["PartitionInput"].get("Values", []))
    _answer(glue._create_partition, request)


@service.operation("BatchCreatePartition")
def batch_create_partition(request: Request) -> dict[str, Any]:
    from ministack.services import glue

    table = table_of(request)
    for partition in request.params["PartitionInputList"]:
        _check_values(table, partition.get("Values", []))
    return _answer(glue._batch_create_partition, request)


@service.operation("UpdatePartition")
def update_partition(request: Request) -> None:
    table = table_of(request)
    _replace(request, table, request.params["PartitionValueList"], request.params["PartitionInput"])


@service.operation("BatchUpdatePartition")
def batch_update_partition(request: Request) -> dict[str, Any]:
    table = table_of(request)
    errors = []
    for entry in request.params["Entries"]:
        values = entry["PartitionValueList"]
        try:
            _replace(request, table, values, entry["PartitionInput"])
        except Exception as problem:
            code = getattr(problem, "code", None)
            if code is None:
                raise
            detail = {"ErrorCode": code, "ErrorMessage": str(problem)}
            errors.append({"PartitionValueList": values, "ErrorDetail": detail})
    return {"Errors": errors}


def _replace(request: Request, table: dict[str, Any], values: list[str], given: dict[str, Any]) -> None:
    """Put `given` in place of the partition with these values; it may have new ones."""
    wanted = given.get("Values", values)
    _check_values(table, wanted)
    partitions = stored(request)
    position = next((index for index, known in enumerate(partitions) if known["Values"] == values), None)
    if position is None:
        raise not_found(f"Partition not found: {values}")
    if wanted != values and any(known["Values"] == wanted for known in partitions):
        raise service.error("AlreadyExistsException", f"Partition already exists: {wanted}")
    kept = {
        name: partitions[position][name]
        for name in ("DatabaseName", "TableName", "CreationTime", "CatalogId")
    }
    partitions[position] = {**given, "Values": wanted, **kept, "LastAccessTime": int(now().timestamp())}


@service.operation("GetPartition")
def get_partition(request: Request) -> dict[str, Any]:
    from ministack.services import glue

    table_of(request)
    return _answer(glue._get_partition, request)


@service.operation("BatchGetPartition")
def batch_get_partition(request: Request) -> dict[str, Any]:
    from ministack.services import glue

    table_of(request)
    return _answer(glue._batch_get_partition, request)


@service.operation("GetPartitions")
def get_partitions(request: Request) -> dict[str, Any]:
    table = table_of(request)
    partitions = stored(request)
    expression = request.params.get("Expression", "").strip()
    found = partitions if not expression else _matching(table, partitions, expression)
    return page(sorted(found, key=lambda known: known["Values"]), request.params, "Partitions", 1000)


def _matching(
    table: dict[str, Any], partitions: list[dict[str, Any]], expression: str
) -> list[dict[str, Any]]:
    """The partitions for which the SQL condition over the partition keys holds."""
    columns = ", ".join(
        f'"{key["Name"]}" {"INTEGER" if key.get("Type", "string").lower() in NUMERIC else "TEXT"}'
        for key in table["PartitionKeys"]
    )
    places = ", ".join("?" for _ in table["PartitionKeys"])
    database = sqlite3.connect(":memory:")
    try:
        database.execute(f"CREATE TABLE partitions (position INTEGER, {columns})")
        rows = [[index, *known["Values"]] for index, known in enumerate(partitions)]
        database.executemany(f"INSERT INTO partitions VALUES (?, {places})", rows)  # noqa: S608 - only "?"
        query = f"SELECT position FROM partitions WHERE {expression}"  # noqa: S608 - the caller's own condition
        return [partitions[position] for (position,) in database.execute(query)]
    except sqlite3.Error as problem:
        raise invalid(f"Unsupported expression '{expression}': {problem}") from None
    finally:
        database.close()


@service.operation("DeletePartition")
def delete_partition(request: Request) -> None:
    table_of(request)
    if not _remove(request, request.params["PartitionValues"]):
        raise not_found(f"Partition not found: {request.params['PartitionValues']}")


@service.operation("BatchDeletePartition")
def batch_delete_partition(request: Request) -> dict[str, Any]:
    table_of(request)
    errors = []
    for entry in request.params["PartitionsToDelete"]:
        if not _remove(request, entry["Values"]):
            detail = {"ErrorCode": "EntityNotFoundException", "ErrorMessage": "Partition not found"}
            errors.append({"PartitionValues": entry["Values"], "ErrorDetail": detail})
    return {"Errors": errors}


def _remove(request: Request, values: list[str]) -> bool:
    partitions = stored(request)
    kept = [known for known in partitions if known["Values"] != values]
    removed = len(kept) < len(partitions)
    partitions[:] = kept
    return removed
