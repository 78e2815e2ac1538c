"""What a run delivers to the warehouse: one folder a table and run, which COPY loads as a whole."""

from __future__ import annotations

from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame, SparkSession

from flights.errors import UnreadableObjectError
from flights.tables import Table

FILES = 4
"""Most files of a table in a run: COPY loads files in parallel, and wants few large ones."""


def run_folder(zone: str, table: Table, run_key: str) -> str:
    """URI of the folder that holds exactly the rows that the run loads into the table."""
    return f"{zone}/{table.name}/run={run_key}"


def deliver(rows: DataFrame, table: Table, zone: str, run_key: str) -> int:
    """Write the rows, over what an earlier try of the same run wrote; return how many are there now.

    The files have the table's columns in its order, since COPY maps them by position. Without rows there is
    one file all the same: COPY fails on a prefix without objects.
    """
    folder = run_folder(zone, table, run_key)
    rows.select(*table.names).coalesce(FILES).write.mode("overwrite").parquet(folder)
    return read_delivery(rows.sparkSession, table, zone, run_key).count()


def read_delivery(spark: SparkSession, table: Table, zone: str, run_key: str) -> DataFrame:
    """The rows that the run delivered; raises UnreadableObjectError if it delivered none."""
    folder = run_folder(zone, table, run_key)
    try:
        return spark.read.schema(table.ddl).parquet(folder)
    except AnalysisException as error:
        raise UnreadableObjectError(
            f"There is no {table.name} of run {run_key} at {folder}: run build_dimensions with this run key "
            f"first ({error.getErrorClass() or type(error).__name__})."
        ) from error
