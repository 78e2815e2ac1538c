"""The files of an UNLOAD: a query's rows as Parquet, CSV or delimited text, one encoded file at a time."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from local.engines.redshift_unload_options import UnloadCommand

LARGEST_PRECISION = 38
_EXTENSIONS = {"gzip": ".gz", "bzip2": ".bz2", "zstd": ".zst"}
_TYPES = {
    16: pa.bool_(), 20: pa.int64(), 21: pa.int16(), 23: pa.int32(), 700: pa.float32(), 701: pa.float64(),
    1082: pa.date32(), 1114: pa.timestamp("us"), 1184: pa.timestamp("us", tz="UTC"),
}  # fmt: skip
_NAMES = {
    16: "boolean", 20: "bigint", 21: "smallint", 23: "integer", 700: "real", 701: "double precision",
    1042: "character", 1082: "date", 1083: "time without time zone", 1114: "timestamp without time zone",
    1184: "timestamp with time zone", 1700: "numeric", 3802: "super",
}  # fmt: skip
NUMERIC, TIME = 1700, 1083


@dataclass(frozen=True)
class ResultColumn:
    """A column of a query's result: PostgreSQL's type and type modifier."""

    name: str
    oid: int
    modifier: int

    @property
    def described(self) -> dict[str, object]:
        """The column as MANIFEST VERBOSE shows it."""
        shown: dict[str, object] = {"base": _NAMES.get(self.oid, "character varying")}
        if self.oid == NUMERIC and self.modifier > 0:
            shown |= dict(zip(("precision", "scale"), self.digits, strict=True))
        elif self.oid in {1042, 1043} and self.modifier > 0:
            shown["length"] = self.modifier - 4
        return {"name": self.name, "type": shown}

    @property
    def digits(self) -> tuple[int, int]:
        """Precision and scale of a NUMERIC that has them."""
        packed = self.modifier - 4
        return packed >> 16, packed & 0x7FF


def read_rows(file: BinaryIO, columns: Sequence[ResultColumn]) -> pa.Table:
    """The rows as text, from CSV in which a NULL is nothing and every value is quoted."""
    names = [column.name for column in columns]
    places = [str(index) for index in range(len(columns))]
    if not file.read(1):
        return pa.table({place: pa.array([], pa.string()) for place in places}).rename_columns(names)
    file.seek(0)
    table = pacsv.read_csv(
        file,
        read_options=pacsv.ReadOptions(column_names=places),
        parse_options=pacsv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
        convert_options=pacsv.ConvertOptions(
            column_types=dict.fromkeys(places, pa.string()),
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )
    return table.rename_columns(names)


def extension(command: UnloadCommand) -> str:
    """What the names of the files end in."""
    if command.extension is not None:
        return "." + command.extension.removeprefix(".")
    return ".parquet" if command.format == "parquet" else _EXTENSIONS.get(command.compression or "", "")


def files(
    rows: pa.Table, columns: Sequence[ResultColumn], command: UnloadCommand
) -> Iterator[tuple[bytes, int]]:
    """Encoded files of at most the command's size, each with its number of rows; one for no rows."""
    content = _parquet(rows, columns) if command.format == "parquet" else _text(rows, command)
    if len(content) <= command.max_size or rows.num_rows < 2:
        yield content, rows.num_rows + command.header
        return
    half = rows.num_rows // 2
    yield from files(rows.slice(0, half), columns, command)
    yield from files(rows.slice(half), columns, command)


def _parquet(rows: pa.Table, columns: Sequence[ResultColumn]) -> bytes:
    typed = [_typed(values, column) for values, column in zip(rows.columns, columns, strict=True)]
    sink = io.BytesIO()
    pq.write_table(pa.table(typed, names=rows.column_names), sink, compression="snappy", store_schema=False)
    return sink.getvalue()


def _typed(values: pa.ChunkedArray, column: ResultColumn) -> pa.ChunkedArray:
    if column.oid == 16:
        return pc.equal(values, "t")
    if column.oid == NUMERIC:
        precision, scale = column.digits if column.modifier > 0 else (LARGEST_PRECISION, _scale(values))
        return values.cast(pa.decimal128(precision, scale))
    if column.oid == TIME:
        moments = pc.binary_join_element_wise("1970-01-01", values, " ").cast(pa.timestamp("us"))
        return moments.cast(pa.time64("us"))
    return values.cast(_TYPES[column.oid]) if column.oid in _TYPES else values


def _scale(values: pa.ChunkedArray) -> int:
    """Digits behind the point of a NUMERIC of which PostgreSQL knows no scale: as many as the values have."""
    fractions = pc.replace_substring_regex(values, r"^[^.]*\.?", "")
    return int(pc.max(pc.utf8_length(fractions)).as_py() or 0)


def _text(rows: pa.Table, command: UnloadCommand) -> bytes:
    sink = io.StringIO()
    header = [rows.column_names] if command.header else []
    records = [*header, *zip(*(column.to_pylist() for column in rows.columns), strict=True)]
    if command.format == "csv":
        writer = csv.writer(sink, delimiter=command.delimiter or ",", lineterminator="\n")
        writer.writerows([_null(value, command) for value in record] for record in records)
    else:
        mark = command.delimiter or "|"
        for record in records:
            sink.write(mark.join(_field(value, mark, command) for value in record) + "\n")
    content = sink.getvalue().encode()
    if command.compression == "gzip":
        return gzip.compress(content, mtime=0)
    if command.compression == "bzip2":
        return bz2.compress(content)
    return bytes(pa.compress(content, "zstd", asbytes=True)) if command.compression == "zstd" else content


def _null(value: str | None, command: UnloadCommand) -> str:
    return (command.null or "") if value is None else value


def _field(value: str | None, mark: str, command: UnloadCommand) -> str:
    """A value of delimited text, escaped and quoted if asked for."""
    text = _null(value, command)
    if command.escape and value is not None:
        special = {"\\", "\n", "\r", mark, *(('"', "'") if command.add_quotes else ())}
        text = "".join(f"\\{letter}" if letter in special else letter for letter in text)
    return f'"{text}"' if command.add_quotes and value is not None else text
