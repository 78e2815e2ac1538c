"""Stream meets batch: a day's flights as the one and the other counted them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

KINDS = ("scheduled", "departed", "cancelled")
"""Kinds of events that both know. Arrivals are left out: where nobody knows the destination's time zone, the
stream has none.
"""

Facts = dict[str, dict[str, int]]
"""Kind → flights, and the sum of their delays in minutes."""


class ReconciliationError(ValueError):
    """Stream and batch differ; the message says in what."""


def of_athena(rows: Sequence[Mapping[str, Any]]) -> Facts:
    """Facts from the rows of GetQueryResults, the header among them."""
    header, *found = [[field.get("VarCharValue", "") for field in row["Data"]] for row in rows]
    return _facts(dict(zip(header, row, strict=True)) for row in found)


def of_redshift(result: Mapping[str, Any]) -> Facts:
    """Facts from one answer of GetStatementResult."""
    names = [column["name"] for column in result["ColumnMetadata"]]
    return _facts(
        dict(zip(names, (next(iter(field.values())) for field in record), strict=True))
        for record in result["Records"]
    )


def check(streamed: Facts, batch: Facts) -> dict[str, Facts]:
    """Both, side by side. Raises ReconciliationError when there is nothing to compare, or a difference."""
    if not batch["scheduled"]["flights"]:
        raise ReconciliationError("The warehouse has no flights of the day: run flights_batch first.")
    differences = [
        f"{kind}: {name} is {streamed[kind][name]} on the stream, {batch[kind][name]} in the warehouse"
        for kind in KINDS
        for name in ("flights", "delay_minutes")
        if streamed[kind][name] != batch[kind][name]
    ]
    if differences:
        raise ReconciliationError(f"Stream and batch differ: {'; '.join(differences)}.")
    return {"streamed": streamed, "batch": batch}


def _facts(rows: Any) -> Facts:
    found = {kind: {"flights": 0, "delay_minutes": 0} for kind in KINDS}
    for row in rows:
        found[row["event_type"]] = {name: int(row[name]) for name in ("flights", "delay_minutes")}
    return found
