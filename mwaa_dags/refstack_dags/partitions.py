"""Days that lie in S3 without being registered as partitions in the Glue catalog, and their registration."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

DAY = re.compile(r"year=(?P<year>\d{4})/month=(?P<month>\d\d)/day=(?P<day>\d\d)/[^/]+")
MOST_AT_ONCE = 100
"""What BatchCreatePartition takes."""

Values = tuple[str, ...]


def days_of(keys: Iterable[str], prefix: str) -> set[Values]:
    """Partition values (year, month, day) that the objects under `prefix` belong to."""
    found = (DAY.fullmatch(key.removeprefix(prefix)) for key in keys)
    return {(match["year"], match["month"], match["day"]) for match in found if match is not None}


def registered(glue: Any, database: str, table: str) -> set[Values]:
    """Partition values that the catalog knows of a table."""
    pages = glue.get_paginator("get_partitions").paginate(
        DatabaseName=database, TableName=table, ExcludeColumnSchema=True
    )
    return {tuple(partition["Values"]) for page in pages for partition in page["Partitions"]}


def register(glue: Any, database: str, table: str, days: Iterable[Values]) -> int:
    """Register days as partitions in the table's own format; how many. Raises RuntimeError when refused."""
    described = glue.get_table(DatabaseName=database, Name=table)["Table"]["StorageDescriptor"]
    inputs = [
        {
            "Values": list(day),
            "StorageDescriptor": {
                **described,
                "Location": "{}/year={}/month={}/day={}/".format(described["Location"].rstrip("/"), *day),
            },
        }
        for day in sorted(days)
    ]
    for batch in _batches(inputs):
        answer = glue.batch_create_partition(DatabaseName=database, TableName=table, PartitionInputList=batch)
        refused = [
            error
            for error in answer.get("Errors", ())
            if error["ErrorDetail"]["ErrorCode"] != "AlreadyExistsException"
        ]
        if refused:
            raise RuntimeError(f"{database}.{table} did not take {len(refused)} partitions: {refused[0]}")
    return len(inputs)


def _batches(inputs: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    for start in range(0, len(inputs), MOST_AT_ONCE):
        yield inputs[start : start + MOST_AT_ONCE]
