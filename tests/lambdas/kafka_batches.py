"""Batches of Kafka records as Lambda hands them to a function."""

from __future__ import annotations

import base64
from typing import Any

from streaming.events import PUBLISHED_AT

ARN = "arn:aws:kafka:us-east-1:123456789012:cluster/stream/7cb3d2a1-1"


def batch(
    topic: str,
    values: list[bytes | None],
    *,
    first: int = 0,
    published: int | None = None,
    key: bytes = b"key",
) -> Any:
    """One partition's records with these values and one key, from offset `first` on."""
    headers = [] if published is None else [{PUBLISHED_AT: list(str(published).encode())}]
    return {
        "eventSource": "aws:kafka",
        "eventSourceArn": ARN,
        "bootstrapServers": "b-1.stream:9098,b-2.stream:9098",
        "records": {
            f"{topic}-0": [
                {
                    "topic": topic,
                    "partition": 0,
                    "offset": offset,
                    "timestamp": 1_700_000_000_000,
                    "timestampType": "CREATE_TIME",
                    "key": base64.b64encode(key).decode(),
                    "value": None if value is None else base64.b64encode(value).decode(),
                    "headers": headers,
                }
                for offset, value in enumerate(values, first)
            ]
        },
    }
