"""S3 where ministack differs from AWS in what its users see.

An upload under SSE-KMS that names no key takes the account's own; events of a versioned bucket tell the
version.
"""

from __future__ import annotations

import contextvars
import json
from typing import Any

from ministack.services import eventbridge, s3

from local.layout import ACCOUNT, REGION

_ALGORITHM = "x-amz-server-side-encryption"
_KEY = "x-amz-server-side-encryption-aws-kms-key-id"
AWS_MANAGED_KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:alias/aws/s3"


_version: contextvars.ContextVar[str | None] = contextvars.ContextVar("version", default=None)


def install() -> None:
    """Put this module's ways into ministack's S3."""
    _default_key()
    _versions_in_events()


def _versions_in_events() -> None:
    fire, dispatch = s3._fire_s3_event, eventbridge._dispatch_event

    def fire_with_version(*args: Any, **kwargs: Any) -> None:
        _version.set(kwargs.get("version_id"))
        fire(*args, **kwargs)

    def dispatch_with_version(event: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        version = _version.get()
        if event.get("Source") == "aws.s3" and version is not None:
            detail = json.loads(event["Detail"])
            detail["object"]["version-id"] = version
            event = {**event, "Detail": json.dumps(detail)}
        return dispatch(event, *args, **kwargs)

    s3._fire_s3_event = fire_with_version
    eventbridge._dispatch_event = dispatch_with_version


def _default_key() -> None:
    """Let uploads with `aws:kms` and no key id pass, under the key alias/aws/s3, as S3 does."""
    resolve = s3._resolve_sse_write_headers

    def with_default_key(headers: dict[str, str], bucket: str) -> Any:
        if headers.get(_ALGORITHM) == "aws:kms" and not headers.get(_KEY):
            headers = {**headers, _KEY: AWS_MANAGED_KEY}
        return resolve(headers, bucket)

    s3._resolve_sse_write_headers = with_default_key
