"""COPY of CSV and delimited text: each value is checked as Redshift checks it, each bad line is told."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import re
import zlib
from collections.abc import Callable, Iterator, Sequence

from local.engines.redshift_copy_options import CopyCommand
from local.engines.redshift_copy_rows import Column, Reject, S3Object
from local.engines.redshift_copy_values import EMPTY, KIND_NAMES, Converter, RefusedError, converter
from local.engines.redshift_s3 import TransferError

CHUNK_ROWS = 20_000
RAW_LINE_BYTES = 1024


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
                    raise TransferError(
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
            kind = KIND_NAMES.get(column.kind, column.kind)
            raise _BadFieldError(column.name, kind, field, refused.code, refused.reason) from refused
    return values


def _flush(chunk: io.StringIO) -> bytes:
    # csv writes None and '' alike; PostgreSQL takes an empty string only when it is quoted
    text = chunk.getvalue().replace(EMPTY, '""')
    chunk.seek(0)
    chunk.truncate()
    return text.encode()


def _records(command: CopyCommand, item: S3Object) -> Iterator[tuple[int, list[str]]]:
    """(line number, fields) of a file, after IGNOREHEADER."""
    try:
        text = _decompress(item.read(), command).decode(
            "utf-8", "strict" if not command.accept_invalid else "replace"
        )
    except UnicodeDecodeError as error:
        raise TransferError(
            "String contains invalid or unsupported UTF8 codepoints",
            f"{item.url}, byte {error.start}; write UTF-8 or say ACCEPTINVCHARS.",
        ) from error
    except (OSError, EOFError, zlib.error) as error:
        raise TransferError(
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
            raise TransferError(
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
