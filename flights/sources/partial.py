"""Downloads in progress: where their bytes are kept until they are whole, within and between processes.

A slow source can take longer than one process may run. The downloader then keeps what it has in a `Partial`
and raises DownloadUnfinishedError; the next process gives it the same `Partial` and goes on behind the last
byte, as long as the source's validator (RFC 9110, section 8.8) is still the same:

    downloader = Downloader(partial=lambda url: FilePartial(folder / name_of(url)), seconds_left=remaining)
    try:
        objects = flights_of_month(base_url, days, origins, downloader=downloader)
    except DownloadUnfinishedError as unfinished:
        ...  # call again, in this process or in another

`seconds_left()` is how many seconds are left for downloading, asked again and again; what follows a download
(unpacking, writing) needs its own share of the process' time, which the caller subtracts.
"""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from typing import IO, Protocol


class DownloadUnfinishedError(Exception):
    """The time for a download is up before it is whole; what arrived is kept, a later call goes on.

    Not a SourceError: the source has not failed.
    """

    def __init__(self, url: str, done: int, total: int | None) -> None:
        self.url = url
        self.done = done
        """Bytes kept."""
        self.total = total
        """Bytes of the whole body; None if the source does not say."""
        whole = f"{total:,}" if total is not None else "an unknown number of"
        super().__init__(f"{url}: {done:,} of {whole} bytes so far")


class Partial(Protocol):
    """A place for the bytes of one download in progress, in the order of their arrival.

    One process uses it at a time. Errors of the place itself are raised as they are.
    """

    @property
    def size(self) -> int:
        """Bytes kept so far: where the download goes on. 0 if there are none.

        Bytes that `append` took but that a new process would not find do not count after `keep`.
        """

    @property
    def validator(self) -> str | None:
        """What identifies the document that the kept bytes are part of: the text that `begin` was given.

        One line of ASCII, made of the source's ETag and Last-Modified; None if there are no bytes.
        """

    def begin(self, validator: str | None) -> None:
        """Forget all bytes and start with those of the document that has this validator.

        None is a document without one: its bytes are of no use to another process.
        """

    def append(self, chunk: bytes) -> None:
        """Take the next bytes, 1 to 1,048,576 of them."""

    def keep(self) -> None:
        """Make what was appended last: another process finds the `size` that this one has afterwards.

        Called when the time is up or the source has failed for good; perhaps with nothing to keep.
        """

    def complete(self) -> IO[bytes]:
        """The whole body, readable and seekable, open at its start; the place itself is empty then."""

    def discard(self) -> None:
        """Forget everything; nothing is done if there is nothing."""


class TemporaryPartial:
    """A download in progress for one process, in a file without a name."""

    def __init__(self) -> None:
        self._body: IO[bytes] | None = None
        self.validator: str | None = None
        """What `begin` was given."""

    @property
    def size(self) -> int:
        """Length of the file."""
        return self._body.tell() if self._body is not None else 0

    def begin(self, validator: str | None) -> None:
        """Start a new file."""
        self.discard()
        self._body, self.validator = tempfile.TemporaryFile(), validator  # noqa: SIM115 - complete() gives it

    def append(self, chunk: bytes) -> None:
        """Write to the file's end."""
        if self._body is None:
            raise ValueError("a download has to begin before bytes are appended")
        self._body.write(chunk)

    def keep(self) -> None:
        """Nothing outlives the process."""

    def complete(self) -> IO[bytes]:
        """The file, which is the caller's then."""
        if self._body is None:
            raise ValueError("a download has to begin before it is complete")
        body, self._body, self.validator = self._body, None, None
        body.seek(0)
        return body

    def discard(self) -> None:
        """Close the file."""
        if self._body is not None:
            self._body.close()
        self._body, self.validator = None, None


class FilePartial:
    """A download in progress in a file, its validator in another one beside it; any process finds both."""

    def __init__(self, path: Path) -> None:
        self._body = path
        self._validator = path.with_name(path.name + ".validator")

    @property
    def size(self) -> int:
        """Length of the file, if its validator is known."""
        return self._body.stat().st_size if self._validator.exists() and self._body.exists() else 0

    @property
    def validator(self) -> str | None:
        """Content of the validator's file."""
        try:
            return self._validator.read_text(encoding="utf-8") or None
        except FileNotFoundError:
            return None

    def begin(self, validator: str | None) -> None:
        """Start a new file. The validator is written last: without it there are no bytes."""
        self.discard()
        self._body.parent.mkdir(parents=True, exist_ok=True)
        self._body.touch()
        self._validator.write_text(validator or "", encoding="utf-8")

    def append(self, chunk: bytes) -> None:
        """Write to the file's end."""
        with self._body.open("ab") as body:
            body.write(chunk)

    def keep(self) -> None:
        """Nothing to do: every chunk is in the file at once."""

    def complete(self) -> IO[bytes]:
        """The file, open but without a name any more: it is gone once it is closed."""
        body = self._body.open("rb")
        self.discard()
        return body

    def discard(self) -> None:
        """Remove both files, the validator first."""
        for path in (self._validator, self._body):
            with contextlib.suppress(FileNotFoundError):
                path.unlink()
