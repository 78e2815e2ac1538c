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
from flights.spark.keys import surrogate_key
from flights.tables import Table

MISSING_KEY = "missing_key"
"""Reason of a reference row without its business key."""


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
    """The CSV at `uri` as text columns, blanks trimmed, empty and NA as null.

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
    return rows.select(*(text(name) for name in rows.columns))


def judge(rows: DataFrame, reference: Reference, *list_columns: str) -> DataFrame:
    """The rows with `reason`: a row without a business key and all but one row of a key are rejects.

    Kept is the row with the most filled columns, then the greatest in the order of its values, so the choice
    does not depend on the order of the file. `list_columns` tell several lists in one frame apart.
    """
    key = reference.columns[reference.key]
    filled = reduce(add, (F.col(name).isNotNull().cast("int") for name in reference.header))
    values = F.concat_ws(",", *(F.coalesce(name, F.lit("")) for name in reference.header))
    order = Window.partitionBy(*list_columns, key).orderBy(filled.desc(), values.desc())
    reason = F.when(F.col(key).isNull(), F.lit(MISSING_KEY)).when(
        F.row_number().over(order) > 1, F.lit(DUPLICATE)
    )
    return rows.withColumn("reason", reason)


def typed(judged: DataFrame, reference: Reference, *list_columns: str) -> DataFrame:
    """The valid rows: the dimension's columns that come from the CSV, typed, after `list_columns`."""
    expressions = {name: F.col(source) for name, source in reference.columns.items()}
    if "time_zone" in expressions:
        expressions["time_zone"] = _known_zone(judged.sparkSession, expressions["time_zone"])
    types = {column.name: column.type for column in reference.table.columns}
    columns = [_typed(value, types[name]).alias(name) for name, value in expressions.items()]
    return judged.where(F.col("reason").isNull()).select(*list_columns, *columns)


def dimension(judged: DataFrame, reference: Reference) -> DataFrame:
    """The valid rows as the rows of a dimension of type 1, without the unknown member."""
    key = surrogate_key(F.col(reference.key)).alias(reference.table.key[0])
    return typed(judged, reference).select(key, *reference.table.names[1:])


def text(name: str) -> Column:
    """A CSV's column without blanks around it; null where it is empty or NA."""
    trimmed = F.trim(name)
    return F.when(~trimmed.isin("", "NA"), trimmed).alias(name)


def _typed(value: Column, kind: str) -> Column:
    return value.cast("double").cast("int") if kind == "int" else value.cast(kind)


def _known_zone(spark: SparkSession, zone: Column) -> Column:
    """The zone if Spark knows it, else null: a conversion with an unknown zone would end the job."""
    jvm: Any = spark._jvm
    return F.when(zone.isin(sorted(jvm.java.time.ZoneId.getAvailableZoneIds())), zone)
