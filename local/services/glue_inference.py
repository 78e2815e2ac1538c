"""What a crawler infers from objects in S3: format, compression, columns with types, partitions.

Rules of Glue's built-in classifiers: CSV by a header whose rows are all of one width and which differs from
them, JSON by lines that are objects, Parquet by its magic number; folders called key=value are partitions.
https://docs.aws.amazon.com/glue/latest/dg/add-classifier.html
"""

from __future__ import annotations

import csv
import fnmatch
import gzip
import io
import json
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pyarrow.parquet as parquet

SAMPLE_ROWS = 1000
DEFAULT_SAMPLE_OBJECTS = 20
HIVE_PARQUET = "org.apache.hadoop.hive.ql.io.parquet"
TEXT_INPUT = "org.apache.hadoop.mapred.TextInputFormat"
TEXT_OUTPUT = "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat"
_PARTITION = re.compile(r"([^/=]+)=([^/]*)")
_INTEGER = re.compile(r"[+-]?\d{1,18}")
_DECIMAL = re.compile(r"[+-]?(\d+\.\d*|\.\d+|\d+)([eE][+-]?\d+)?")


@dataclass(frozen=True)
class InferredTable:
    """A table that was found below one target: `form` is csv, json or parquet."""

    name: str
    location: str
    form: str
    gzipped: bool
    columns: list[tuple[str, str]]
    partition_keys: list[str]
    partitions: list[tuple[list[str], str]]
    """Values and location of each partition."""
    objects: int
    size: int

    def definition(self, prefix: str, crawler: str) -> dict[str, Any]:
        """TableInput of Glue's CreateTable."""
        return {
            "Name": f"{prefix}{self.name}",
            "TableType": "EXTERNAL_TABLE",
            "PartitionKeys": [{"Name": key, "Type": "string"} for key in self.partition_keys],
            "Parameters": {**self._parameters(), "UPDATED_BY_CRAWLER": crawler},
            "StorageDescriptor": self._storage(self.location),
        }

    def partition_inputs(self) -> list[dict[str, Any]]:
        """PartitionInput of Glue's BatchCreatePartition, for each partition."""
        return [
            {"Values": values, "StorageDescriptor": self._storage(location), "Parameters": self._parameters()}
            for values, location in self.partitions
        ]

    def _parameters(self) -> dict[str, str]:
        parameters = {
            "classification": self.form,
            "compressionType": "gzip" if self.gzipped else "none",
            "typeOfData": "file",
            "objectCount": str(self.objects),
            "sizeKey": str(self.size),
        }
        if self.form == "csv":
            parameters |= {"skip.header.line.count": "1", "delimiter": ",", "columnsOrdered": "true"}
        return parameters

    def _storage(self, location: str) -> dict[str, Any]:
        formats = {
            "csv": (TEXT_INPUT, TEXT_OUTPUT, "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe"),
            "json": (TEXT_INPUT, TEXT_OUTPUT, "org.openx.data.jsonserde.JsonSerDe"),
            "parquet": (
                f"{HIVE_PARQUET}.MapredParquetInputFormat",
                f"{HIVE_PARQUET}.MapredParquetOutputFormat",
                f"{HIVE_PARQUET}.serde.ParquetHiveSerDe",
            ),
        }
        reader, writer, library = formats[self.form]
        parameters = {
            "csv": {"field.delim": ","},
            "json": {"paths": ",".join(sorted(name for name, _ in self.columns))},
            "parquet": {"serialization.format": "1"},
        }
        return {
            "Columns": [{"Name": name, "Type": kind} for name, kind in self.columns],
            "Location": location,
            "InputFormat": reader,
            "OutputFormat": writer,
            "Compressed": self.gzipped,
            "NumberOfBuckets": -1,
            "SerdeInfo": {"SerializationLibrary": library, "Parameters": parameters[self.form]},
            "StoredAsSubDirectories": False,
        }


