"""Frames made of constants, inside the JVM: Spark would start Python processes for Python objects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from flights.schema import UNKNOWN_KEY
from flights.tables import Table


def no_rows(spark: SparkSession, table: Table) -> DataFrame:
    """The table without a row."""
    return _constant(spark, table, {}, 0)


def unknown_member(spark: SparkSession, table: Table, values: Mapping[str, Any]) -> DataFrame:
    """The one row with key −1; columns that are not in `values` are null."""
    return _constant(spark, table, {**values, table.key[0]: UNKNOWN_KEY}, 1)


def _constant(spark: SparkSession, table: Table, values: Mapping[str, Any], count: int) -> DataFrame:
    columns = [F.lit(values.get(c.name)).cast(c.type).alias(c.name) for c in table.columns]
    return spark.range(0, count, 1, 1).select(*columns)
