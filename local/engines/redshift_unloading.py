"""An UNLOAD under way in a session: the query's rows on their way from the server to S3."""

from __future__ import annotations

import asyncio
import struct
import tempfile
from collections.abc import Sequence
from typing import BinaryIO, cast

from local.engines.redshift_messages import error_of, message
from local.engines.redshift_s3 import TransferError, embedded_namespace
from local.engines.redshift_unload import check_columns, unload
from local.engines.redshift_unload_files import ResultColumn
from local.engines.redshift_unload_options import UnloadCommand

IN_MEMORY_BYTES = 64 * 2**20
"""How much of the rows is held in memory before they go to a temporary file."""


class Unloading:
    """One UNLOAD: its command, the columns of its query, and what became of it.

    Making one raises TransferError when PARTITION BY does not fit the columns.
    """

    def __init__(self, command: UnloadCommand, columns: Sequence[ResultColumn]) -> None:
        check_columns(command, columns)
        self.command = command
        self.columns = columns
        self.over = asyncio.Event()
        self.failed = False
        self._rows = cast(BinaryIO, tempfile.SpooledTemporaryFile(IN_MEMORY_BYTES))  # noqa: SIM115

    def takes(self, kind: bytes, body: bytes) -> bool:
        """Take the server's message if it is of the rows: the client sees none of them. Errors pass."""
        if kind == b"d":
            self._rows.write(body)
        elif kind in {b"C", b"E"}:
            self.failed = kind == b"E"
            self.over.set()
        return kind in {b"H", b"d", b"c", b"C"}

    async def write(self, namespace: str) -> int:
        """Write the rows to S3; their number. Raises TransferError."""
        self._rows.seek(0)
        try:
            return await asyncio.to_thread(
                unload, self.command, self.columns, self._rows, embedded_namespace(namespace)
            )
        except TransferError:
            raise
        except Exception as error:
            raise TransferError("UNLOAD failed", f"{type(error).__name__}: {error}") from error
        finally:
            self._rows.close()


def describe_query(query: str) -> str:
    """The query whose answer `result_columns` reads."""
    return f"SELECT * FROM ({query}\n) AS redshift_unload LIMIT 0"  # noqa: S608 - the client's own query


def copy_out(query: str) -> str:
    """PostgreSQL's statement that hands over the query's rows."""
    return f"COPY ({query}\n) TO STDOUT (FORMAT csv, FORCE_QUOTE *)"


def result_columns(answers: Sequence[tuple[bytes, bytes]]) -> list[ResultColumn]:
    """The columns of a RowDescription among a statement's answers; raises the server's error."""
    columns = []
    for kind, body in answers:
        if kind == b"E":
            raise error_of(body)
        if kind == b"T":
            position = 2
            for _ in range(struct.unpack("!H", body[:2])[0]):
                end = body.index(b"\0", position)
                name = body[position:end].decode()
                _, _, oid, _, modifier, _ = struct.unpack("!IHIhih", body[end + 1 : end + 19])
                columns.append(ResultColumn(name, oid, modifier))
                position = end + 19
    return columns


def completed(count: int) -> bytes:
    """What the client is told of an UNLOAD that is done."""
    text = f"UNLOAD completed, {count} record(s) unloaded successfully.".encode()
    notice = b"SINFO\0VINFO\0C00000\0M" + text + b"\0\0"
    return message(b"N", notice) + message(b"C", b"UNLOAD\0")