def infer(s3: Any, path: str, sample_size: int | None, exclusions: list[str]) -> InferredTable | None:
    """The table below `path` (s3://bucket/prefix/), read with the client `s3`; None when nothing is there.

    At most `sample_size` objects of each partition level are read, all are listed. Raises ValueError for
    objects of no known format.
    """
    parts = urlsplit(path)
    prefix = f"{parts.path.strip('/')}/" if parts.path.strip("/") else ""
    listed = [
        item
        for listing in s3.get_paginator("list_objects_v2").paginate(Bucket=parts.netloc, Prefix=prefix)
        for item in listing.get("Contents", [])
        if item["Size"]
        and not item["Key"].endswith("/")
        and not _excluded(item["Key"][len(prefix) :], exclusions)
    ]
    if not listed:
        return None
    wanted = sample_size or DEFAULT_SAMPLE_OBJECTS
    step = max(1, len(listed) // wanted)
    columns: dict[str, str] = {}
    form, gzipped = "", False
    for item in listed[::step][:wanted]:
        content = s3.get_object(Bucket=parts.netloc, Key=item["Key"])["Body"].read()
        gzipped = content[:2] == b"\x1f\x8b"
        content = gzip.decompress(content) if gzipped else content
        found_form, found = _schema(content, item["Key"])
        if form and found_form != form:
            raise ValueError(f"Objects of different formats below {path}: {form} and {found_form}.")
        form = found_form
        for name, kind in found:
            columns[name] = _wider(columns.get(name, ""), kind)
    keys, partitions = _partitions(parts.netloc, prefix, [item["Key"] for item in listed])
    name = re.sub(r"\W", "_", prefix.rstrip("/").rpartition("/")[2] or parts.netloc).lower()
    return InferredTable(
        name=name,
        location=f"s3://{parts.netloc}/{prefix}",
        form=form,
        gzipped=gzipped,
        columns=[(column, kind or "string") for column, kind in columns.items()],
        partition_keys=keys,
        partitions=partitions,
        objects=len(listed),
        size=sum(item["Size"] for item in listed),
    )


def _excluded(key: str, patterns: list[str]) -> bool:
    return key.endswith("/") or any(fnmatch.fnmatch(key, pattern) for pattern in patterns)


def _partitions(bucket: str, prefix: str, keys: list[str]) -> tuple[list[str], list[tuple[list[str], str]]]:
    """Names of the partition keys, and values and location of each partition, from the objects' folders."""
    names: list[str] = []
    found: dict[str, list[str]] = {}
    for key in keys:
        folder = key[len(prefix) :].rpartition("/")[0]
        matches = [_PARTITION.fullmatch(level) for level in folder.split("/")] if folder else []
        if matches and all(matches):
            pairs = [(match[1], match[2]) for match in matches if match]
            names = names or [name for name, _ in pairs]
            if [name for name, _ in pairs] == names:
                found[folder] = [value for _, value in pairs]
    return names, [(values, f"s3://{bucket}/{prefix}{folder}/") for folder, values in found.items()]


def _schema(content: bytes, key: str) -> tuple[str, list[tuple[str, str]]]:
    """Format and columns of one object. Raises ValueError when it is of no known format."""
    if content[:4] == b"PAR1":
        table = parquet.read_schema(io.BytesIO(content))
        return "parquet", [(name, _hive_type(str(table.field(name).type))) for name in table.names]
    text = content.decode("utf-8", errors="replace")
    if text.lstrip()[:1] == "{":
        return "json", _json_columns(text)
    rows = [row for row, _ in zip(csv.reader(io.StringIO(text)), range(SAMPLE_ROWS), strict=False) if row]
    if not rows or len(rows[0]) < 2 or any(len(row) != len(rows[0]) for row in rows):
        raise ValueError(f"{key} is neither Parquet nor JSON lines nor a CSV file with a header.")
    kinds = [""] * len(rows[0])
    for row in rows[1:]:
        kinds = [_wider(kind, _text_type(value)) for kind, value in zip(kinds, row, strict=True)]
    return "csv", [(name.strip().lower(), kind) for name, kind in zip(rows[0], kinds, strict=True)]


def _json_columns(text: str) -> list[tuple[str, str]]:
    kinds: dict[str, str] = {}
    for line, _ in zip(text.splitlines(), range(SAMPLE_ROWS), strict=False):
        if line.strip():
            for name, value in json.loads(line).items():
                kinds[name.lower()] = _wider(kinds.get(name.lower(), ""), _json_type(value))
    return list(kinds.items())


def _json_type(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "int" if abs(value) < 2**31 else "bigint"
    if isinstance(value, float):
        return "double"
    if isinstance(value, list):
        return f"array<{_json_type(value[0]) if value else 'string'}>"
    if isinstance(value, dict):
        members = (f"{name}:{_json_type(member) or 'string'}" for name, member in value.items())
        return f"struct<{','.join(members)}>"
    return "string"


def _text_type(value: str) -> str:
    """Type of one CSV field; nothing for an empty one, which fits any."""
    if not value:
        return ""
    if _INTEGER.fullmatch(value):
        return "bigint"
    if _DECIMAL.fullmatch(value):
        return "double"
    return "string"


def _wider(one: str, other: str) -> str:
    """The type that holds values of both; an unknown one (nothing) fits any."""
    if not one or not other or one == other:
        return one or other
    numbers = ["int", "bigint", "double"]
    if one in numbers and other in numbers:
        return max(one, other, key=numbers.index)
    return "string"


def _hive_type(arrow: str) -> str:
    known = {"int32": "int", "int64": "bigint", "float": "float", "double": "double", "bool": "boolean"}
    known |= {"int8": "tinyint", "int16": "smallint", "date32[day]": "date", "binary": "binary"}
    if arrow.startswith("timestamp"):
        return "timestamp"
    if arrow.startswith("decimal128"):
        return arrow.replace("decimal128", "decimal").replace(" ", "")
    return known.get(arrow, "string")
