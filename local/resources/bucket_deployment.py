"""The CDK's BucketDeployment, done without its function (which would download the AWS CLI's layer).

Source objects are unpacked or copied to the destination; files that were there and are no longer in a source
are removed; markers in the files are replaced; the version ids of what was copied are given back.
"""

from __future__ import annotations

import fnmatch
import io
import json
import mimetypes
import posixpath
import zipfile
from typing import Any

from local.resources.provisioner import Context, Created, Properties, ResourceType, resource_type
from local.services.clients import client

_METADATA = {
    "content-type": "ContentType",
    "content-encoding": "ContentEncoding",
    "content-language": "ContentLanguage",
    "content-disposition": "ContentDisposition",
    "cache-control": "CacheControl",
    "storage-class": "StorageClass",
    "sse": "ServerSideEncryption",
    "sse-kms-key-id": "SSEKMSKeyId",
    "acl": "ACL",
}


@resource_type("Custom::CDKBucketDeployment")
class BucketDeployment(ResourceType):
    """Contents of a bucket, from assets."""

    def create(self, props: Properties, context: Context) -> Created:
        return Created(f"{context.stack_name}-{context.logical_id}", self._deploy(props))

    def update(self, physical_id: str, old: Properties, new: Properties, context: Context) -> Created:
        moved = any(
            old.get(name) != new.get(name) for name in ("DestinationBucketName", "DestinationBucketKeyPrefix")
        )
        if moved and not _true(old, "RetainOnDelete", True):
            self._remove(old)
        return Created(physical_id, self._deploy(new))

    def delete(self, physical_id: str, props: Properties, context: Context) -> None:
        if not _true(props, "RetainOnDelete", True):
            self._remove(props)

    def _deploy(self, props: Properties) -> dict[str, Any]:
        s3 = client("s3")
        bucket, prefix = props["DestinationBucketName"], _prefix(props)
        options = _upload_options(props)
        versions, written = [], set()
        for key, source in _sources(props).items():
            for name, body in source.items():
                if _selected(name, props):
                    guessed = mimetypes.guess_type(name)[0] or "binary/octet-stream"
                    extra = {"ContentType": guessed, **options}
                    s3.put_object(Bucket=bucket, Key=prefix + name, Body=body, **extra)
                    written.add(prefix + name)
            versions.append(_source_version(props, key))
        if _true(props, "Prune", True):
            for name in _keys(bucket, prefix):
                if name not in written and _selected(name.removeprefix(prefix), props):
                    s3.delete_object(Bucket=bucket, Key=name)
        attributes: dict[str, Any] = {"DestinationBucketArn": f"arn:aws:s3:::{bucket}"}
        if _true(props, "OutputObjectKeys", True):
            attributes["SourceObjectKeys"] = list(props["SourceObjectKeys"])
        if _true(props, "OutputObjectVersionIds", False):
            attributes["SourceObjectVersionIds"] = [
                _version_of(bucket, prefix, name) or version
                for name, version in zip(props["SourceObjectKeys"], versions, strict=True)
            ]
        return attributes

    def _remove(self, props: Properties) -> None:
        bucket = props["DestinationBucketName"]
        for name in _keys(bucket, _prefix(props)):
            client("s3").delete_object(Bucket=bucket, Key=name)


def _sources(props: Properties) -> dict[str, dict[str, bytes]]:
    """Source key → file name → content, with the markers of each source replaced."""
    s3 = client("s3")
    markers = props.get("SourceMarkers") or [{}] * len(props["SourceObjectKeys"])
    found = {}
    for bucket, key, replacements in zip(
        props["SourceBucketNames"], props["SourceObjectKeys"], markers, strict=True
    ):
        body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        if _true(props, "Extract", True):
            with zipfile.ZipFile(io.BytesIO(body)) as archive:
                files = {name: archive.read(name) for name in archive.namelist() if not name.endswith("/")}
        else:
            files = {posixpath.basename(key): body}
        found[key] = {name: _replace(content, replacements) for name, content in files.items()}
    return found


def _replace(content: bytes, markers: dict[str, Any]) -> bytes:
    for marker, value in markers.items():
        text = value if isinstance(value, str) else json.dumps(value)
        content = content.replace(marker.encode(), text.encode())
    return content


def _source_version(props: Properties, key: str) -> str | None:
    bucket = dict(zip(props["SourceObjectKeys"], props["SourceBucketNames"], strict=True))[key]
    version: str | None = client("s3").head_object(Bucket=bucket, Key=key).get("VersionId")
    return version


def _version_of(bucket: str, prefix: str, source_key: str) -> str | None:
    """Version id of the file that an unextracted source became; None where sources were unpacked."""
    s3 = client("s3")
    try:
        answer = s3.head_object(Bucket=bucket, Key=prefix + posixpath.basename(source_key))
    except s3.exceptions.ClientError:
        return None
    version = answer.get("VersionId")
    return None if version is None else str(version)


def _prefix(props: Properties) -> str:
    prefix = str(props.get("DestinationBucketKeyPrefix") or "").strip("/")
    return f"{prefix}/" if prefix else ""


def _keys(bucket: str, prefix: str) -> list[str]:
    pages = client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return [entry["Key"] for page in pages for entry in page.get("Contents", [])]


def _selected(name: str, props: Properties) -> bool:
    """Whether the sync touches a file: filters apply in order, excludes first, as the AWS CLI has them."""
    if any(fnmatch.fnmatchcase(name, pattern) for pattern in props.get("Include", [])):
        return True
    return not any(fnmatch.fnmatchcase(name, pattern) for pattern in props.get("Exclude", []))


def _upload_options(props: Properties) -> dict[str, Any]:
    options: dict[str, Any] = {}
    for name, value in (props.get("SystemMetadata") or {}).items():
        if name not in _METADATA:
            raise ValueError(f"SystemMetadata {name} is not supported")
        options[_METADATA[name]] = value
    if props.get("UserMetadata"):
        options["Metadata"] = dict(props["UserMetadata"])
    return options


def _true(props: Properties, name: str, default: bool) -> bool:
    return str(props.get(name, default)).lower() == "true"
