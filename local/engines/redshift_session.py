"""One client's session with an endpoint: what it says is translated, what the server answers passes."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections import deque

from local.engines import redshift_copy
from local.engines.redshift_copy_rows import CopyError
from local.engines.redshift_lexer import quote
from local.engines.redshift_loading import Loading, feed, record
from local.engines.redshift_messages import error_fields, message, query, raising, read, row
from local.engines.redshift_sql import Statement, UnsupportedError, translate

SERVER_VERSION = b"8.0.2"


class Session:
    """A connection's two directions: one task reads the server's answers, another the client's words."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        server_reader: asyncio.StreamReader,
        server_writer: asyncio.StreamWriter,
        namespace: str,
        owner: tuple[int, str, str],
    ) -> None:
        self._reader, self._writer = reader, writer
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
        self._commit_pending = False
        self._hidden = False
        self._tags: deque[str | None] = deque()
        self._loading: Loading | None = None
        self._prepared: dict[bytes, tuple[Statement, redshift_copy.Target | None]] = {}
        self._portals: dict[bytes, bytes] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Serve the client until either side closes."""
        answers = asyncio.create_task(self._answers())
        try:
            await self._requests()
        finally:
            answers.cancel()
            with contextlib.suppress(asyncio.CancelledError, ConnectionError, asyncio.IncompleteReadError):
                await answers

    # --- from the server --------------------

    async def _answers(self) -> None:
        try:
            while True:
                kind, body = await read(self._server_reader)
                await self._answer(kind, body)
                await self._writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            self._writer.close()
            if self._ready is not None and not self._ready.done():
                self._ready.set_exception(ConnectionResetError("the server closed the connection"))
            if self._loading is not None:
                self._loading.over.set()

    async def _answer(self, kind: bytes, body: bytes) -> None:
        if kind == b"Z":
            self._on_ready(body)
            return
        if self._captured is not None:
            self._captured.append((kind, body))
            return
        if self._hidden:
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
        fields = {part[:1]: part[1:] for part in body.split(b"\0") if part}
        if self._loading is not None:
            error = self._loading.error
            self._loading.over.set()
            if error is not None:
                fields = error_fields(error.message, error.sentence, error.sqlstate)
        if any(name in fields.get(b"W", b"") for name in (b"inline_code_block", b"redshift_")):
            fields = {key: value for key, value in fields.items() if key in b"SVCMDH"}
        return b"".join(key + value + b"\0" for key, value in fields.items()) + b"\0"

    # --- from the client --------------------

    async def _requests(self) -> None:
        while True:
            kind, body = await read(self._reader)
            if kind == b"Q":
                await self._simple_query(body[:-1].decode())
            elif kind == b"P":
                await self._parse(body)
            else:
                await self._forward(kind, body)

    async def _forward(self, kind: bytes, body: bytes) -> None:
        loading = None
        if kind == b"B":
            portal, _, rest = body.partition(b"\0")
            self._portals[portal] = rest.partition(b"\0")[0]
        elif kind == b"E":
            known = self._prepared.get(self._portals.get(body.partition(b"\0")[0], b""))
            self._tags.append(known[0].tag if known else None)
            if known and known[0].commits:
                self._commit_pending = True
            if known and known[1] is not None:
                loading = self._loading = Loading(known[0], known[1])
        elif kind == b"C" and body[:1] == b"S":
            self._prepared.pop(body[1:-1], None)
        if kind != b"X":
            self._idle = False
        self._server_writer.write(message(kind, body))
        await self._server_writer.drain()
        if loading is not None:
            # The server ignores Sync while it takes a COPY's rows: hold the client's next words back.
            await loading.over.wait()
            await self._after_load(loading)

    async def _parse(self, body: bytes) -> None:
        name, _, rest = body.partition(b"\0")
        text, _, types = rest.partition(b"\0")
        target = None
        try:
            statements = translate(text.decode())
            if len(statements) > 1:
                raise UnsupportedError(
                    "cannot insert multiple commands into a prepared statement",
                    "Send them one by one.",
                    "42601",
                )
            prepared = statements[0] if statements else Statement("", "")
            if prepared.copy is not None:
                if not self._idle:
                    raise UnsupportedError(
                        "COPY in a pipeline is not emulated", "Wait for the statements before it."
                    )
                target = await self._describe(prepared)
            postgres = target.statement(prepared.copy) if prepared.copy and target else prepared.postgres
        except (UnsupportedError, CopyError) as error:
            postgres = raising(error)
            prepared, target = Statement(text.decode(), postgres), None
        self._prepared[name] = (prepared, target)
        self._idle = False
        self._server_writer.write(message(b"P", name + b"\0" + postgres.encode() + b"\0" + types))
        await self._server_writer.drain()

    async def _simple_query(self, sql: str) -> None:
        try:
            statements = translate(sql)
        except UnsupportedError as error:
            statements = [Statement(sql, raising(error))]
        if any(item.copy or item.alone or item.commits for item in statements):
            await self._one_by_one(statements)
            return
        self._tags.extend(item.tag for item in statements)
        self._idle = False
        self._server_writer.write(query(";\n".join(f"{item.postgres}\n" for item in statements)))
        await self._server_writer.drain()

    async def _one_by_one(self, statements: list[Statement]) -> None:
        """Run a script's statements each by itself, in the one transaction that a script is."""
        opens = any(
            item.text.lower().startswith(("begin", "start", "commit", "end", "rollback", "abort"))
            for item in statements
        )
        wrapped = len(statements) > 1 and self._status == b"I" and not opens
        if wrapped:
            await self._capture("BEGIN")
        self._failed = False
        for item in statements:
            if item.alone and self._status != b"I":
                item = Statement(item.text, raising(_inside_transaction(item)))
            await self._run(item)
            if self._failed:
                break
            if wrapped and item.commits:
                await self._capture("BEGIN")
        if wrapped and self._status != b"I":
            await self._capture("ROLLBACK" if self._failed else "COMMIT")
        self._writer.write(message(b"Z", self._status))
        await self._writer.drain()

    async def _run(self, item: Statement) -> None:
        """Run one statement and pass on its answers, but not that the server is ready again."""
        target = None
        postgres = item.postgres
        if item.copy is not None:
            try:
                target = await self._describe(item)
                postgres = target.statement(item.copy)
            except CopyError as error:
                postgres = raising(error)
        self._commit_pending = item.commits
        self._tags.append(item.tag)
        self._loading = Loading(item, target) if target else None
        loading = self._loading
        await self._until_ready(postgres)
        if loading is not None:
            await self._after_load(loading)

    async def _until_ready(self, sql: str) -> None:
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

    # --- COPY --------------------

    async def _describe(self, statement: Statement) -> redshift_copy.Target:
        assert statement.copy is not None
        answers = await self._capture(redshift_copy.describe_statement(statement.copy))
        rows = [row(body) for kind, body in answers if kind == b"D"]
        if any(kind == b"E" for kind, _ in answers):
            raise CopyError(
                "current transaction is aborted, commands ignored until end of transaction block",
                "Roll back.",
                "25P02",
            )
        return redshift_copy.target(statement.copy, rows)

    async def _load(self, loading: Loading) -> None:
        """Feed the rows to the server that waits for them."""
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

    async def _after_load(self, loading: Loading) -> None:
        self._loading = None
        if loading.error is None and self._idle and self._status in b"IT" and not self._failed:
            source = quote(loading.statement.copy.source) if loading.statement.copy else "''"
            where = f"{loading.target.oid}::regclass, {source}, {loading.lines}"
            await self._capture(f"SELECT pg_catalog.redshift_loaded({where})")


def _inside_transaction(item: Statement) -> UnsupportedError:
    name = (item.tag or item.text.split()[0]).upper()
    return UnsupportedError(f"{name} cannot run inside a transaction block", "Commit first.", "25001")
