"""What the plain-HTTP endpoint must leave out of S3's answers for one client: Hadoop's S3A."""

from __future__ import annotations

from typing import Any

from ministack import app as ministack_app

KMS_KEY_HEADER = "x-amz-server-side-encryption-aws-kms-key-id"


def install() -> None:
    """Keep the KMS key's id out of the HEAD answers that S3A gets.

    S3A renames by copying, and names the source's KMS key in the copy; its SDK refuses to name a key over
    plain HTTP. Without the id the copy is encrypted by the bucket's default, which is the same key.
    """
    answer = ministack_app.SERVICE_HANDLERS["s3"]

    async def without_key(
        method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]
    ) -> Any:
        status, answered, content = await answer(method, path, headers, body, query)
        if method == "HEAD" and "Hadoop" in headers.get("user-agent", ""):
            answered = {name: value for name, value in answered.items() if name.lower() != KMS_KEY_HEADER}
        return status, answered, content

    ministack_app.SERVICE_HANDLERS["s3"] = without_key
