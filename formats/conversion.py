"""What both engines agree on: formats, types, how values are written as text.

- Text files have no types: a value is text unless the conversion names its column's type. JSON is one flat
  object a line.
- An empty value is null. CSV cannot tell the two apart.
- Timestamps are instants, in UTC: 2013-01-01T10:15:00.000000Z. Dates are 2013-01-01, booleans true and false.
- A value that is not of its type, and a record with too few or too many values, end the conversion.
- Columns without an order of their own, as JSON's are if no columns are named, come in that of the alphabet.
- Partition columns stand in the path, `year=2013/month=01/`, and are text when they are read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

Format = Literal["csv", "json", "parquet", "orc"]
Type = Literal["string", "int", "bigint", "double", "boolean", "date", "timestamp"]

TEXT_FORMATS = ("csv", "json")
FORMATS = (*TEXT_FORMATS, "parquet", "orc")
TYPES = ("string", "int", "bigint", "double", "boolean", "date", "timestamp")
NULL_PARTITION = "__HIVE_DEFAULT_PARTITION__"
"""Value of a partition column in a path that stands for null, as Hive has it."""

_COLUMN = re.compile(r"(?P<name>\w+)\s+(?P<type>\w+)")


class ConversionError(Exception):
    """The conversion cannot be done; the message says why."""


@dataclass(frozen=True)
class Conversion:
    """Files of one format to files of another.

    `source` is a file or a folder of files; `target` must not exist. `columns` are the names and types of a
    text source's columns, in order; without them all are text.
    """

    source: Path
    target: Path
    columns: Mapping[str, Type] | None = None
    partition_by: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.source.exists():
            raise ConversionError(f"There is no {self.source}.")
        if self.target.exists():
            raise ConversionError(f"{self.target} is there already: remove it, or name another target.")
        if self.columns is not None and self.source_format not in TEXT_FORMATS:
            raise ConversionError(f"{self.source} has types of its own: columns are for CSV and JSON.")

    @property
    def source_format(self) -> Format:
        """The source's format, by its name's end."""
        return format_of(self.source)

    @property
    def target_format(self) -> Format:
        """The target's format, by its name's end."""
        return format_of(self.target)


def format_of(path: Path) -> Format:
    """Format of a file or folder by its name: flights.csv, flights.csv.gz, flights.parquet, …"""
    ending = path.name.removesuffix(".gz").rpartition(".")[2]
    if ending not in FORMATS:
        raise ConversionError(f"{path} does not end in .{', .'.join(FORMATS)}: its format is not known.")
    return cast("Format", ending)


def parse_columns(text: str) -> dict[str, Type]:
    """Columns of a text such as "tailnum string, year int"; ConversionError names what is none."""
    columns: dict[str, Type] = {}
    for part in text.split(","):
        match = _COLUMN.fullmatch(part.strip())
        if match is None or match["type"] not in TYPES:
            raise ConversionError(
                f"{part.strip()!r} is no column: write `name type`, with one of {', '.join(TYPES)}."
            )
        if match["name"] in columns:
            raise ConversionError(f"The column {match['name']} is named twice.")
        columns[match["name"]] = cast("Type", match["type"])
    return columns
