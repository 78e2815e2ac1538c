"""Reference tables (CSV): airports as a file of the package, airlines and aircraft as snapshots of raw."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Any

from pyspark.errors import AnalysisException
from pyspark.sql import Column, DataFrame, SparkSession, Window
from pyspark.sql import functions as F  # noqa: N812

from flights import tables
from flights.errors import UnreadableObjectError
from flights.rules import DUPLICATE
from flights.schema import (
    BEGINNING,
    DIM_AIRCRAFT,
    DIM_AIRLINE,
    DIM_AIRPORT,
    END_OF_TIME,
    RAW_AIRCRAFT,
    RAW_AIRLINES,
)
from flights.sources.raw_objects import NULL
from flights.spark.keys import surrogate_key
from flights.tables import Table

MISSING_KEY = "missing_key"
"""Reason of a reference row without its business key."""
LONG_KEY = "long_key"
"""Reason of a reference row whose business key is longer than its column: no flight can name it."""


_ALWAYS = {"valid_from": BEGINNING, "valid_to": END_OF_TIME, "is_current": True}


@dataclass(frozen=True)
class Reference:
    """How a CSV becomes a dimension: its business key, and each column as an expression of the CSV's."""

    table: Table
    key: str
    header: tuple[str, ...]
    columns: Mapping[str, str]
    unknown: Mapping[str, Any]


AIRLINES = Reference(
    DIM_AIRLINE,
    "carrier",
    RAW_AIRLINES.names,
    {"carrier": "carrier", "name": "name"},
    {"name": "Unknown airline", **_ALWAYS},
)
AIRPORTS = Reference(
    DIM_AIRPORT,
    "airport",
    ("faa", "name", "lat", "lon", "alt", "tz", "dst", "tzone"),
    {
        "airport": "faa",
        "name": "name",
        "latitude_deg": "lat",
        "longitude_deg": "lon",
        "altitude_feet": "alt",
        "utc_offset_hours": "tz",
        "dst": "dst",
        "time_zone": "tzone",
    },
    {"name": "Unknown airport"},
)
AIRCRAFT = Reference(
    DIM_AIRCRAFT,
    "tail_number",
    RAW_AIRCRAFT.names,
    {
        "tail_number": "tailnum",
        "year_built": "year",
        "type": "type",
        "manufacturer": "manufacturer",
        "model": "model",
        "engines": "engines",
        "seats": "seats",
        "cruise_speed_mph": "speed",
        "engine": "engine",
    },
    {"type": "Unknown aircraft", **_ALWAYS},
)


def read_reference(spark: SparkSession, reference: Reference, uri: str) -> DataFrame:
    """The CSV at `uri` as text columns, see `texts`.

    Raises UnreadableObjectError if there is no such file or its header is not `reference.header`.
    """
    try:
        rows = spark.read.csv(uri, header=True, escape='"')
    except AnalysisException as error:
        raise UnreadableObjectError(f"Reference table {uri} can not be read: {error}") from error
    if tuple(rows.columns) != reference.header:
        raise UnreadableObjectError(
            f"Reference table {uri} has the columns {', '.join(rows.columns)}, not "
            f"{', '.join(reference.header)}. Restore the file, then run this step again."
        )
    return texts(rows, reference)


def judge(rows: DataFrame, reference: Reference, *list_columns: str) -> DataFrame:
    """The rows with `reason`: a row without a fitting business key and all but one row of a key are rejects.

    Kept is the row with the most filled columns, then the greatest in the order of its values, so the choice
    does not depend on the order of the file. `list_columns` tell several lists in one frame apart.
    """
    key = reference.columns[reference.key]
    filled = reduce(add, (F.col(name).isNotNull().cast("int") for name in reference.header))
    values = F.concat_ws(",", *(F.coalesce(name, F.lit("")) for name in reference.header))
    order = Window.partitionBy(*list_columns, key).orderBy(filled.desc(), values.desc())
    reason = (
        F.when(F.col(key).isNull(), F.lit(MISSING_KEY))
        .when(F.octet_length(key) > F.lit(_column(reference, reference.key).length), F.lit(LONG_KEY))
        .when(F.row_number().over(order) > 1, F.lit(DUPLICATE))
    )
    return rows.withColumn("reason", reason)


def typed(judged: DataFrame, reference: Reference, *list_columns: str) -> DataFrame:
    """The valid rows: the dimension's columns that come from the CSV, typed, after `list_columns`.

    A text that is too long for its column is cut: COPY would refuse the whole load for it.
    """
    expressions = {name: F.col(source) for name, source in reference.columns.items()}
    if "time_zone" in expressions:
        expressions["time_zone"] = _known_zone(judged.sparkSession, expressions["time_zone"])
    columns = [_typed(value, _column(reference, name)).alias(name) for name, value in expressions.items()]
    return judged.where(F.col("reason").isNull()).select(*list_columns, *columns)


def dimension(judged: DataFrame, reference: Reference) -> DataFrame:
    """The valid rows as the rows of a dimension of type 1, without the unknown member."""
    key = surrogate_key(F.col(reference.key)).alias(reference.table.key[0])
    return typed(judged, reference).select(key, *reference.table.names[1:])


def texts(rows: DataFrame, reference: Reference, *more: Column) -> DataFrame:
    """`more`, and the CSV's columns without blanks around them; null where they are empty or NA.

    A business key of NA is one: BTS gave it to North American Airlines.
    """
    key = reference.columns[reference.key]

    def text(name: str) -> Column:
        trimmed = F.trim(name)
        return F.when(~trimmed.isin("", *(() if name == key else (NULL,))), trimmed).alias(name)

    return rows.select(*more, *(text(name) for name in reference.header))


def _column(reference: Reference, name: str) -> tables.Column:
    return next(column for column in reference.table.columns if column.name == name)


def _typed(value: Column, column: tables.Column) -> Column:
    if column.length is not None:
        return _cut(value, column.length)
    return value.cast("double").cast("int") if column.type == "int" else value.cast(column.type)


def _cut(value: Column, length: int) -> Column:
    """As much of a text as fits into `length` bytes of UTF-8, in which a character takes up to four."""
    characters = F.substring(value, 1, length)
    return (
        F.when(F.octet_length(value) <= length, value)
        .when(F.octet_length(characters) <= length, characters)
        .otherwise(F.substring(value, 1, length // 4))
    )


def _known_zone(spark: SparkSession, zone: Column) -> Column:
    """The zone if Spark knows it, else null: a conversion with an unknown zone would end the job."""
    jvm: Any = spark._jvm
    return F.when(zone.isin(sorted(jvm.java.time.ZoneId.getAvailableZoneIds())), zone)
