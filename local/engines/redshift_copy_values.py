"""Values of text files, each checked as Redshift checks it and written as PostgreSQL reads it."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation

from local.engines.redshift_copy_options import CopyCommand
from local.engines.redshift_copy_rows import Column

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


KIND_NAMES = {
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


EMPTY = "\ue000"
"""Stands for an empty string until the chunk is written; a private-use character."""


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
    return value or EMPTY


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
