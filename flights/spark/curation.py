"""Raw flights to curated flights and rejects."""

from __future__ import annotations

from functools import reduce
from operator import add

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F  # noqa: N812

from flights.rules import DUPLICATE, HEADER
from flights.schema import CURATED_FLIGHTS, REJECTED_FLIGHTS
from flights.spark.days import day_columns
from flights.spark.rules import reject_reason

_CSV = {"mode": "PERMISSIVE", "columnNameOfCorruptRecord": "malformed", "escape": '"'}


def classify(lines: DataFrame, partitions: int = 1) -> DataFrame:
    """Every row of the raw objects, split, with the reason why it is rejected, null if it is not.

    `lines` has object_day, source_key, position and line, as `flights.spark.raw.RawObjects` gives them. The
    first line of an object is its header and no row, unless it begins with a digit: then the header is
    missing, and the line a row. Output: the raw columns (trimmed, empty = null), object_day, source_key,
    line, reason. Everything happens within an object, so one shuffle, by month, serves all of it, and its
    `partitions`, of whole months, suit `flights.spark.days.replace_days`.
    """
    in_object = Window.partitionBy("object_month", "source_key").orderBy("position")
    by_month = lines.withColumn("object_month", F.trunc("object_day", "month"))
    numbered = by_month.repartition(partitions, "object_month").select(
        "*",
        F.row_number().over(in_object).alias("number"),
        F.first("line").over(in_object).alias("header_line"),
    )
    rows = numbered.where((F.col("number") > 1) | F.col("line").rlike("^[0-9]"))
    judged = _split(rows).withColumn("reason", reject_reason())
    dropped = ("object_month", "position", "number", "header_line", "malformed")
    return _reject_duplicates(judged).drop(*dropped)


def compact(classified: DataFrame) -> DataFrame:
    """What `curated` and `rejects` need of the classified rows, small enough to keep in memory: the typed
    columns, object_day, source_key, reason, and the line of a reject."""
    columns = [expression.alias(name) for name, expression in _typed().items()]
    line = F.when(F.col("reason").isNotNull(), F.col("line")).alias("line")
    return classified.select(*columns, "object_day", "source_key", "reason", line)


def curated(compacted: DataFrame) -> DataFrame:
    """The valid rows: CURATED_FLIGHTS with year, month, day."""
    valid = compacted.where(F.col("reason").isNull())
    return valid.select(*CURATED_FLIGHTS.names, *day_columns(F.col("object_day")))


def rejects(compacted: DataFrame) -> DataFrame:
    """The other rows: REJECTED_FLIGHTS with the year, month, day of their object."""
    invalid = compacted.where(F.col("reason").isNotNull())
    raw = _split(invalid.select("object_day", "source_key", "reason", "line"))
    return raw.select(*REJECTED_FLIGHTS.names, *day_columns(F.col("object_day")))


def _split(rows: DataFrame) -> DataFrame:
    """The rows with the raw columns of `line`, trimmed, empty = null, and `malformed`, null if it splits."""
    fields = ", ".join(f"{name} STRING" for name in (*HEADER, "malformed"))
    split = rows.withColumn("raw", F.from_csv("line", fields, _CSV))
    values = [F.nullif(F.trim(f"raw.{name}"), F.lit("")).alias(name) for name in HEADER]
    return split.select(*rows.columns, "raw.malformed", *values)


def _reject_duplicates(judged: DataFrame) -> DataFrame:
    """See `flights.rules.DUPLICATE`; a date has one object only, so duplicates meet within it."""
    filled = reduce(add, (F.col(name).isNotNull().cast("int") for name in HEADER))
    same_flight = Window.partitionBy(
        "object_month",
        "source_key",
        F.col("reason").isNull(),
        "Reporting_Airline",
        F.col("Flight_Number_Reporting_Airline").cast("int"),
        "Origin",
    ).orderBy(F.col("Cancelled").startswith("1"), filled.desc(), F.col("line").desc())
    repeated = F.col("reason").isNull() & (F.row_number().over(same_flight) > 1)
    return judged.withColumn("reason", F.when(repeated, F.lit(DUPLICATE)).otherwise(F.col("reason")))


def _typed() -> dict[str, Column]:
    def number(name: str) -> Column:
        return F.col(name).cast("double").cast("int")

    return {
        "flight_date": F.col("FlightDate").cast("date"),
        "carrier": F.col("Reporting_Airline"),
        "flight_number": number("Flight_Number_Reporting_Airline"),
        "tail_number": F.col("Tail_Number"),
        "origin": F.col("Origin"),
        "dest": F.col("Dest"),
        "sched_dep_time": number("CRSDepTime"),
        "dep_time": number("DepTime"),
        "dep_delay_minutes": number("DepDelay"),
        "sched_arr_time": number("CRSArrTime"),
        "arr_time": number("ArrTime"),
        "arr_delay_minutes": number("ArrDelay"),
        "cancelled": F.col("Cancelled").startswith("1"),
        "cancellation_code": F.col("CancellationCode"),
        "diverted": F.col("Diverted").startswith("1"),
        "air_time_minutes": number("AirTime"),
        "distance_miles": number("Distance"),
    }
