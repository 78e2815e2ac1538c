"""Messages of PostgreSQL's wire protocol, version 3."""

from __future__ import annotations

import asyncio
import struct

from local.engines.redshift_lexer import UnsupportedError, quote
from local.engines.redshift_s3 import TransferError


async def read(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """The next message: its type and its body."""
    kind, length = struct.unpack("!cI", await reader.readexactly(5))
    return kind, await reader.readexactly(length - 4)


def message(kind: bytes, body: bytes) -> bytes:
    """A message as it goes over the wire."""
    return kind + struct.pack("!I", len(body) + 4) + body


def query(sql: str) -> bytes:
    """A statement in the simple protocol."""
    return message(b"Q", sql.encode() + b"\0")


def raising(error: UnsupportedError | TransferError) -> str:
    """A statement that fails with the error, so that the server's transaction fails as Redshift's would."""
    detail = f", DETAIL = {quote(error.sentence)}" if error.sentence else ""
    raised = f"MESSAGE = {quote(error.message)}{detail}, ERRCODE = '{error.sqlstate}'"
    return f"DO {quote(f'BEGIN RAISE EXCEPTION USING {raised}; END')}"


def error_fields(message: str, detail: str, sqlstate: str) -> dict[bytes, bytes]:
    """An ErrorResponse's fields by their type."""
    return {
        b"S": b"ERROR",
        b"V": b"ERROR",
        b"C": sqlstate.encode(),
        b"M": message.encode(),
        b"D": detail.encode(),
    }


def fields_of(body: bytes) -> dict[bytes, bytes]:
    """An ErrorResponse's fields, the inverse of `error_fields`."""
    return {part[:1]: part[1:] for part in body.split(b"\0") if part}


def error_of(body: bytes) -> TransferError:
    """The server's error as one of our own, to be raised again."""
    fields = {key: value.decode() for key, value in fields_of(body).items()}
    return TransferError(fields[b"M"], fields.get(b"D", ""), fields[b"C"])


def extended(sql: str) -> bytes:
    """A statement in the extended protocol, under a name of our own, with answers at once."""
    name = b"redshift\0"
    parse = message(b"P", name + sql.encode() + b"\0\0\0")
    bind = message(b"B", name + name + b"\0\0\0\0\0\0")
    return message(b"C", b"S" + name) + parse + bind + message(b"E", name + b"\0\0\0\0") + message(b"H", b"")


def row(body: bytes) -> list[str | None]:
    """The values of a DataRow in text format."""
    count = struct.unpack("!H", body[:2])[0]
    position, values = 2, []
    for _ in range(count):
        length = struct.unpack("!i", body[position : position + 4])[0]
        position += 4
        values.append(None if length < 0 else body[position : position + length].decode())
        position += max(length, 0)
    return values
