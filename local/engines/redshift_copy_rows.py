"""What COPY's readers share: the target's columns, the objects, refused lines, rows as CSV."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.csv as pacsv


@dataclass(frozen=True)
class Column:
    """A column of the target: its PostgreSQL type, and `size`, the bytes of a character type."""

    name: str
    kind: str
    size: int | None = None
    precision: tuple[int, int] | None = None
    identity: bool = False
    required: bool = False

    @classmethod
    def of(cls, name: str, kind: str, modifier: int, identity: bool, required: bool) -> Column:
        """A column from the catalog's type name and type modifier."""
        if kind in {"varchar", "bpchar"}:
            return cls(name, kind, modifier - 4 if modifier > 0 else 65535, None, identity, required)
        if kind == "numeric" and modifier > 0:
            packed = modifier - 4
            return cls(name, kind, None, (packed >> 16, packed & 0x7FF), identity, required)
        return cls(name, kind, None, None, identity, required)


@dataclass(frozen=True)
class S3Object:
    """One file of a load, `size` in bytes."""

    s3: Any
    bucket: str
    key: str
    size: int

    @property
    def url(self) -> str:
        return f"s3://{self.bucket}/{self.key}"

    def read(self) -> bytes:
        """The whole content."""
        content: bytes = self.s3.get_object(Bucket=self.bucket, Key=self.key)["Body"].read()
        return content


@dataclass(frozen=True)
class Reject:
    """A line that a load refused; `line` counts from 1, `code` and `reason` are Redshift's."""

    file: str
    line: int
    column: str
    kind: str
    value: str
    raw: str
    code: int
    reason: str


_OPTIONS = pacsv.WriteOptions(include_header=False)


def as_csv(table: pa.Table) -> bytes:
    """Rows as CSV in which NULL is nothing and an empty string is \"\"."""
    sink = io.BytesIO()
    pacsv.write_csv(table, sink, _OPTIONS)
    return sink.getvalue()
