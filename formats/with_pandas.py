"""Conversion with pandas: for what fits into memory; the target is a file, or a folder if it is partitioned.

Values are kept in Arrow's types, which have nulls and exact integers where NumPy's have not.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, cast
from urllib.parse import quote, unquote

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from formats.conversion import NULL_PARTITION, Conversion, ConversionError, Format, Type

TYPES: dict[Type, pa.DataType] = {
    "string": pa.string(),
    "int": pa.int32(),
    "bigint": pa.int64(),
    "double": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us", tz="UTC"),
}
TIMESTAMP = "%Y-%m-%dT%H:%M:%SZ"


def convert(conversion: Conversion) -> int:
    """Carry out the conversion; the number of rows. Raises ConversionError, and then leaves no target."""
    frames = [_read(path, folders, conversion) for path, folders in _files(conversion)]
    if not frames:
        raise ConversionError(f"{conversion.source} holds no file.")
    frame = pd.concat(frames, ignore_index=True) if len(frames) > 1 else frames[0]
    missing = [name for name in conversion.partition_by if name not in frame]
    if missing:
        raise ConversionError(f"{conversion.source} has no column {', '.join(missing)} to partition by.")
    for path, part in _parts(frame, conversion):
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(part, path, conversion.target_format)
    return len(frame)


def _files(conversion: Conversion) -> Iterator[tuple[Path, dict[str, str | None]]]:
    """The source's files, each with the partition columns in its path."""
    source = conversion.source
    if source.is_file():
        yield source, {}
        return
    for path in sorted(source.rglob("*")):
        inner = path.relative_to(source)
        if path.is_file() and not any(part.startswith((".", "_")) for part in inner.parts):
            pairs = (part.partition("=") for part in inner.parts[:-1])
            yield (
                path,
                {name: None if value == NULL_PARTITION else unquote(value) for name, _, value in pairs},
            )


def _read(path: Path, folders: Mapping[str, str | None], conversion: Conversion) -> pd.DataFrame:
    try:
        table = _table(path, conversion.source_format, conversion.columns)
    except (pa.ArrowException, pd.errors.ParserError, pd.errors.EmptyDataError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise ConversionError(f"{path} cannot be read as {conversion.source_format}: {reason}") from error
    for name, value in folders.items():
        table = table.append_column(name, pa.array([value] * len(table), pa.string()))
    frame: pd.DataFrame = table.to_pandas(types_mapper=pd.ArrowDtype)
    return frame


def _table(path: Path, kind: Format, columns: Mapping[str, Type] | None) -> pa.Table:
    if kind == "parquet":
        return _arrow(pd.read_parquet(path, dtype_backend="pyarrow", partitioning=None))
    if kind == "orc":
        return _timestamps(_arrow(pd.read_orc(path, dtype_backend="pyarrow")), TYPES["timestamp"])
    text = _csv(path) if kind == "csv" else _json(path, columns)
    if columns is None:
        return text
    if text.column_names != list(columns):
        raise ValueError(f"it has the columns {', '.join(text.column_names)}, not {', '.join(columns)}")
    return pa.table({name: _typed(text[name], name, TYPES[kind]) for name, kind in columns.items()})


def _csv(path: Path) -> pa.Table:
    """All values as text, empty ones as null."""
    # The C parser fills up short records in silence; Arrow's refuses them.
    frame = pd.read_csv(
        path, engine="pyarrow", dtype=pd.ArrowDtype(pa.string()), keep_default_na=False, na_values=[""]
    )
    return _arrow(frame)


def _json(path: Path, columns: Mapping[str, Type] | None) -> pa.Table:
    """All values as the text they have in the file, empty ones as null."""
    with _open(path, "r") as file:
        records = [json.loads(line, parse_int=str, parse_float=str) for line in file if line.strip()]
    if any(not isinstance(record, dict) for record in records):
        raise ValueError("a line is no object")
    names = list(columns) if columns else sorted({name for record in records for name in record})
    if not names:
        raise ValueError("it has no record, so no columns are known: name them")
    return pa.table(
        {name: pa.array([_text(record.get(name)) for record in records], pa.string()) for name in names}
    )


def _text(value: Any) -> str | None:
    match value:
        case None | "":
            return None
        case bool():
            return str(value).lower()
        case str():
            return value
    raise ValueError(f"{value!r} is an object or a list: only flat records can be converted")


def _typed(values: pa.ChunkedArray, name: str, kind: pa.DataType) -> pa.ChunkedArray:
    try:
        return values.cast(kind)
    except pa.ArrowInvalid as error:
        raise ValueError(f"a value of {name} is no {kind}: {error}") from error


def _parts(frame: pd.DataFrame, conversion: Conversion) -> Iterator[tuple[Path, pd.DataFrame]]:
    """The target's files with their rows."""
    names = list(conversion.partition_by)
    if not names:
        yield conversion.target, frame
        return
    end = "".join(("." + conversion.target_format, ".gz" if conversion.target.suffix == ".gz" else ""))
    for values, rows in frame.groupby(names, dropna=False, sort=True):
        folders = [f"{name}={_folder(value)}" for name, value in zip(names, values, strict=True)]
        yield conversion.target.joinpath(*folders, f"part-0{end}"), rows.drop(columns=names)


def _folder(value: Any) -> str:
    return NULL_PARTITION if pd.isna(value) else quote(str(value), safe="")


def _write(frame: pd.DataFrame, path: Path, kind: Format) -> None:
    if kind == "parquet":
        frame.to_parquet(path, index=False)
    elif kind == "orc":
        # Spark reads ORC's timestamps without a zone only; both sides take them for UTC.
        naive = _timestamps(_arrow(frame), pa.timestamp("us"))
        naive.to_pandas(types_mapper=pd.ArrowDtype).to_orc(path, index=False)
    elif kind == "csv":
        text = _arrow(frame)
        named = {name: _as_text(text[name]) for name in text.column_names}
        pa.table(named).to_pandas(types_mapper=pd.ArrowDtype).to_csv(path, index=False, lineterminator="\n")
    else:
        _write_json(_arrow(frame), path)


def _write_json(table: pa.Table, path: Path) -> None:
    """JSON has numbers and booleans of its own; all else is text."""
    columns: list[Sequence[Any]] = [
        (
            values
            if pa.types.is_primitive(values.type) and not pa.types.is_temporal(values.type)
            else _as_text(values)
        ).to_pylist()
        for values in table.columns
    ]
    with _open(path, "w") as file:
        for values in zip(*columns, strict=True):
            record = dict(zip(table.column_names, values, strict=True))
            file.write(json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n")


def _open(path: Path, mode: str) -> IO[str]:
    """The text file, packed if its name ends in .gz."""
    if path.suffix == ".gz":
        return cast("IO[str]", gzip.open(path, f"{mode}t", encoding="utf-8"))
    return path.open(mode, encoding="utf-8")


def _arrow(frame: pd.DataFrame) -> pa.Table:
    return pa.Table.from_pandas(frame, preserve_index=False)


def _timestamps(table: pa.Table, kind: pa.DataType) -> pa.Table:
    """The table with its timestamps as `kind`; one without a zone is UTC."""
    named = {
        name: values.cast(kind) if pa.types.is_timestamp(values.type) else values
        for name, values in zip(table.column_names, table.columns, strict=True)
    }
    return pa.table(named)


def _as_text(values: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_timestamp(values.type):
        return pc.strftime(values.cast(TYPES["timestamp"]), format=TIMESTAMP)
    return values.cast(pa.string())
