"""COPY … FORMAT AS PARQUET: columns by position, never by name or from the path; types must be the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from local.engines.redshift_copy_options import CopyCommand
from local.engines.redshift_copy_rows import Column, Reject, S3Object, as_csv
from local.engines.redshift_s3 import TransferError

BATCH_ROWS = 50_000
SMALLINT = 32767

_NAMES = {
    "int2": "SMALLINT",
    "int4": "INT",
    "int8": "BIGINT",
    "float4": "FLOAT",
    "float8": "DOUBLE",
    "bool": "BOOLEAN",
    "varchar": "VARCHAR",
    "bpchar": "CHAR",
    "date": "DATE",
    "timestamp": "TIMESTAMP",
    "timestamptz": "TIMESTAMPTZ",
    "numeric": "DECIMAL",
}


def rows(
    _command: CopyCommand,
    _table: str,
    columns: Sequence[Column],
    objects: Sequence[S3Object],
    _reject: Callable[[Reject], None],
) -> Iterator[bytes]:
    """The rows of Parquet files as chunks of CSV. No row is rejected by itself: any fault ends the load."""
    for item in objects:
        try:
            file = pq.ParquetFile(pa.BufferReader(item.read()))
        except (pa.ArrowInvalid, OSError) as error:
            raise TransferError(
                "Spectrum Scan Error",
                f"File '{item.url}' has an invalid version number or is no Parquet file: {error}",
            ) from error
        _check_schema(file, columns, item)
        for batch in file.iter_batches(BATCH_ROWS):
            values = [
                _values(array, column, item) for array, column in zip(batch.columns, columns, strict=True)
            ]
            yield as_csv(pa.table(values, names=[str(index) for index in range(len(values))]))


def _check_schema(file: pq.ParquetFile, columns: Sequence[Column], item: S3Object) -> None:
    found = file.schema_arrow
    if len(found) != len(columns):
        raise TransferError(
            "Unmatched number of columns between table and file",
            f"Table columns: {len(columns)}, Data columns: {len(found)}, File name: {item.url}",
        )
    for field, column in zip(found, columns, strict=True):
        if not compatible(field.type, column):
            raise TransferError(
                "Spectrum Scan Error",
                f"File '{item.url}' has an incompatible Parquet schema for column '{column.name}'. "
                f"Column type: {_NAMES.get(column.kind, column.kind.upper())}, "
                f"Parquet schema: {'optional' if field.nullable else 'required'} {field.type} {field.name}",
            )


def compatible(found: pa.DataType, column: Column) -> bool:
    """Whether Redshift loads a Parquet type into a column: no widening, no narrowing, no conversion."""
    if pa.types.is_dictionary(found):
        found = found.value_type
    kind = column.kind
    if kind in {"int2", "int4"}:
        return found in {pa.int8(), pa.int16(), pa.int32()}
    if kind in {"varchar", "bpchar"}:
        return bool(pa.types.is_string(found) or pa.types.is_large_string(found) or pa.types.is_binary(found))
    if kind in {"timestamp", "timestamptz"}:
        return bool(pa.types.is_timestamp(found))
    if kind == "numeric" and column.precision is not None:
        precision, scale = column.precision
        return bool(pa.types.is_decimal(found) and found.scale == scale and found.precision <= precision)
    same = {
        "int8": pa.int64(),
        "float4": pa.float32(),
        "float8": pa.float64(),
        "bool": pa.bool_(),
        "date": pa.date32(),
    }
    return bool(same.get(kind) == found)


def _values(array: pa.Array, column: Column, item: S3Object) -> pa.Array:
    if column.required and array.null_count:
        raise TransferError(
            "Spectrum Scan Error",
            f"Missing data for not-null field: column {column.name} has NULL in File name: {item.url}",
        )
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if pa.types.is_binary(array.type):
        array = array.cast(pa.string())
    if column.size is not None:
        longest = pc.max(pc.binary_length(array)).as_py() or 0
        if longest > column.size:
            raise TransferError(
                "Spectrum Scan Error",
                f"The length of the data column {column.name} is longer than the length defined in the "
                f"table. Table: {column.size}, Data: {longest}, File name: {item.url}",
            )
    if column.kind == "int2" and (pc.max(pc.abs(array.cast(pa.int64()))).as_py() or 0) > SMALLINT:
        raise TransferError(
            "Spectrum Scan Error",
            f"Value of column {column.name} is out of range of SMALLINT, File name: {item.url}",
        )
    if pa.types.is_timestamp(array.type):
        zone = "UTC" if column.kind == "timestamptz" else None
        return array.cast(pa.timestamp("us", tz=array.type.tz), safe=False).cast(pa.timestamp("us", tz=zone))
    if pa.types.is_decimal(array.type):
        return array.cast(pa.string())
    return array
