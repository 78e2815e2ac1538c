"""Tables of the Glue Data Catalog in DuckDB: the partitions asked for, their objects fetched from S3.

Everything is read with the clients that are passed, so under the policies of whoever they belong to.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import duckdb
import sqlglot

READERS = 8
"""Objects fetched at a time."""
HIDDEN = ("_*", ".*")
"""Names that Hive and Spark take for bookkeeping, not for data."""
TYPES = {"string": "VARCHAR", "int": "INTEGER", "double": "DOUBLE", "float": "FLOAT", "binary": "BLOB"}
"""DuckDB's names of Hive's types, where they differ or are other words."""


class TableError(Exception):
    """A table that cannot be read; the text says which and why."""


@dataclass(frozen=True)
class Source:
    """What an evaluation asks for: a table, and conditions over its partition keys.

    `catalog_predicate` is the catalog's to evaluate, `push_down_predicate` (Spark SQL) the reader's.
    """

    database: str
    table: str
    catalog_predicate: str = ""
    push_down_predicate: str = ""


@dataclass(frozen=True)
class StoredObject:
    """An object below one of the table's locations, with the values of its partition."""

    bucket: str
    key: str
    etag: str
    modified: datetime
    partition: tuple[str, ...]


@dataclass
class CatalogReader:
    """Loads tables into a DuckDB connection; an object that two tables share is fetched once."""

    connection: duckdb.DuckDBPyConnection
    glue: Any
    s3: Any
    folder: Path
    _fetched: dict[tuple[str, str, str], Path] = field(default_factory=dict)

    def load(self, source: Source, name: str) -> list[StoredObject]:
        """Make the source's rows the DuckDB table `name`; the objects that they come from.

        Raises TableError for a format that is not emulated, and botocore's ClientError.
        """
        table = self.glue.get_table(DatabaseName=source.database, Name=source.table)["Table"]
        storage = table["StorageDescriptor"]
        keys = [(key["Name"], key.get("Type", "string")) for key in table.get("PartitionKeys", [])]
        columns = [(column["Name"], column["Type"]) for column in storage["Columns"]]
        objects = sorted(self._objects(source, storage, keys), key=lambda one: (one.bucket, one.key))
        declared = ", ".join(f"{_quoted(column)} {_type(kind)}" for column, kind in columns + keys)
        if not objects:
            self.connection.execute(f"CREATE TABLE {_quoted(name)} ({declared})")
            return []
        with ThreadPoolExecutor(READERS) as pool:
            paths = [str(path) for path in pool.map(self._fetch, objects)]
        values = ", ".join(f"CAST(partition[{n + 1}] AS {_type(kind)}) AS {_quoted(key)}"
                           for n, (key, kind) in enumerate(keys))  # fmt: skip
        self.connection.execute("CREATE OR REPLACE TEMP TABLE fetched (path VARCHAR, partition VARCHAR[])")
        self.connection.executemany(
            "INSERT INTO fetched VALUES (?, ?)",
            [[path, list(one.partition)] for path, one in zip(paths, objects, strict=True)],
        )
        try:
            self.connection.execute(
                f"CREATE TABLE {_quoted(name)} AS SELECT data.* EXCLUDE (filename)"
                f"{', ' + values if values else ''} FROM {_reader(storage, columns)} AS data "
                "JOIN fetched ON fetched.path = data.filename",
                [paths],
            )
        except duckdb.Error as problem:
            raise TableError(f"{source.database}.{source.table} cannot be read: {problem}") from None
        return objects

    def _objects(
        self, source: Source, storage: dict[str, Any], keys: list[tuple[str, str]]
    ) -> Iterator[StoredObject]:
        if not keys:
            yield from self._listed(storage["Location"], ())
            return
        request = {"DatabaseName": source.database, "TableName": source.table}
        if source.catalog_predicate:
            request["Expression"] = source.catalog_predicate
        partitions = [
            (tuple(partition["Values"]), partition["StorageDescriptor"]["Location"])
            for page in self.glue.get_paginator("get_partitions").paginate(**request)
            for partition in page["Partitions"]
        ]
        for values, location in self._matching(source, keys, partitions):
            yield from self._listed(location, values)

    def _matching(
        self,
        source: Source,
        keys: list[tuple[str, str]],
        partitions: list[tuple[tuple[str, ...], str]],
    ) -> list[tuple[tuple[str, ...], str]]:
        """The partitions for which the push-down predicate holds."""
        if not source.push_down_predicate:
            return partitions
        names = ", ".join(f"{_quoted(key)} {_type(kind)}" for key, kind in keys)
        self.connection.execute(f"CREATE OR REPLACE TEMP TABLE partitions (position INTEGER, {names})")
        if partitions:
            places = ", ".join("?" for _ in range(len(keys) + 1))
            self.connection.executemany(
                f"INSERT INTO partitions VALUES ({places})",
                [[position, *values] for position, (values, _) in enumerate(partitions)],
            )
        condition = duckdb_condition(source.push_down_predicate)
        query = f"SELECT position FROM partitions WHERE {condition} ORDER BY position"
        try:
            found = self.connection.execute(query).fetchall()
        except duckdb.Error as problem:
            raise TableError(f"pushDownPredicate of {source.table} cannot be evaluated: {problem}") from None
        return [partitions[position] for (position,) in found]

    def _listed(self, location: str, values: tuple[str, ...]) -> Iterator[StoredObject]:
        parts = urlsplit(location)
        prefix = f"{parts.path.strip('/')}/"
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=parts.netloc, Prefix=prefix)
        for page in pages:
            for item in page.get("Contents", []):
                name = item["Key"].rpartition("/")[2]
                if name and item["Size"] and not any(fnmatch.fnmatch(name, hidden) for hidden in HIDDEN):
                    modified = item["LastModified"]
                    yield StoredObject(parts.netloc, item["Key"], item["ETag"], modified, values)

    def _fetch(self, one: StoredObject) -> Path:
        key = (one.bucket, one.key, one.etag)
        if key not in self._fetched:
            name = one.key.rpartition("/")[2]
            path = self.folder / f"{len(one.key)}-{abs(hash(key)):x}-{name}"
            path.write_bytes(self.s3.get_object(Bucket=one.bucket, Key=one.key)["Body"].read())
            self._fetched[key] = path
        return self._fetched[key]


