"""Whether the warehouse's tables were loaded lately."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class StaleTableError(ValueError):
    """Tables were not loaded for too long, or never; the message names each."""


def hours_since_load(result: Mapping[str, Any]) -> dict[str, int | None]:
    """Table → hours since its last load, None if it is empty.

    `result` is one GetStatementResult answer with the columns `table_name` and `hours`.
    """
    columns = [column["name"] for column in result["ColumnMetadata"]]
    name, hours = columns.index("table_name"), columns.index("hours")
    return {record[name]["stringValue"]: record[hours].get("longValue") for record in result["Records"]}


def check(hours: Mapping[str, int | None], most: int) -> None:
    """Raise StaleTableError when a table is empty, or was loaded more than `most` hours ago."""
    stale = [
        f"{table} is empty" if age is None else f"{table} was loaded {age} hours ago"
        for table, age in hours.items()
        if age is None or age > most
    ]
    if stale:
        raise StaleTableError(f"Not loaded within {most} hours: {'; '.join(stale)}.")
