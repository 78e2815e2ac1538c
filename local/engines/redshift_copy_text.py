"""COPY of CSV and delimited text: each value is checked as Redshift checks it, each bad line is told."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation

from local.engines.redshift_copy_options import CopyCommand
from local.engines.redshift_copy_rows import Column, CopyError, Reject, S3Object

CHUNK_ROWS = 20_000
RAW_LINE_BYTES = 1024
INTEGERS = {"int2": 15, "int4": 31, "int8": 63}
_BOOLEANS = {
    "t": "t",
    "true": "t",
    "y": "t",
    "yes": "t",
    "1": "t",
    "f": "f",
    "false": "f",
    "n": "f",
    "no": "f",
    "0": "f",
}
_KIND_NAMES = {
    "int2": "smallint",
    "int4": "int",
    "int8": "bigint",
    "float4": "real",
    "float8": "float8",
    "bpchar": "char",
    "bool": "boolean",
}
_FORMAT_PARTS = [
    ("YYYY", "%Y"), ("YY", "%y"), ("MONTH", "%B"), ("MON", "%b"), ("MM", "%m"), ("DD", "%d"), ("HH24", "%H"),
    ("HH12", "%I"), ("HH", "%H"), ("MI", "%M"), ("SS", "%S"), ("AM", "%p"), ("PM", "%p"), ("OF", "%z"),
]  # fmt: skip


class RefusedError(Exception):
    """A value that its column cannot take: Redshift's error code and reason."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


def rows(
    command: CopyCommand,
    table: str,
    columns: Sequence[Column],
    objects: Sequence[S3Object],
    reject: Callable[[Reject], None],
) -> Iterator[bytes]:
    """The good rows of text files as chunks of CSV; bad lines go to `reject`, too many end the load."""
    rejected = 0
    converters = [converter(column, command) for column in columns]
    for item in objects:
        chunk = io.StringIO()
        write = csv.writer(chunk, quoting=csv.QUOTE_MINIMAL, lineterminator="\n").writerow
        pending = 0
        for line, fields in _records(command, item):
            try:
                values = _row(fields, columns, converters, command)
            except _BadFieldError as bad:
                rejected += 1
                raw = (command.delimiter or ("," if command.format == "csv" else "|")).join(fields)[
                    :RAW_LINE_BYTES
                ]
                reject(
                    Reject(
                        item.url,
                        line,
                        bad.column,
                        bad.kind,
                        bad.value[:RAW_LINE_BYTES],
                        raw,
                        bad.code,
                        bad.reason,
                    )
                )
                if rejected > command.max_error:
                    raise CopyError(
                        f"Load into table '{table.rpartition('.')[2]}' failed.  "
                        "Check 'sys_load_error_detail' system table for details",
                        f"{item.url} line {line}, column {bad.column}: {bad.reason}",
                    ) from bad
                continue
            if command.no_load:
                continue
            if values == [None]:
                chunk.write("\n")  # csv would write "", which is no NULL
            else:
                write(values)
            pending += 1
            if pending == CHUNK_ROWS:
                yield _flush(chunk)
                pending = 0
        if pending:
            yield _flush(chunk)


class _BadFieldError(Exception):
    def __init__(self, column: str, kind: str, value: str, code: int, reason: str) -> None:
        super().__init__(reason)
        self.column, self.kind, self.value, self.code, self.reason = column, kind, value, code, reason


Converter = Callable[[str], str]


def converter(column: Column, command: CopyCommand) -> Converter:
    """The function that checks one column's values and gives them as PostgreSQL reads them."""
    kind = column.kind
    if kind in INTEGERS:
        return lambda value: _integer(value, INTEGERS[kind])
    if kind in {"varchar", "bpchar"}:
        size = column.size or 65535
        return lambda value: _characters(value, size, command)
    if kind == "numeric":
        return _number
    if kind in {"float4", "float8"}:
        return _float
    if kind == "bool":
        return _boolean
    if kind == "date":
        form = command.date_format
        return lambda value: _date(value, form)
    if kind in {"timestamp", "timestamptz"}:
        form = command.time_format
        return lambda value: _timestamp(value, form)
    return lambda value: value


def _row(
    fields: list[str], columns: Sequence[Column], converters: Sequence[Converter], command: CopyCommand
) -> list[str | None]:
    if len(fields) > len(columns):
        raise _BadFieldError("", "", "", 1202, "Extra column(s) found")
    if len(fields) < len(columns):
        if not command.fill_record:
            missing = columns[len(fields)]
            raise _BadFieldError(missing.name, missing.kind, "", 1201, "Delimiter not found")
        fields = fields + ["\\N" if command.null is None else command.null] * (len(columns) - len(fields))
    null = "\\N" if command.null is None else command.null
    values: list[str | None] = []
    for field, column, convert in zip(fields, columns, converters, strict=True):
        character = column.kind in {"varchar", "bpchar"}
        absent = (
            field == null
            or (field == "" and (not character or command.empty_as_null))
            or (command.blanks_as_null and character and not field.strip())
        )
        if absent:
            if column.required:
                raise _BadFieldError(column.name, column.kind, field, 1213, "Missing data for not-null field")
            values.append(None)
            continue
        try:
            values.append(convert(field))
        except RefusedError as refused:
            kind = _KIND_NAMES.get(column.kind, column.kind)
            raise _BadFieldError(column.name, kind, field, refused.code, refused.reason) from refused
    return values


def _flush(chunk: io.StringIO) -> bytes:
    # csv writes None and '' alike; PostgreSQL takes an empty string only when it is quoted
    text = chunk.getvalue().replace(_EMPTY, '""')
    chunk.seek(0)
    chunk.truncate()
    return text.encode()


