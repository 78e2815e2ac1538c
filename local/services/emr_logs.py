"""Logs of EMR clusters in S3, where and how the nodes put them: gzipped, below LogUri/<cluster id>."""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError

from local.services.clients import client

PROGRAM = ("controller", "stderr", "stdout")
"""Files of a program that EMR itself starts: a step, a bootstrap action."""


def deliver(record: dict[str, Any], below: str, folder: Path, names: Iterable[str] = PROGRAM) -> str | None:
    """Copy files of `folder` to LogUri/<cluster id>/<below>/<name>.gz; the URI of the stderr.

    The nodes do it, so with the role of their instance profile. None when the cluster keeps no logs; a
    sentence in place of the URI when they could not be written.
    """
    cluster = record["cluster"]
    if "LogUri" not in cluster:
        return None
    parts = urlsplit(cluster["LogUri"])
    prefix = "/".join(part for part in (parts.path.strip("/"), cluster["Id"], below) if part)
    encryption = {}
    if "LogEncryptionKmsKeyId" in cluster:
        encryption = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": cluster["LogEncryptionKmsKeyId"]}
    try:
        s3 = client("s3", role_arn=record["role_arn"], session_name=record["node"])
        for name in names:
            content = gzip.compress((folder / name).read_bytes(), mtime=0)
            s3.put_object(Bucket=parts.netloc, Key=f"{prefix}/{name}.gz", Body=content, **encryption)
    except (ClientError, BotoCoreError) as problem:
        return f"not delivered to {cluster['LogUri']}: {problem}"
    return f"s3://{parts.netloc}/{prefix}/stderr.gz"
