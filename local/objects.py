"""S3 where ministack differs from AWS in what its users see.

An upload under SSE-KMS that names no key takes the account's own; events of a versioned bucket tell the
version; an upload in parts is completed only from parts that are large enough and in order.
"""

from __future__ import annotations

import contextvars
import json
from typing import Any
from xml.etree import ElementTree

from ministack.services import eventbridge, s3

from local.layout import ACCOUNT, REGION

_ALGORITHM = "x-amz-server-side-encryption"
_KEY = "x-amz-server-side-encryption-aws-kms-key-id"
AWS_MANAGED_KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:alias/aws/s3"


SMALLEST_PART = 5 * 1024 * 1024
"""Bytes of a part that is not the last: https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html."""


_version: contextvars.ContextVar[str | None] = contextvars.ContextVar("version", default=None)


def install() -> None:
    """Put this module's ways into ministack's S3."""
    _default_key()
    _versions_in_events()
    _judge_parts()


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


def _judge_parts() -> None:
    """Refuse to complete an upload from parts that S3 would not take.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html, "Errors". ministack puts
    the parts in order by itself, and takes parts of any size.
    """
    complete = s3._complete_multipart_upload

    def judged(bucket: str, key: str, body: bytes, query: dict[str, Any], headers: Any = None) -> Any:
        upload = s3._multipart_uploads.get(s3._qp(query, "uploadId"))
        refused = None if upload is None else _refusal(_part_numbers(body), upload["parts"])
        if refused is not None:
            return s3._error(*refused, 400, f"/{bucket}/{key}")
        return complete(bucket, key, body, query, headers)

    s3._complete_multipart_upload = judged


def _part_numbers(body: bytes) -> list[int]:
    """The numbers of the listed parts, in the order of the list; none if that is not XML."""
    try:
        found = ElementTree.fromstring(body).iterfind(".//{*}Part/{*}PartNumber")  # noqa: S314 - a client's own
        return [int(number.text or "") for number in found]
    except (ElementTree.ParseError, ValueError):
        return []


def _refusal(numbers: list[int], parts: dict[int, dict[str, Any]]) -> tuple[str, str] | None:
    """S3's code and message for a list of parts that cannot become an object; None for one that can."""
    if not numbers:
        return (
            "MalformedXML",
            "The XML you provided was not well-formed or did not validate against our published schema",
        )
    if any(number not in parts for number in numbers):
        return None  # ministack's own refusal
    if numbers != sorted(set(numbers)):
        return (
            "InvalidPartOrder",
            "The list of parts was not in ascending order. Parts must be ordered by part number.",
        )
    if any(parts[number]["size"] < SMALLEST_PART for number in numbers[:-1]):
        return "EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size"
    return None
