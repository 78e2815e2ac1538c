"""How a table is described: its columns, their types in Spark and Redshift, what a row is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Type = Literal["string", "int", "bigint", "double", "boolean", "date", "timestamp"]

REDSHIFT_TYPES: dict[Type, str] = {
    "int": "INTEGER",
    "bigint": "BIGINT",
    "double": "DOUBLE PRECISION",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "timestamp": "TIMESTAMP",
}
"""Redshift's names of the types. COPY from Parquet demands the exact width: an INT32 column is an INTEGER."""


@dataclass(frozen=True)
class Column:
    """One column.

    `length` is the greatest number of UTF-8 bytes of a string (Redshift's VARCHAR counts bytes); no other
    type has one. `required` columns are never null.
    """

    name: str
    type: Type
    doc: str
    length: int | None = None
    required: bool = False

    def __post_init__(self) -> None:
        if (self.type == "string") != (self.length is not None):
            raise ValueError(f"column {self.name}: strings, and only strings, have a length")

    @property
    def redshift_type(self) -> str:
        """The column's type in Redshift, such as `VARCHAR(8)`."""
        return f"VARCHAR({self.length})" if self.type == "string" else REDSHIFT_TYPES[self.type]


@dataclass(frozen=True)
class Table:
    """A table: what one row is, its key, and its columns in the order in which files and COPY have them.

    `partitions` are columns that stand in the path of the files, not in the files.
    """

    name: str
    row: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    partitions: tuple[Column, ...] = ()

    def __post_init__(self) -> None:
        names = [column.name for column in (*self.columns, *self.partitions)]
        if len(set(names)) != len(names):
            raise ValueError(f"table {self.name} has a column twice")
        if missing := set(self.key) - set(names):
            raise ValueError(f"table {self.name} lacks its key columns {sorted(missing)}")

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns in the files, in order."""
        return tuple(column.name for column in self.columns)

    @property
    def ddl(self) -> str:
        """The columns in the files as a Spark schema string: `a STRING, b INT`."""
        return ", ".join(f"{column.name} {column.type.upper()}" for column in self.columns)
