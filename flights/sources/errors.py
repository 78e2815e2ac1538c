"""What can go wrong with a source. Every message names the URL and the cause."""

from __future__ import annotations


class SourceError(Exception):
    """A source did not give what was asked for; the message names its URL and the cause."""


class NotFoundError(SourceError):
    """The source has no such document."""


class CertificateError(SourceError):
    """The source's TLS certificate cannot be trusted: waiting does not help."""


class PassingError(SourceError):
    """A fault that may be gone at the next attempt: an overloaded server, a time-out, a damaged download."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        """Seconds that the server asks to wait; None if it does not."""
        self.progress = False
        """Whether the attempt brought a download farther than those before it, so that it does not count."""