def duckdb_condition(condition: str) -> str:
    """A condition in Spark SQL as DuckDB takes it. Raises TableError when it is none."""
    try:
        return sqlglot.parse_one(condition, read="spark").sql(dialect="duckdb", identify=True)
    except sqlglot.errors.SqlglotError as problem:
        raise TableError(
            f"Not a condition in Spark SQL: {condition} ({str(problem).splitlines()[0]})"
        ) from None


def _reader(storage: dict[str, Any], columns: list[tuple[str, str]]) -> str:
    """DuckDB's table function for the storage's format; its one parameter is the list of files."""
    library = storage["SerdeInfo"]["SerializationLibrary"].lower()
    if "parquet" in library:
        # As Glue reads Parquet: the files' columns, not the catalog's; of files that differ, all of them.
        return "read_parquet(?, union_by_name = true, filename = true, hive_partitioning = false)"
    if "opencsvserde" in library or "lazysimpleserde" in library:
        options = storage["SerdeInfo"].get("Parameters", {})
        delimiter = options.get("separatorChar", options.get("field.delim", ","))
        kinds = ", ".join(f"'{column}': 'VARCHAR'" for column, _ in columns)
        return (
            f"read_csv(?, columns = {{{kinds}}}, delim = '{delimiter}', quote = '\"', header = true, "
            "auto_detect = false, null_padding = true, strict_mode = false, filename = true, "
            "hive_partitioning = false)"
        )
    if "jsonserde" in library:
        kinds = ", ".join(f"'{column}': '{_type(kind)}'" for column, kind in columns)
        return (
            f"read_json(?, columns = {{{kinds}}}, format = 'newline_delimited', filename = true, "
            "hive_partitioning = false)"
        )
    raise TableError(f"Tables of {storage['SerdeInfo']['SerializationLibrary']} are not emulated.")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _type(hive: str) -> str:
    return TYPES.get(hive, hive.upper())
