"""UNLOAD to S3: Redshift's rules about roles, targets, partitions, file names and manifests."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

import botocore.exceptions
import pyarrow as pa
import pyarrow.compute as pc

from local.engines.redshift_s3 import Namespace, TransferError, bucket_and_key, role_of, service_error
from local.engines.redshift_unload_files import ResultColumn, extension, files, read_rows
from local.engines.redshift_unload_options import UnloadCommand

SLICES = 2
"""Slices that write in parallel: as many as a node of the smallest size has."""
NULL_PARTITION = "__HIVE_DEFAULT_PARTITION__"
_PARTITION_TYPES = frozenset({16, 20, 21, 23, 25, 700, 1042, 1043, 1082, 1114, 1700})
_ESCAPED = frozenset("\"#%'*/:=?\\{[]^") | {chr(code) for code in (*range(32), 127)}
Written = tuple[str, int, int]
"""URL, bytes and rows of a file."""


def unload(
    command: UnloadCommand, columns: Sequence[ResultColumn], rows: BinaryIO, namespace: Namespace
) -> int:
    """Write a query's rows, given as CSV, to S3 as the command's role; their number. Raises TransferError."""
    check_columns(command, columns)
    role = role_of(command.role_arn, namespace)
    table = read_rows(rows, columns)
    try:
        return _Target(command, namespace.s3(role)).write(table, columns)
    except botocore.exceptions.ClientError as error:
        raise service_error(error, role) from error


def check_columns(command: UnloadCommand, columns: Sequence[ResultColumn]) -> None:
    """Hold PARTITION BY against the columns of the result; raises TransferError."""
    known = {column.name: column for column in columns}
    for name in command.partition_by:
        if name not in known:
            raise TransferError(
                f'Partition column "{name}" does not exist in the query', "Select it.", "42703"
            )
        if known[name].oid not in _PARTITION_TYPES:
            raise TransferError(
                f'Column "{name}" has a type that cannot partition', "Cast it to VARCHAR.", "0A000"
            )
    if command.partition_by and not command.include and set(known) <= set(command.partition_by):
        raise TransferError(
            "UNLOAD needs at least one column that is no partition column",
            "Select more, or INCLUDE.",
            "42601",
        )


class _Target:
    """The place in S3 that one command writes to."""

    def __init__(self, command: UnloadCommand, s3: Any) -> None:
        self._command = command
        self._s3 = s3
        self._bucket, self._prefix = bucket_and_key(command.target)
        if command.partition_by and self._prefix and not self._prefix.endswith("/"):
            self._prefix += "/"

    def write(self, table: pa.Table, columns: Sequence[ResultColumn]) -> int:
        command = self._command
        if self._would_overwrite():
            raise TransferError(
                "Specified unload destination on S3 is not empty",
                "Consider using a different bucket / prefix, manually removing the target files in S3, or "
                "using the ALLOWOVERWRITE option.",
            )
        encryption = self._encryption()
        kept = [
            column for column in columns if command.include or column.name not in set(command.partition_by)
        ]
        parts = list(_partitions(table, command.partition_by))
        if command.clean_path:
            self._clean(
                [self._prefix + folder for folder, _ in parts] if command.partition_by else [self._prefix]
            )
        written = [
            self._put(self._prefix + folder + name, content, count, encryption)
            for folder, rows in parts
            for name, content, count in self._files(rows.select([column.name for column in kept]), kept)
        ]
        if command.manifest:
            self._put(f"{self._prefix}manifest", _manifest(written, columns, command.verbose), 0, encryption)
        return int(table.num_rows)

    def _would_overwrite(self) -> bool:
        """Whether a file stands where the command, as it is written, must not put one.

        With PARTITION BY, CLEANPATH removes files from the partitions' folders only, so the manifest of an
        earlier UNLOAD, which is beside them, stays: https://docs.aws.amazon.com/redshift/latest/dg/r_UNLOAD.html
        """
        command = self._command
        if command.allow_overwrite:
            return False
        if not command.clean_path:
            return any(self._keys(self._prefix))
        manifest = f"{self._prefix}manifest"
        return bool(command.manifest and command.partition_by) and manifest in self._keys(manifest)

    def _files(self, rows: pa.Table, columns: Sequence[ResultColumn]) -> Iterator[tuple[str, bytes, int]]:
        end = extension(self._command)
        if not self._command.parallel:
            for number, (content, count) in enumerate(files(rows, columns, self._command)):
                yield f"{number:03d}{end}", content, count
            return
        share = -(-rows.num_rows // SLICES)
        for slice_number in range(SLICES):
            part = rows.slice(slice_number * share, share)
            if part.num_rows or slice_number == 0:
                for number, (content, count) in enumerate(files(part, columns, self._command)):
                    yield f"{slice_number:04d}_part_{number:02d}{end}", content, count

    def _put(self, key: str, content: bytes, count: int, encryption: dict[str, str]) -> Written:
        self._s3.put_object(Bucket=self._bucket, Key=key, Body=content, **encryption)
        return f"s3://{self._bucket}/{key}", len(content), count

    def _encryption(self) -> dict[str, str]:
        """S3's own key, unless the command names another, or asks for the bucket's."""
        key = self._command.kms_key
        if key == "auto":
            found = self._s3.get_bucket_encryption(Bucket=self._bucket)["ServerSideEncryptionConfiguration"]
            key = found["Rules"][0]["ApplyServerSideEncryptionByDefault"].get("KMSMasterKeyID")
        if key is None:
            return {"ServerSideEncryption": "AES256"}
        return {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key}

    def _keys(self, prefix: str) -> Iterator[str]:
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix)
        return (item["Key"] for page in pages for item in page.get("Contents", []))

    def _clean(self, prefixes: Sequence[str]) -> None:
        for prefix in prefixes:
            for key in list(self._keys(prefix)):
                self._s3.delete_object(Bucket=self._bucket, Key=key)


def _partitions(table: pa.Table, names: Sequence[str]) -> Iterator[tuple[str, pa.Table]]:
    """The rows of each partition with its folder, in the order of their first rows."""
    if not names:
        yield "", table
        return
    levels = []
    for name in names:
        values = table[name].combine_chunks().dictionary_encode(null_encoding="encode")
        texts = pa.array(
            [f"{name}={_escaped(value)}/" for value in values.dictionary.to_pylist()], pa.string()
        )
        levels.append(pc.take(texts, values.indices))
    folders = pc.binary_join_element_wise(*levels, "").dictionary_encode()
    for index, folder in enumerate(folders.dictionary.to_pylist()):
        yield folder, table.filter(pc.equal(folders.indices, index))


def _escaped(value: str | None) -> str:
    """A partition's value as Hive writes it into a path."""
    if value is None or value == "":
        return NULL_PARTITION
    return "".join(f"%{ord(letter):02X}" if letter in _ESCAPED else letter for letter in value)


def _manifest(written: Sequence[Written], columns: Sequence[ResultColumn], verbose: bool) -> bytes:
    entries: list[dict[str, Any]] = [
        {"url": url, "meta": {"content_length": size, **({"record_count": count} if verbose else {})}}
        for url, size, count in written
    ]
    document: dict[str, Any] = {"entries": entries}
    if verbose:
        document["schema"] = {"elements": [column.described for column in columns]}
        document["meta"] = {
            "content_length": sum(size for _, size, _ in written),
            "record_count": sum(count for _, _, count in written),
        }
        document["author"] = {"name": "Amazon Redshift", "version": "1.0.0"}
    return json.dumps(document, indent=2).encode()
