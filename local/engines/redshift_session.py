"""One client's session with an endpoint: what it says is translated, what the server answers passes."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass

from local.engines import redshift_copy
from local.engines.redshift_answers import Answers
from local.engines.redshift_copy_options import CopyCommand
from local.engines.redshift_lexer import quote, tokenize, words
from local.engines.redshift_loading import Loading
from local.engines.redshift_messages import error_of, message, query, raising, read, row
from local.engines.redshift_s3 import TransferError
from local.engines.redshift_sql import Statement, UnsupportedError, translate
from local.engines.redshift_unload_files import ResultColumn
from local.engines.redshift_unload_options import UnloadCommand
from local.engines.redshift_unloading import Unloading, completed, copy_out, describe_query, result_columns

_OPENS_OR_ENDS = ["begin", "start", "commit", "end", "rollback", "abort"]


@dataclass
class Prepared:
    """A statement that the client prepared, what it stands for here, and the target or source of its rows."""

    statement: Statement
    postgres: str
    target: redshift_copy.Target | None = None
    columns: list[ResultColumn] | None = None


class Session(Answers):
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
        super().__init__(writer, server_reader, server_writer, namespace, owner)
        self._reader = reader
        self._prepared: dict[bytes, Prepared] = {}
        self._portals: dict[bytes, bytes] = {}

    async def run(self) -> None:
        """Serve the client until either side closes."""
        answers = asyncio.create_task(self.pass_on())
        try:
            await self._requests()
        finally:
            answers.cancel()
            with contextlib.suppress(asyncio.CancelledError, ConnectionError, asyncio.IncompleteReadError):
                await answers

    async def _requests(self) -> None:
        while True:
            kind, body = await read(self._reader)
            if kind == b"Q":
                await self._simple_query(body[:-1].decode())
            elif kind == b"P":
                await self._parse(body)
            else:
                await self._forward(kind, body)

    # --- the extended protocol --------------------

    async def _parse(self, body: bytes) -> None:
        name, _, rest = body.partition(b"\0")
        text, _, types = rest.partition(b"\0")
        try:
            prepared = await self._prepare(text.decode())
        except (UnsupportedError, TransferError) as error:
            prepared = Prepared(Statement(text.decode(), ""), raising(error))
        self._prepared[name] = prepared
        self._idle = False
        self._server_writer.write(message(b"P", name + b"\0" + prepared.postgres.encode() + b"\0" + types))
        await self._server_writer.drain()

    async def _prepare(self, text: str) -> Prepared:
        statements = translate(text)
        if len(statements) > 1:
            raise UnsupportedError(
                "cannot insert multiple commands into a prepared statement", "Send them one by one.", "42601"
            )
        statement = statements[0] if statements else Statement("", "")
        if (statement.copy or statement.unload) and not self._idle:
            raise UnsupportedError(
                f"{statement.tag} in a pipeline is not emulated", "Wait for the statements before it."
            )
        if statement.copy is not None:
            target = await self._target(statement.copy)
            return Prepared(statement, target.statement(statement.copy), target)
        if statement.unload is not None:
            columns = await self._columns(statement.postgres)
            return Prepared(statement, copy_out(statement.postgres), columns=columns)
        return Prepared(statement, statement.postgres)

    async def _forward(self, kind: bytes, body: bytes) -> None:
        transfer: Loading | Unloading | None = None
        if kind == b"B":
            portal, _, rest = body.partition(b"\0")
            self._portals[portal] = rest.partition(b"\0")[0]
        elif kind == b"E":
            known = self._prepared.get(self._portals.get(body.partition(b"\0")[0], b""))
            self._tags.append(known.statement.tag if known else None)
            self._commit_pending |= known is not None and known.statement.commits
            if known and known.target is not None:
                transfer = self._loading = Loading(known.statement, known.target)
            elif known and known.statement.unload and known.columns is not None:
                transfer = self._unloading = Unloading(known.statement.unload, known.columns)
        elif kind == b"C" and body[:1] == b"S":
            self._prepared.pop(body[1:-1], None)
        if kind != b"X":
            self._idle = False
        self._server_writer.write(message(kind, body))
        await self._server_writer.drain()
        if isinstance(transfer, Loading):
            # The server ignores Sync while it takes a COPY's rows: hold the client's next words back.
            await transfer.over.wait()
            await self._after_load(transfer)
        elif transfer is not None:
            await self._answer_unload(transfer)

    async def _answer_unload(self, unloading: Unloading) -> None:
        """Write the rows that the client's Execute makes the server hand over."""
        self._server_writer.write(message(b"H", b""))
        await self._server_writer.drain()
        await unloading.over.wait()
        self._unloading = None
        if unloading.failed:
            return
        try:
            self._writer.write(completed(await unloading.write(self._namespace)))
        except TransferError as error:
            await self._fail(raising(error))

    # --- the simple protocol --------------------

    async def _simple_query(self, sql: str) -> None:
        try:
            statements = translate(sql)
        except UnsupportedError as error:
            statements = [Statement(sql, raising(error))]
        if any(item.copy or item.unload or item.alone or item.commits for item in statements):
            await self._one_by_one(statements)
            return
        self._tags.extend(item.tag for item in statements)
        self._idle = False
        self._server_writer.write(query(";\n".join(f"{item.postgres}\n" for item in statements)))
        await self._server_writer.drain()

    async def _one_by_one(self, statements: list[Statement]) -> None:
        """Run a script's statements each by itself, in the one transaction that a script is."""
        opens = any(words(tokenize(item.text))[0] in _OPENS_OR_ENDS for item in statements)
        wrapped = len(statements) > 1 and self._status == b"I" and not opens
        if wrapped:
            await self._capture("BEGIN")
        self._failed = False
        for item in statements:
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
        self._commit_pending = item.commits
        try:
            if item.alone and self._status != b"I":
                raise _inside_transaction(item)
            if item.copy is not None:
                await self._copy(item, await self._target(item.copy))
            elif item.unload is not None:
                await self._unload(item.unload, item.postgres)
            else:
                self._tags.append(item.tag)
                await self._until_ready(item.postgres)
        except (UnsupportedError, TransferError) as error:
            await self._until_ready(raising(error))

    async def _copy(self, item: Statement, target: redshift_copy.Target) -> None:
        assert item.copy is not None
        self._tags.append(item.tag)
        self._loading = loading = Loading(item, target)
        await self._until_ready(target.statement(item.copy))
        await self._after_load(loading)

    async def _unload(self, command: UnloadCommand, postgres: str) -> None:
        self._unloading = unloading = Unloading(command, await self._columns(postgres))
        try:
            await self._until_ready(copy_out(postgres))
        finally:
            self._unloading = None
        if not unloading.failed:
            self._writer.write(completed(await unloading.write(self._namespace)))

    # --- COPY and UNLOAD --------------------

    async def _target(self, command: CopyCommand) -> redshift_copy.Target:
        """The table of a COPY; raises TransferError."""
        answers = await self._attempt(redshift_copy.describe_statement(command))
        for kind, body in answers:
            if kind == b"E":
                raise error_of(body)
        return redshift_copy.target(command, [row(body) for kind, body in answers if kind == b"D"])

    async def _columns(self, postgres: str) -> list[ResultColumn]:
        """The columns of an UNLOAD's query; raises TransferError."""
        return result_columns(await self._attempt(describe_query(postgres)))

    async def _after_load(self, loading: Loading) -> None:
        self._loading = None
        if loading.error is None and self._idle and self._status in b"IT" and not self._failed:
            source = quote(loading.statement.copy.source) if loading.statement.copy else "''"
            where = f"{loading.target.oid}::regclass, {source}, {loading.lines}"
            await self._capture(f"SELECT pg_catalog.redshift_loaded({where})")


def _inside_transaction(item: Statement) -> UnsupportedError:
    name = (item.tag or item.text.split()[0]).upper()
    return UnsupportedError(f"{name} cannot run inside a transaction block", "Commit first.", "25001")
