"""A download within the time of one invocation, and what the function answers when that is not enough.

Who invoked the function invokes it again with the same event (`mwaa_dags/refstack_dags/functions.py`), and it
goes on behind the last byte, as long as the source's document is the same.
"""

from __future__ import annotations

import hashlib
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from flights.sources.client import Client
from flights.sources.download import Downloader
from flights.sources.partial import DownloadUnfinishedError
from ingestion.partial import S3Partial

RESERVE_SECONDS = 90.0
"""Time of an invocation that is not for downloading: the silence below, keeping what arrived, and unpacking
and writing what is whole."""
SILENCE_SECONDS = 30.0
"""How long a source may be silent, which may begin at the last moment of a download's time."""


def downloader(
    context: LambdaContext, client: Client, s3: Any = None, bucket: str = "", prefix: str = ""
) -> Downloader:
    """A downloader for this invocation; with an S3 client it keeps downloads under a bucket's `prefix`."""
    return Downloader(
        client,
        partial=None if s3 is None else lambda url: S3Partial(s3, bucket, prefix + _name(url)),
        seconds_left=lambda: context.get_remaining_time_in_millis() / 1000 - RESERVE_SECONDS,
        timeout=SILENCE_SECONDS,
    )


def progress(unfinished: DownloadUnfinishedError) -> dict[str, Any]:
    """The answer of a function that wants to be invoked again: bytes so far, of how many, None if unknown."""
    return {
        "complete": False,
        "url": unfinished.url,
        "bytes": unfinished.done,
        "of": unfinished.total,
    }


def _name(url: str) -> str:
    return hashlib.sha256(url.encode()).hexdigest()[:32]
