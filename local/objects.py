"""S3 where ministack is stricter than AWS: an upload under SSE-KMS that names no key takes the account's own."""

from __future__ import annotations

from typing import Any

from ministack.services import s3

from local.layout import ACCOUNT, REGION

_ALGORITHM = "x-amz-server-side-encryption"
_KEY = "x-amz-server-side-encryption-aws-kms-key-id"
AWS_MANAGED_KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:alias/aws/s3"


def install() -> None:
    """Let uploads with `aws:kms` and no key id pass, under the key alias/aws/s3, as S3 does."""
    resolve = s3._resolve_sse_write_headers

    def with_default_key(headers: dict[str, str], bucket: str) -> Any:
        if headers.get(_ALGORITHM) == "aws:kms" and not headers.get(_KEY):
            headers = {**headers, _KEY: AWS_MANAGED_KEY}
        return resolve(headers, bucket)

    s3._resolve_sse_write_headers = with_default_key
