"""S3's rules for an object that is uploaded in parts."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.layout import BUCKET_LOCATION
from tests.local.conftest import Gateway

pytestmark = pytest.mark.gateway

BUCKET, KEY = "refstack-parts", "large"
FIVE_MIB = 5 * 1024 * 1024


@pytest.fixture(scope="module")
def s3(gateway: Gateway) -> Any:
    api = gateway.client("s3")
    api.create_bucket(Bucket=BUCKET, CreateBucketConfiguration=BUCKET_LOCATION)
    return api


def complete(s3: Any, sizes: dict[int, int], order: list[int]) -> Any:
    """Upload a part of each size under its number, then complete the upload from the parts in an order."""
    upload = {"Bucket": BUCKET, "Key": KEY, "UploadId": ""}
    upload["UploadId"] = s3.create_multipart_upload(Bucket=BUCKET, Key=KEY)["UploadId"]
    etags = {
        number: s3.upload_part(**upload, PartNumber=number, Body=bytes([number]) * size)["ETag"]
        for number, size in sizes.items()
    }
    parts = [{"PartNumber": number, "ETag": etags[number]} for number in order]
    return s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})


@pytest.mark.parametrize(
    ("sizes", "order", "code"),
    [
        ({1: FIVE_MIB - 1, 2: 1}, [1, 2], "EntityTooSmall"),
        ({1: FIVE_MIB, 2: 10, 3: 10}, [1, 2, 3], "EntityTooSmall"),
        ({1: FIVE_MIB, 2: FIVE_MIB}, [2, 1], "InvalidPartOrder"),
        ({1: 1}, [1, 1], "InvalidPartOrder"),
        ({1: 1}, [], "MalformedXML"),
    ],
)
def test_parts_that_make_no_object_are_refused(
    s3: Any, sizes: dict[int, int], order: list[int], code: str
) -> None:
    with pytest.raises(ClientError) as refused:
        complete(s3, sizes, order)

    assert refused.value.response["Error"]["Code"] == code


@pytest.mark.parametrize(("sizes", "order"), [({1: 1}, [1]), ({2: FIVE_MIB, 7: 3}, [2, 7])])
def test_the_last_part_may_be_of_any_size(s3: Any, sizes: dict[int, int], order: list[int]) -> None:
    complete(s3, sizes, order)

    body = s3.get_object(Bucket=BUCKET, Key=KEY)["Body"].read()
    assert body == b"".join(bytes([number]) * sizes[number] for number in order)
