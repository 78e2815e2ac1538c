"""A download in progress in S3: what one process keeps, the next one finds; nothing is left in the end."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from flights.sources.partial import Partial
from ingestion.partial import SMALLEST_PART, S3Partial

BUCKET, KEY = "raw", "downloads/aircraft/1a2b"
CHUNK = 1 << 20
BODY = random.Random(7).randbytes(SMALLEST_PART * 2 + 12_345)
"""More than two parts."""


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket=BUCKET)
        yield client


def append(partial: Partial, body: bytes) -> None:
    for start in range(0, len(body), CHUNK):
        partial.append(body[start : start + CHUNK])


def left(s3: Any) -> list[Any]:
    """Everything that is in the bucket: objects, and uploads that are neither complete nor aborted."""
    uploads = s3.list_multipart_uploads(Bucket=BUCKET).get("Uploads", [])
    return [*s3.list_objects_v2(Bucket=BUCKET).get("Contents", []), *uploads]


def test_a_new_place_is_empty_and_stays_so(s3: Any) -> None:
    partial: Partial = S3Partial(s3, BUCKET, KEY)

    assert (partial.size, partial.validator) == (0, None)
    partial.discard()
    assert left(s3) == []


def test_a_download_that_one_process_finishes_is_never_sent_to_s3(s3: Any) -> None:
    partial = S3Partial(s3, BUCKET, KEY)
    partial.begin('"v1"')
    append(partial, BODY)

    assert left(s3) == []
    with partial.complete() as body:
        assert body.read() == BODY
    assert left(s3) == []


@pytest.mark.parametrize(
    "cuts",
    [
        pytest.param([10], id="less than a part"),
        pytest.param([1_000, 2_000, 3_000], id="less than a part, again and again"),
        pytest.param([SMALLEST_PART], id="exactly a part"),
        pytest.param(
            [SMALLEST_PART + 1, SMALLEST_PART + 2, len(BODY) - 1], id="parts, with little behind them"
        ),
        pytest.param([SMALLEST_PART - 1, 2 * SMALLEST_PART - 1, len(BODY)], id="up to the last byte"),
    ],
)
def test_many_processes_put_one_body_together(s3: Any, cuts: list[int]) -> None:
    done = 0
    for cut in cuts:
        partial = S3Partial(s3, BUCKET, KEY)
        assert partial.size == done
        if not done:
            partial.begin('"v1"')
        assert partial.validator == '"v1"'
        append(partial, BODY[done:cut])
        partial.keep()
        assert partial.size == cut
        done = cut

    last = S3Partial(s3, BUCKET, KEY)
    append(last, BODY[last.size :])
    with last.complete() as body:
        assert body.seekable()
        assert body.read() == BODY
    assert left(s3) == []
    assert S3Partial(s3, BUCKET, KEY).size == 0


def test_bytes_that_a_killed_process_had_uploaded_already_are_used(s3: Any) -> None:
    first = S3Partial(s3, BUCKET, KEY)
    first.begin('"v1"')
    append(first, BODY[:100])
    first.keep()
    second = S3Partial(s3, BUCKET, KEY)
    append(second, BODY[100:SMALLEST_PART])
    second.keep()
    killed = S3Partial(s3, BUCKET, KEY)
    append(killed, BODY[killed.size : 2 * SMALLEST_PART])
    killed._upload_part()  # and then no word of it in the small object

    last = S3Partial(s3, BUCKET, KEY)

    assert last.size == 2 * SMALLEST_PART
    append(last, BODY[last.size :])
    with last.complete() as body:
        assert body.read() == BODY


def test_another_document_takes_the_place_of_the_first(s3: Any) -> None:
    first = S3Partial(s3, BUCKET, KEY)
    first.begin('"v1"')
    append(first, BODY)
    first.keep()

    second = S3Partial(s3, BUCKET, KEY)
    second.begin('"v2"')
    append(second, b"new")
    second.keep()

    third = S3Partial(s3, BUCKET, KEY)
    assert (third.size, third.validator) == (3, '"v2"')
    with third.complete() as body:
        assert body.read() == b"new"
    assert left(s3) == []


def test_a_document_without_a_validator_is_not_kept(s3: Any) -> None:
    partial = S3Partial(s3, BUCKET, KEY)
    partial.begin(None)
    append(partial, b"bytes")
    partial.keep()

    assert partial.size == 0
    assert left(s3) == []


def test_an_upload_that_the_bucket_s_lifecycle_has_aborted_is_begun_anew(s3: Any) -> None:
    first = S3Partial(s3, BUCKET, KEY)
    first.begin('"v1"')
    append(first, BODY)
    first.keep()
    [upload] = s3.list_multipart_uploads(Bucket=BUCKET)["Uploads"]
    s3.abort_multipart_upload(Bucket=BUCKET, Key=KEY, UploadId=upload["UploadId"])

    second = S3Partial(s3, BUCKET, KEY)

    assert (second.size, second.validator) == (0, None)
    second.begin('"v1"')
    assert left(s3) == []