_EMPTY = "\ue000"
"""Stands for an empty string until the chunk is written; a private-use character."""


def _records(command: CopyCommand, item: S3Object) -> Iterator[tuple[int, list[str]]]:
    """(line number, fields) of a file, after IGNOREHEADER."""
    try:
        text = _decompress(item.read(), command).decode(
            "utf-8", "strict" if not command.accept_invalid else "replace"
        )
    except UnicodeDecodeError as error:
        raise CopyError(
            "String contains invalid or unsupported UTF8 codepoints",
            f"{item.url}, byte {error.start}; write UTF-8 or say ACCEPTINVCHARS.",
        ) from error
    except (OSError, EOFError, zlib.error) as error:
        raise CopyError(
            f"Cannot decompress {item.url}", f"It is not complete {command.compression}: {error}."
        ) from error
    text = text.replace("�", command.accept_invalid) if command.accept_invalid else text
    if command.format == "csv":
        reader = csv.reader(
            io.StringIO(text, newline=""),
            delimiter=command.delimiter or ",",
            quotechar=command.quote,
            strict=True,
        )
        try:
            for fields in reader:
                if reader.line_num > command.ignore_header and fields:
                    yield reader.line_num, fields
        except csv.Error as error:
            raise CopyError(
                "Invalid quote formatting for CSV", f"{item.url}, line {reader.line_num}: {error}."
            ) from error
        return
    delimiter = command.delimiter or "|"
    for number, line in enumerate(text.splitlines(), start=1):
        if number > command.ignore_header:
            yield number, _delimited(line, delimiter, command)


def _delimited(line: str, delimiter: str, command: CopyCommand) -> list[str]:
    if command.escape:
        fields = re.split(rf"(?<!\\){re.escape(delimiter)}", line)
        fields = [field if field == "\\N" else re.sub(r"\\(.)", r"\1", field) for field in fields]
    elif command.remove_quotes:
        fields = next(csv.reader([line], delimiter=delimiter))
    else:
        fields = line.split(delimiter)
    # a delimiter at the end of a line is allowed
    return fields


def _decompress(content: bytes, command: CopyCommand) -> bytes:
    if command.compression == "gzip":
        return gzip.decompress(content)
    if command.compression == "bzip2":
        return bz2.decompress(content)
    if command.compression == "zstd":
        import pyarrow as pa

        with pa.CompressedInputStream(pa.BufferReader(content), "zstd") as stream:
            data: bytes = stream.read()
            return data
    return content


def _integer(value: str, bits: int) -> str:
    text = value.strip()
    if not re.fullmatch(r"[+-]?\d+", text):
        bad = re.search(r"[^\d+-]", text)
        at = bad.start() if bad else 0
        raise RefusedError(1207, f"Invalid digit, Value '{text[at : at + 1]}', Pos {at}, Type: Integer")
    if not -(2**bits) <= int(text) < 2**bits:
        raise RefusedError(1207, "Overflow for the column's integer type")
    return text


def _characters(value: str, size: int, command: CopyCommand) -> str:
    encoded = value.encode()
    if len(encoded) > size:
        if not command.truncate_columns:
            raise RefusedError(1204, "String length exceeds DDL length")
        value = encoded[:size].decode("utf-8", "ignore")
    return value or _EMPTY


def _number(value: str) -> str:
    try:
        number = Decimal(value.strip())
    except InvalidOperation as error:
        raise RefusedError(1207, f"Invalid digit, Value '{value[:1]}', Pos 0, Type: Decimal") from error
    if not number.is_finite():
        raise RefusedError(1207, f"Invalid digit, Value '{value[:1]}', Pos 0, Type: Decimal")
    return value.strip()


def _float(value: str) -> str:
    try:
        float(value)
    except ValueError as error:
        raise RefusedError(1208, f"Invalid digit, Value '{value[:1]}', Pos 0, Type: Double") from error
    return value.strip()


def _boolean(value: str) -> str:
    known = _BOOLEANS.get(value.strip().lower())
    if known is None:
        raise RefusedError(1210, "Unknown boolean format")
    return known


def _date(value: str, form: str | None) -> str:
    text = value.strip()
    try:
        if form is None:
            if len(text) != len("2013-01-01"):
                raise ValueError(text)
            return date.fromisoformat(text).isoformat()
        if form == "auto":
            return datetime.fromisoformat(text).date().isoformat()
        return datetime.strptime(text, python_format(form)).date().isoformat()
    except ValueError as error:
        raise RefusedError(
            1205, f"Invalid Date Format - value does not match {form or 'YYYY-MM-DD'}"
        ) from error


def _timestamp(value: str, form: str | None) -> str:
    text = value.strip()
    try:
        if form in {"epochsecs", "epochmillisecs"}:
            seconds = int(text) / (1 if form == "epochsecs" else 1000)
            return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None).isoformat(sep=" ")
        if form == "auto":
            return datetime.fromisoformat(text).isoformat(sep=" ")
        if form is None:
            if not re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{1,6})?([+-]\d\d(:?\d\d)?)?", text):
                raise ValueError(text)
            return datetime.fromisoformat(text).isoformat(sep=" ")
        return datetime.strptime(text, python_format(form)).isoformat(sep=" ")
    except ValueError as error:
        shown = form or "YYYY-MM-DD HH24:MI:SS"
        raise RefusedError(1206, f"Invalid timestamp format or value [{shown}]") from error


def python_format(form: str) -> str:
    """A DATEFORMAT or TIMEFORMAT as strptime reads it."""
    result, position, upper = "", 0, form.upper()
    while position < len(form):
        for part, code in _FORMAT_PARTS:
            if upper.startswith(part, position):
                result += code
                position += len(part)
                break
        else:
            result += form[position].replace("%", "%%")
            position += 1
    return result
