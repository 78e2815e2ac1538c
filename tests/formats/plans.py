"""The plans that docs/formats.md shows: January's flights of nycflights13, converted by the tool, then asked.

`python -m tests.formats.plans` writes them into the page; test_plans.py compares.
"""

from __future__ import annotations

import csv
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.dataset
import pyarrow.parquet
from pyspark.sql import DataFrame, SparkSession

from formats import with_pandas, with_spark
from formats.conversion import Conversion, parse_columns
from local.replay import nycflights13

PAGE = Path(__file__).parents[2] / "docs" / "formats.md"
COLUMNS = (
    "year string, month string, day string, carrier string, origin string, dest string, delay int, miles int"
)
ROW_GROUP = 3000

_BLOCK = re.compile(r"(<!-- plan: (?P<name>[\w ]+) -->\n```text\n).*?(```\n)", re.DOTALL)


def make(folder: Path) -> None:
    """The same flights thrice: by day, in one file as they come, in one file sorted by distance."""
    month = folder / "flights.csv"
    with month.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(name.split()[0] for name in COLUMNS.split(", "))
        for line in nycflights13.flights_by_month()[1]:
            value = line.replace(nycflights13.MISSING, "").split(",")
            writer.writerow(
                [value[0], f"{value[1]:0>2}", f"{value[2]:0>2}", value[9], *value[12:14], value[5], value[15]]
            )
    columns = parse_columns(COLUMNS)
    with_pandas.convert(Conversion(month, folder / "by_day.parquet", columns, ("year", "month", "day")))
    with_pandas.convert(Conversion(month, folder / "month.parquet", columns))
    flights = pd.read_parquet(folder / "month.parquet", dtype_backend="pyarrow")
    flights.to_parquet(folder / "as_they_come.parquet", row_group_size=ROW_GROUP)
    flights.sort_values("miles").to_parquet(folder / "sorted.parquet", row_group_size=ROW_GROUP)


def blocks(spark: SparkSession, folder: Path) -> dict[str, str]:
    """What the page shows, by name."""
    own = spark.newSession()
    for key, value in with_spark.SETTINGS.items():
        own.conf.set(key, value)

    def scanned(table: str, condition: str) -> str:
        path = folder / f"{table}.parquet"
        frame = own.read.parquet(str(path)).where(condition).select("carrier", "delay")
        return f"SELECT carrier, delay FROM {table} WHERE {condition}\n\n{scan(frame, path)}"

    return {
        "pruning": scanned("by_day", "month = '01' AND day = '02' AND delay > 60"),
        "no pruning": scanned("by_day", "delay > 60"),
        "pruning by a function": scanned("by_day", "CAST(day AS INT) = 2"),
        "pushdown sorted": scanned("sorted", "miles > 2500"),
        "pushdown as they come": scanned("as_they_come", "miles > 2500"),
        "no pushdown": scanned("sorted", "miles * 1.609 > 4000"),
        "pandas": with_pyarrow(folder),
    }


def scan(frame: DataFrame, source: Path) -> str:
    """The scan of the plan, and what it read, once it has run."""
    explained = frame._jdf.queryExecution().explainString(
        frame.sparkSession._jvm.org.apache.spark.sql.execution.ExplainMode.fromString("formatted")
    )
    wanted = ("PartitionFilters", "PushedFilters", "ReadSchema")
    lines = [line for line in explained.splitlines() if line.startswith(wanted)]
    frame.collect()
    [node] = [
        each
        for each in nodes(frame._jdf.queryExecution().executedPlan())
        if each.nodeName().startswith("Scan")
    ]
    metrics = {each._1(): each._2().value() for each in items(node.metrics())}
    files = [path for path in source.rglob("*.parquet") if path.is_file()] or [source]
    rows = sum(pyarrow.parquet.ParquetFile(path).metadata.num_rows for path in files)
    read = f"Read: {metrics['numFiles']} of {len(files)} files, {metrics['numOutputRows']:,} of {rows:,} rows"
    return "\n".join(["Scan parquet", *(re.sub(r"#\d+", "", line) for line in lines), read]) + "\n"


def nodes(plan: Any) -> Iterator[Any]:
    """A plan's nodes."""
    yield plan
    for child in items(plan.children()):
        yield from nodes(child)


def items(collection: Any) -> Iterator[Any]:
    """What a collection of Scala holds."""
    iterator = collection.iterator()
    while iterator.hasNext():
        yield iterator.next()


def with_pyarrow(folder: Path) -> str:
    """The same two questions without Spark: the files and row groups that are left."""
    by_day = pyarrow.dataset.dataset(folder / "by_day.parquet", partitioning="hive")
    day = pyarrow.dataset.field("day") == 2
    far = pyarrow.dataset.field("miles") > 2500

    def groups(table: str) -> str:
        [file] = pyarrow.dataset.dataset(folder / f"{table}.parquet").get_fragments()
        return f"{len(file.subset(far).row_groups)} of {len(file.row_groups)} row groups"

    rows = len(pd.read_parquet(folder / "by_day.parquet", filters=[("day", "==", 2)]))
    return (
        "pd.read_parquet('by_day.parquet', filters=[('day', '==', 2)])\n"
        f"{len(list(by_day.get_fragments(day)))} of {len(by_day.files)} files, {rows:,} rows\n\n"
        "pd.read_parquet('sorted.parquet', filters=[('miles', '>', 2500)])\n"
        f"{groups('sorted')}\n\n"
        "pd.read_parquet('as_they_come.parquet', filters=[('miles', '>', 2500)])\n"
        f"{groups('as_they_come')}\n"
    )


def filled(page: str, made: dict[str, str]) -> str:
    """The page with these blocks."""
    fill: Callable[[re.Match[str]], str] = lambda match: match[1] + made[match["name"]] + match[3]  # noqa: E731
    return _BLOCK.sub(fill, page)


def shown(page: str) -> list[str]:
    """Names of the blocks that the page has."""
    return [match["name"] for match in _BLOCK.finditer(page)]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made_in:
        make(Path(made_in))
        PAGE.write_text(filled(PAGE.read_text(), blocks(with_spark.session(), Path(made_in))))
    sys.exit(0)
