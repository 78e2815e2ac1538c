"""The failures a user can cause or mend."""

from __future__ import annotations


class UserFacingError(Exception):
    """A failure told in one sentence: what failed, where the log is, what to do. Shown as it is."""
