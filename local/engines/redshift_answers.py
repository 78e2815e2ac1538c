"""The server's direction of a session: its answers pass to the client, but those to statements of our own."""

from __future__ import annotations

import asyncio
import struct
from collections import deque

from local.engines.redshift_loading import Loading, feed, record
from local.engines.redshift_messages import error_fields, extended, fields_of, message, query, read
from local.engines.redshift_unloading import Unloading

SERVER_VERSION = b"8.0.2"
_ACKNOWLEDGED = {b"1", b"2", b"3"}
"""ParseComplete, BindComplete and CloseComplete."""


class Answers:
    """A connection to the server: reads what it says, and puts statements to it."""

    def __init__(
        self,
        writer: asyncio.StreamWriter,
        server_reader: asyncio.StreamReader,
        server_writer: asyncio.StreamWriter,
        namespace: str,
        owner: tuple[int, str, str],
    ) -> None:
        self._writer = writer
        self._server_reader, self._server_writer = server_reader, server_writer
        self._namespace = namespace
        self._owner = owner
        self._status = b"I"
        self._pid = 0
        self._idle = True
        self._captured: list[tuple[bytes, bytes]] | None = None
        self._ready: asyncio.Future[bool] | None = None
        self._quiet = False
        self._failed = False
        self._failure: asyncio.Event | None = None
        self._commit_pending = False
        self._hidden = False
        self._tags: deque[str | None] = deque()
        self._loading: Loading | None = None
        self._unloading: Unloading | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def pass_on(self) -> None:
        """Pass on answers until the server closes."""
        try:
            while True:
                kind, body = await read(self._server_reader)
                await self._answer(kind, body)
                await self._writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            self._writer.close()
            if self._ready is not None and not self._ready.done():
                self._ready.set_exception(ConnectionResetError("the server closed the connection"))
            for transfer in (self._loading, self._unloading):
                if transfer is not None:
                    transfer.over.set()

    async def _answer(self, kind: bytes, body: bytes) -> None:
        if kind == b"Z":
            self._on_ready(body)
            return
        if self._captured is not None:
            self._captured.append((kind, body))
            return
        if self._hidden or (self._failure is not None and kind in _ACKNOWLEDGED):
            return
        if self._unloading is not None and self._unloading.takes(kind, body):
            return
        if kind == b"G" and self._loading is not None:
            task = asyncio.create_task(self._load(self._loading))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            return
        if kind == b"S" and body.startswith(b"server_version\0"):
            body = b"server_version\0" + SERVER_VERSION + b"\0"
        elif kind == b"K":
            self._pid = struct.unpack("!I", body[:4])[0]
        elif kind in {b"C", b"I", b"s"}:
            tag = self._tags.popleft() if self._tags else None
            if kind == b"C" and body == b"DO\0" and tag:
                body = tag.encode() + b"\0"
            if kind == b"C" and self._loading is not None:
                self._loading.lines = int(body.rstrip(b"\0").split()[-1])
                self._loading.over.set()
        elif kind == b"E":
            body = self._on_error(body)
        self._writer.write(message(kind, body))

    def _on_ready(self, body: bytes) -> None:
        self._status = body[:1]
        self._tags.clear()
        if self._commit_pending and not self._hidden and self._status == b"T":
            # TRUNCATE commits the transaction that it stands in.
            self._hidden, self._commit_pending = True, False
            self._server_writer.write(query("COMMIT"))
            return
        self._hidden = self._commit_pending = False
        self._idle = True
        if self._ready is not None and not self._ready.done():
            self._ready.set_result(True)
        if not self._quiet:
            self._writer.write(message(b"Z", body))

    def _on_error(self, body: bytes) -> bytes:
        self._failed = True
        fields = fields_of(body)
        if self._failure is not None:
            self._failure.set()
        if self._loading is not None:
            error = self._loading.error
            self._loading.over.set()
            if error is not None:
                fields = error_fields(error.message, error.sentence, error.sqlstate)
        if any(name in fields.get(b"W", b"") for name in (b"inline_code_block", b"redshift_")):
            fields = {key: value for key, value in fields.items() if key in b"SVCMDH"}
        return b"".join(key + value + b"\0" for key, value in fields.items()) + b"\0"

    async def _load(self, loading: Loading) -> None:
        """Feed a COPY's rows to the server that waits for them."""
        rejects = await feed(loading, self._namespace, self._server_writer)
        if rejects:
            await asyncio.to_thread(record, self._owner, self._pid, loading, rejects)
        if loading.over.is_set():
            return
        self._server_writer.write(
            message(b"c", b"") if loading.error is None else message(b"f", b"refused\0")
        )
        # In the extended protocol the client's Sync is still held back: only a Flush makes the server answer.
        self._server_writer.write(message(b"H", b""))
        await self._server_writer.drain()

    async def _until_ready(self, sql: str) -> None:
        """Run a statement in the simple protocol; its answers pass, but not that all is ready again."""
        self._quiet = True
        self._ready = asyncio.get_running_loop().create_future()
        try:
            self._server_writer.write(query(sql))
            await self._server_writer.drain()
            await self._ready
        finally:
            self._quiet = False
            self._ready = None

    async def _capture(self, sql: str) -> list[tuple[bytes, bytes]]:
        """The server's answers to a statement of our own, hidden from the client."""
        self._captured = []
        try:
            await self._until_ready(sql)
            return self._captured
        finally:
            self._captured = None

    async def _attempt(self, sql: str) -> list[tuple[bytes, bytes]]:
        """As `_capture`, but an error in it leaves an open transaction as it was."""
        if self._status != b"T":
            return await self._capture(sql)
        await self._capture("SAVEPOINT redshift_attempt")
        answers = await self._capture(sql)
        await self._capture("ROLLBACK TO redshift_attempt; RELEASE redshift_attempt")
        return answers

    async def _fail(self, sql: str) -> None:
        """Run a statement that fails, amid the client's own extended protocol, and pass on its error only."""
        self._failure = asyncio.Event()
        try:
            self._server_writer.write(extended(sql))
            await self._server_writer.drain()
            await self._failure.wait()
        finally:
            self._failure = None
