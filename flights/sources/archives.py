"""Zips and lines from a source, within limits: what is packed small may be unpacked without end."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, cast

from flights.sources.errors import PassingError, SourceError

MEMBER_BYTES = 1 << 30
"""Size of an unpacked file at most: four times the largest one, a month of BTS' flights with 250 MB."""
RATIO = 100
"""How many times larger than its packed form a file of more than HARMLESS_BYTES may be: BTS' CSV is ten times
larger, deflate reaches 1,032."""
HARMLESS_BYTES = 64 << 20
LINE_BYTES = 1 << 16
"""Length of a line at most; the longest ones have some 700 bytes."""

_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError)


@contextmanager
def opened(url: str, body: IO[bytes]) -> Iterator[zipfile.ZipFile]:
    """The zip that `url` answered with.

    Raises PassingError, also from within the block, if it is damaged or cut off; SourceError if its directory
    makes no sense.
    """
    try:
        try:
            packed = zipfile.ZipFile(body)
        except (ValueError, OverflowError, NotImplementedError) as error:
            raise SourceError(f"{url} is not a zip that can be read ({error})") from error
        with packed:
            yield packed
    except _DAMAGED as error:
        raise PassingError(f"{url} arrived damaged ({error or type(error).__name__})") from error


@contextmanager
def member(url: str, packed: zipfile.ZipFile, name: str, *, limit: int = MEMBER_BYTES) -> Iterator[IO[bytes]]:
    """A file of a zip, open for reading; no more than its announced size is read.

    Raises SourceError if it is encrypted, packed by any method but deflate, or too large.
    """
    entry = packed.getinfo(name)
    if entry.file_size > limit or entry.file_size > max(RATIO * entry.compress_size, HARMLESS_BYTES):
        raise SourceError(
            f"{url} holds {name} with {entry.file_size:,} bytes, packed into {entry.compress_size:,}: more "
            f"than the limit of {limit:,} bytes or of {RATIO} times its packed size"
        )
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise SourceError(f"{url} holds {name} packed by method {entry.compress_type}, not by deflate")
    try:
        content = packed.open(entry)
    except RuntimeError as error:
        raise SourceError(f"{url} holds {name}, which cannot be read ({error})") from error
    except (ValueError, OverflowError, OSError, struct.error) as error:
        raise PassingError(f"{url} arrived damaged ({error})") from error
    # A member's own readline with a limit is a hundred times slower.
    with io.BufferedReader(cast("io.RawIOBase", content), 1 << 20) as buffered:
        yield cast("IO[bytes]", buffered)


def lines(url: str, name: str, content: IO[bytes], *, limit: int = LINE_BYTES) -> Iterator[bytes]:
    """Lines with their line ends (LF). Raises SourceError for one that is longer than `limit` bytes."""
    while line := content.readline(limit + 1):
        if len(line) > limit:
            raise SourceError(f"{name} in {url} has a line of more than {limit:,} bytes")
        yield line
