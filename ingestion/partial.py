"""A download in progress in S3: a multipart upload, and a small object that says where it stands.

The parts of a multipart upload have at least 5 MiB each, all but the last
(https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html). What is left over, less than that, is the
body of the small object, whose metadata name the upload and the source's validator. It is written last, in
one request, so whoever reads it finds a state that was true. Parts that it does not count yet were uploaded
by an invocation that was killed before it wrote the object; they begin with what the object has.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from typing import IO, Any

SMALLEST_PART = 5 * 1024 * 1024
CHUNK_BYTES = 1 << 20
_STATE = "state"
"""Name of the metadata under which the small object keeps its JSON."""


class S3Partial:
    """A `flights.sources.partial.Partial` at `key` of a bucket; `<key>.state` is the small object.

    Bytes are in a local file until `keep`: a download that one invocation finishes is never sent to S3. Needs
    `s3:ListBucket` on the key's prefix, and on its objects to get, put and delete them, and to list the parts
    of an upload and to abort it.
    """

    def __init__(self, s3: Any, bucket: str, key: str) -> None:
        self._s3 = s3
        self._upload = {"Bucket": bucket, "Key": key}
        self._state = {"Bucket": bucket, "Key": f"{key}.state"}
        self._validator: str | None = None
        self._upload_id: str | None = None
        self._parts: list[dict[str, Any]] = []
        self._local: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as this object
        self._is_kept = self._restore()

    @property
    def size(self) -> int:
        """Bytes in the parts, and those behind them in the local file."""
        return sum(int(part["Size"]) for part in self._parts) + self._local.seek(0, 2)

    @property
    def validator(self) -> str | None:
        """ETag or Last-Modified of the source's document."""
        return self._validator

    def begin(self, validator: str | None) -> None:
        """Start anew with a document of this validator."""
        self.discard()
        self._validator = validator

    def append(self, chunk: bytes) -> None:
        """Add to the local file."""
        self._local.seek(0, 2)
        self._local.write(chunk)

    def keep(self) -> None:
        """Upload the local file as one part if it is large enough for one, and write the small object."""
        if self._validator is None:
            # No other process could tell whether the bytes still belong to what the source has.
            self._empty_local()
            return
        if self._local.seek(0, 2) >= SMALLEST_PART:
            self._upload_part()
        self._local.seek(0)
        state = {"validator": self._validator, "upload": self._upload_id, "parts": len(self._parts)}
        self._s3.put_object(**self._state, Body=self._local.read(), Metadata={_STATE: json.dumps(state)})
        self._is_kept = True

    def complete(self) -> IO[bytes]:
        """The whole body, from the local file alone or from the finished upload; nothing stays in S3."""
        if self._upload_id is None:
            body, self._local = self._local, tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
            self.discard()
            body.seek(0)
            return body
        if self._local.seek(0, 2):
            self._upload_part()
        numbered = [{"PartNumber": part["PartNumber"], "ETag": part["ETag"]} for part in self._parts]
        self._s3.complete_multipart_upload(
            **self._upload, UploadId=self._upload_id, MultipartUpload={"Parts": numbered}
        )
        self._upload_id, self._parts = None, []
        whole = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
        shutil.copyfileobj(self._s3.get_object(**self._upload)["Body"], whole, CHUNK_BYTES)
        self._s3.delete_object(**self._upload)
        self.discard()
        whole.seek(0)
        return whole

    def discard(self) -> None:
        """Abort the upload and delete the small object, where they are."""
        if self._upload_id is not None:
            self._s3.abort_multipart_upload(**self._upload, UploadId=self._upload_id)
        if self._is_kept:
            self._s3.delete_object(**self._state)
        self._validator, self._upload_id, self._parts, self._is_kept = None, None, [], False
        self._empty_local()

    def _restore(self) -> bool:
        """Find what an earlier process kept; whether there is a small object."""
        # A listing, not a GET: without the right to list the whole bucket, a missing object answers 403.
        listed = self._s3.list_objects_v2(Bucket=self._state["Bucket"], Prefix=self._state["Key"])
        if not listed["KeyCount"]:
            return False
        kept = self._s3.get_object(**self._state)
        state: dict[str, Any] = json.loads(kept["Metadata"][_STATE])
        if state["upload"] is not None:
            parts = self._uploaded(state["upload"])
            if len(parts) < state["parts"]:
                # The bucket's lifecycle has aborted the upload: what is left has no beginning.
                return True
            self._upload_id, self._parts = state["upload"], parts
        if len(self._parts) == state["parts"]:
            shutil.copyfileobj(kept["Body"], self._local, CHUNK_BYTES)
        self._validator = state["validator"]
        return True

    def _uploaded(self, upload_id: str) -> list[dict[str, Any]]:
        """The parts of an upload; none if there is no such upload any more."""
        pages = self._s3.get_paginator("list_parts").paginate(**self._upload, UploadId=upload_id)
        try:
            return [part for page in pages for part in page.get("Parts", [])]
        except self._s3.exceptions.NoSuchUpload:
            return []

    def _upload_part(self) -> None:
        """Make the local file the upload's next part."""
        if self._upload_id is None:
            self._upload_id = self._s3.create_multipart_upload(**self._upload)["UploadId"]
        number, size = len(self._parts) + 1, self._local.seek(0, 2)
        self._local.seek(0)
        sent = self._s3.upload_part(
            **self._upload, UploadId=self._upload_id, PartNumber=number, Body=self._local
        )
        self._parts.append({"PartNumber": number, "ETag": sent["ETag"], "Size": size})
        self._empty_local()

    def _empty_local(self) -> None:
        self._local.seek(0)
        self._local.truncate()
