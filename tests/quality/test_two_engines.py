"""The rulesets' SQL says the same to Spark, which evaluates it on AWS, and to DuckDB, which does so here."""

from __future__ import annotations

import pytest
from pyspark.sql import SparkSession

from local.engines.dqdl_types import simple
from local.engines.quality_rules import Dataset, evaluate
from tests.local.quality_data import rules
from tests.quality.conftest import DAY, CuratedWeek, Gate

pytestmark = pytest.mark.spark

STATEMENTS = [rule for rule in simple(rules()) if rule.type == "CustomSql"]


@pytest.fixture(scope="module")
def views(spark: SparkSession, week: CuratedWeek) -> SparkSession:
    """The tables of the gate as Spark's temporary views."""
    flights = spark.read.option("basePath", f"{week.lake.curated}/flights").parquet(
        f"{week.lake.curated}/flights"
    )
    padded = flights.selectExpr(
        *[column for column in flights.columns if column not in {"year", "month", "day"}],
        "cast(year as string) as year",
        "lpad(cast(month as string), 2, '0') as month",
        "lpad(cast(day as string), 2, '0') as day",
    )
    padded.createOrReplaceTempView("history")
    padded.where(f"flight_date = '{DAY}'").createOrReplaceTempView("primary")
    spark.read.parquet(f"{week.lake.curated}/rejects/flights").createOrReplaceTempView("rejects")
    return spark


@pytest.mark.parametrize("number", range(len(STATEMENTS)))
def test_a_statement_gives_the_same_number_on_both(views: SparkSession, gate: Gate, number: int) -> None:
    rule = STATEMENTS[number]
    [row] = views.sql(rule.parameters[0]).collect()
    here = evaluate(rule, Dataset(gate.connection, frozenset({"history", "rejects"}), gate.files))

    assert float(row[0]) == pytest.approx(here.metrics["Dataset.*.CustomSQL"], rel=1e-12)
