"""Batches of log lines, as large as one call of CloudWatch Logs takes."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Any

BATCH_EVENTS = 10_000
BATCH_BYTES = 900_000
EVENT_OVERHEAD_BYTES = 26


def batches(lines: Iterable[str]) -> Iterator[list[dict[str, Any]]]:
    """The lines as events of this moment, in lists for PutLogEvents; blank lines are left out."""
    moment = round(time.time() * 1000)
    batch: list[dict[str, Any]] = []
    size = 0
    for line in lines:
        if not line.strip():
            continue
        length = len(line.encode()) + EVENT_OVERHEAD_BYTES
        if batch and (len(batch) == BATCH_EVENTS or size + length > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append({"timestamp": moment, "message": line})
        size += length
    if batch:
        yield batch
