"""COPY from S3: Redshift's rules about roles, prefixes, columns and types, and the rows for PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import botocore.exceptions

from local.engines import redshift_copy_parquet, redshift_copy_text
from local.engines.redshift_copy_options import CopyCommand
from local.engines.redshift_copy_rows import Column, Reject, S3Object
from local.engines.redshift_lexer import quote
from local.engines.redshift_s3 import Namespace, TransferError, bucket_and_key, role_of, service_error

DESCRIBE = """
SELECT c.oid::text, a.attname, t.typname, a.atttypmod::text, (a.attidentity <> '')::text, a.attnotnull::text,
       (SELECT nspname FROM pg_namespace WHERE oid = c.relnamespace) || '.' || c.relname
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_type t ON t.oid = a.atttypid
WHERE c.oid = to_regclass({name}) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
"""


@dataclass(frozen=True)
class Target:
    """The table of a COPY and its columns in the order of the files' columns."""

    oid: int
    name: str
    columns: list[Column]

    def statement(self, command: CopyCommand) -> str:
        """PostgreSQL's COPY that takes the rows."""
        names = ", ".join('"' + column.name.replace('"', '""') + '"' for column in self.columns)
        return f"COPY {command.table} ({names}) FROM STDIN (FORMAT csv)"


def describe_statement(command: CopyCommand) -> str:
    """The query whose rows `target` reads."""
    return DESCRIBE.format(name=quote(command.table))


def target(command: CopyCommand, rows: Sequence[Sequence[str | None]]) -> Target:
    """The target of a COPY from the rows of its description; raises TransferError.

    Without a column list all columns are loaded in order, but IDENTITY columns, unless EXPLICIT_IDS is given.
    """
    if not rows:
        raise TransferError(
            f"Cannot COPY into nonexistent table {command.table}", "Create the table first.", "42P01"
        )
    columns = {
        str(name): Column.of(str(name), str(kind), int(str(modifier)), identity == "true", required == "true")
        for _, name, kind, modifier, identity, required, _ in rows
    }
    if command.columns is None:
        chosen = [column for column in columns.values() if command.explicit_ids or not column.identity]
    else:
        unknown = [name for name in command.columns if name not in columns]
        if unknown:
            raise TransferError(
                f'column "{unknown[0]}" of relation "{command.table}" does not exist',
                "Check the list.",
                "42703",
            )
        chosen = [columns[name] for name in command.columns]
        if any(column.identity for column in chosen) and not command.explicit_ids:
            raise TransferError(
                "cannot set an identity column to a value", "Leave it out or say EXPLICIT_IDS.", "0A000"
            )
    return Target(int(str(rows[0][0])), str(rows[0][6]), chosen)


def rows(
    command: CopyCommand, into: Target, namespace: Namespace, reject: Callable[[Reject], None]
) -> Iterator[bytes]:
    """The rows of a COPY as chunks of CSV for `Target.statement`; raises TransferError.

    `reject` is told each refused line of a text file; more of them than MAXERROR end the load.
    """
    role = role_of(command.role_arn, namespace)
    try:
        s3 = namespace.s3(role)
        objects = _manifest(command, s3) if command.manifest else _objects(command, s3)
    except botocore.exceptions.ClientError as error:
        raise service_error(error, role) from error
    reader = redshift_copy_parquet.rows if command.format == "parquet" else redshift_copy_text.rows
    try:
        yield from reader(command, into.name, into.columns, objects, reject)
    except botocore.exceptions.ClientError as error:
        raise service_error(error, role) from error


def _objects(command: CopyCommand, s3: Any) -> list[S3Object]:
    bucket, prefix = bucket_and_key(command.source)
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    found = [
        S3Object(s3, bucket, item["Key"], item["Size"]) for page in pages for item in page.get("Contents", [])
    ]
    if command.format == "parquet":
        found = [item for item in found if not item.key.rpartition("/")[2].startswith(("_", "."))]
    found = [item for item in found if not item.key.endswith("/")]
    if not found:
        raise TransferError(
            f"The specified S3 prefix '{prefix}' does not exist",
            f"Bucket {bucket} has no object there.",
        )
    return found


def _manifest(command: CopyCommand, s3: Any) -> list[S3Object]:
    bucket, key = bucket_and_key(command.source)
    try:
        manifest = json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
        entries = manifest["entries"]
    except s3.exceptions.NoSuchKey as error:
        raise TransferError(
            f"The specified S3 prefix '{key}' does not exist", "The manifest is missing."
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise TransferError(
            "Manifest file is not in correct json format", f"Read s3://{bucket}/{key}."
        ) from error
    found = []
    for entry in entries:
        where, name = bucket_and_key(entry["url"])
        size = entry.get("meta", {}).get("content_length")
        if command.format == "parquet" and size is None:
            raise TransferError(
                "File metadata is required for columnar formats in a manifest",
                f"Give meta.content_length of {entry['url']}.",
            )
        try:
            head = s3.head_object(Bucket=where, Key=name)
        except botocore.exceptions.ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] != 404:
                raise
            if entry.get("mandatory"):
                raise TransferError(
                    f"Mandatory url is not present: {entry['url']}",
                    "Write it or change the manifest.",
                ) from error
            continue
        found.append(S3Object(s3, where, name, head["ContentLength"]))
    if not found:
        raise TransferError("The manifest names no object that exists", f"Read s3://{bucket}/{key}.")
    return found
