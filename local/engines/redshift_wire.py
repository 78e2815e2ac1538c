"""Redshift's endpoint: PostgreSQL's wire protocol, in which statements are translated and COPY reads from S3.

`python -m local.engines.redshift_wire`, with its settings as JSON in REDSHIFT_WIRE. Everything but statements
passes through: authentication, types, results, cancel requests.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import ssl
import struct
from dataclasses import dataclass

from local.engines.certificates import server_context
from local.engines.redshift_session import Session
from local.layout import HOST

PROTOCOL = 196608
CANCEL = 80877102
TLS, GSS = 80877103, 80877104
PASSED_ON = frozenset(
    [
        "user",
        "database",
        "application_name",
        "client_encoding",
        "options",
        "DateStyle",
        "TimeZone",
        "extra_float_digits",
    ]
)


@dataclass(frozen=True)
class Settings:
    """Where an endpoint listens, and the server and the namespace behind it."""

    port: int
    postgres_port: int
    namespace: str
    owner: str
    password: str

    def environment(self) -> dict[str, str]:
        """The settings as a child process gets them."""
        return {"REDSHIFT_WIRE": json.dumps(self.__dict__)}

    @classmethod
    def read(cls) -> Settings:
        return cls(**json.loads(os.environ["REDSHIFT_WIRE"]))


async def serve(settings: Settings) -> None:
    """Accept clients until cancelled; with TLS when they ask for it."""
    tls = server_context()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await _client(settings, tls, reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # either side hung up
        finally:
            writer.close()

    server = await asyncio.start_server(accept, HOST, settings.port, limit=2**20)
    async with server:
        await server.serve_forever()


async def _client(
    settings: Settings, tls: ssl.SSLContext, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    while True:
        length, code = struct.unpack("!II", await reader.readexactly(8))
        body = await reader.readexactly(length - 8)
        if code == TLS:
            writer.write(b"S")
            await writer.start_tls(tls)
        elif code == GSS:
            writer.write(b"N")
        else:
            break
    server_reader, server_writer = await asyncio.open_connection(HOST, settings.postgres_port, limit=2**20)
    try:
        start = _start_up(body) if code == PROTOCOL else body
        server_writer.write(struct.pack("!II", len(start) + 8, code) + start)
        await server_writer.drain()
        if code != CANCEL:
            session = Session(
                reader,
                writer,
                server_reader,
                server_writer,
                settings.namespace,
                (settings.postgres_port, settings.owner, settings.password),
            )
            await session.run()
    finally:
        server_writer.close()


def _start_up(body: bytes) -> bytes:
    """The start-up parameters without those that only Redshift's drivers send."""
    parts = body.rstrip(b"\0").split(b"\0")
    pairs = zip(parts[::2], parts[1::2], strict=False)
    return b"".join(k + b"\0" + v + b"\0" for k, v in pairs if k.decode() in PASSED_ON) + b"\0"


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(Settings.read()))
