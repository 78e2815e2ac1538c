"""No row gets lost between the raw zone and the warehouse: each stage's counts, held against the next."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


class RowAccountingError(ValueError):
    """Rows appeared or disappeared between two stages; the message says between which, and how many."""


@dataclass(frozen=True)
class StageAccount:
    """What one job read, wrote and rejected, as its accounting object in S3 says.

    `written` counts the rows of the job's main table, `rejected` the rows by reason.
    """

    read: int
    written: int
    rejected: Mapping[str, int]

    @classmethod
    def of(cls, document: Mapping[str, Any], table: str) -> StageAccount:
        """The account of `table` from an accounting document. Raises KeyError when it lacks a count."""
        return cls(document["read"], document["written"][table], document["rejected"])

    @property
    def rejects(self) -> int:
        """Rejected rows for all reasons."""
        return sum(self.rejected.values())


def check(
    raw: int,
    curated: StageAccount,
    facts: StageAccount,
    delivered: Mapping[str, int],
    loaded: Mapping[str, int],
) -> None:
    """Hold the stages' counts of one range of days against each other.

    `raw` counts the rows that ingestion stored, `facts` is the account of fact_flight, `delivered` has the
    rows that the fact job wrote for each table, `loaded` at least those tables' rows of the range in the
    warehouse.
    Raises RowAccountingError naming every difference.
    """
    differences = list(
        _differences(
            ("the raw zone holds", raw, "the curate job read", curated.read),
            (
                "the curate job read",
                curated.read,
                "it wrote or rejected",
                curated.written + curated.rejects,
            ),
            ("the curated zone holds", curated.written, "the fact job read", facts.read),
            ("the fact job read", facts.read, "it wrote or rejected", facts.written + facts.rejects),
            *(
                (f"of {table} the fact job wrote", rows, "the warehouse holds", loaded[table])
                for table, rows in delivered.items()
            ),
        )
    )
    if differences:
        raise RowAccountingError(f"Flights got lost or appeared on the way: {'; '.join(differences)}.")


def _differences(*pairs: tuple[str, int, str, int]) -> Iterable[str]:
    for one, count, other, other_count in pairs:
        if count != other_count:
            yield f"{one} {count} rows, {other} {other_count}"


def table_counts(result: Mapping[str, Any]) -> dict[str, int]:
    """Rows by table from one GetStatementResult answer with the columns `table_name` and `rows`."""
    columns = [column["name"] for column in result["ColumnMetadata"]]
    name, rows = columns.index("table_name"), columns.index("rows")
    return {record[name]["stringValue"]: record[rows]["longValue"] for record in result["Records"]}
