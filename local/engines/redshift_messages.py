"""Messages of PostgreSQL's wire protocol, version 3."""

from __future__ import annotations

import asyncio
import struct

from local.engines.redshift_copy_rows import CopyError
from local.engines.redshift_lexer import UnsupportedError


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


def raising(error: UnsupportedError | CopyError) -> str:
    """A statement that fails with the error, so that the server's transaction fails as Redshift's would."""
    message, detail = error.message.replace("'", "''"), error.sentence.replace("'", "''")
    message, detail = message.replace("\\", "\\\\"), detail.replace("\\", "\\\\")
    return (
        f"DO $redshift$ BEGIN RAISE EXCEPTION USING MESSAGE = '{message}', DETAIL = '{detail}', "
        f"ERRCODE = '{error.sqlstate}'; END $redshift$"
    )


def error_fields(message: str, detail: str, sqlstate: str) -> dict[bytes, bytes]:
    """An ErrorResponse's fields by their type."""
    return {
        b"S": b"ERROR",
        b"V": b"ERROR",
        b"C": sqlstate.encode(),
        b"M": message.encode(),
        b"D": detail.encode(),
    }


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
