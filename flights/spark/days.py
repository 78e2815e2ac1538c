"""Tables kept by day: Hive partitions year=/month=/day=, one file a day, whole days replaced."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, timedelta

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from flights.sources.period import Period
from flights.sources.raw_objects import partition
from flights.spark.rows import no_rows
from flights.spark.storage import Storage, StoredFile
from flights.tables import Table

FilesByDay = Mapping[date, list[StoredFile]]

_DAY = re.compile(r"/year=(\d{4})/month=(\d\d)/day=(\d\d)/[^/]+$")


def day_columns(day: Column) -> list[Column]:
    """The partition columns of a day, zero-padded text."""
    formats = {"year": "yyyy", "month": "MM", "day": "dd"}
    return [F.date_format(day, form).alias(name) for name, form in formats.items()]


def files_by_day(spark: SparkSession, folder: str, period: Period) -> FilesByDay:
    """Files of each of the period's days under `folder`; a day without a file is left out.

    Lists the months of the period, each at once: the cost does not grow with history.
    """
    storage = Storage(spark)
    found: dict[date, list[StoredFile]] = {}
    for days in period.months():
        for file in storage.files(f"{folder}/{_month(days[0])}"):
            match = _DAY.search(file.uri)
            if match is not None and (day := date(*map(int, match.groups()))) in days:
                found.setdefault(day, []).append(file)
    return found


def paths_to_read(folder: str, period: Period, files: FilesByDay) -> list[str]:
    """The fewest paths under which Spark, reading recursively, finds exactly these files.

    Spark asks the store several times for each path it is given: a month of which the period has every day is
    given as its folder, another by its files.
    """
    paths = []
    for days in period.months():
        of_month = [file.uri for day in days for file in files.get(day, [])]
        whole = days[0].day == 1 and (days[-1] + timedelta(days=1)).day == 1
        paths += [f"{folder}/{_month(days[0])}"] if whole and of_month else of_month
    return paths


def replace_days(rows: DataFrame, table: Table, folder: str, period: Period) -> None:
    """Make `rows` the whole content of the period's days under `folder`; other days are not touched.

    `rows` has the table's columns and year, month, day, and each month in one of its partitions: that gives
    one file a day, and lets the committer move months that are new as whole folders, which on S3 takes 10
    requests a file instead of 31. A day without a row has no file afterwards, so one that was there before
    does not stay. The old files go after the new ones are complete: a run that fails half-way loses nothing,
    and the next run that succeeds leaves its own files only.
    """
    spark = rows.sparkSession
    before = files_by_day(spark, folder, period)
    names = [column.name for column in table.partitions]
    if not rows.isEmpty():
        rows.select(*table.names, *names).write.mode("append").partitionBy(*names).parquet(folder)
    storage = Storage(spark)
    for files in before.values():
        for file in files:
            storage.delete(file.uri)


def read_days(spark: SparkSession, table: Table, folder: str, period: Period) -> DataFrame:
    """The table's rows of the period's days under `folder`, without the partition columns."""
    paths = paths_to_read(folder, period, files_by_day(spark, folder, period))
    if not paths:
        return no_rows(spark, table)
    return spark.read.schema(table.ddl).option("recursiveFileLookup", "true").parquet(*paths)


def _month(day: date) -> str:
    return partition(day).rpartition("/")[0]
