"""Keys in Spark and in Python are the same keys."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession
from pyspark.sql import functions as F  # noqa: N812

from flights import keys
from flights.spark.keys import date_key, surrogate_key, timestamp_part

pytestmark = pytest.mark.spark

ROW = st.tuples(
    st.none() | st.text(st.characters(codec="utf-8", exclude_categories=["Cs"])),
    st.none() | st.integers(-(2**31), 2**31 - 1),
    st.none() | st.dates(min_value=date(1900, 1, 1)),
    st.none()
    | st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2100, 1, 1), timezones=st.just(UTC)),
)


@settings(max_examples=3, suppress_health_check=list(HealthCheck))
@given(rows=st.lists(ROW, min_size=50, max_size=100))
def test_spark_and_python_give_the_same_keys(
    spark: SparkSession, rows: list[tuple[str | None, int | None, date | None, datetime | None]]
) -> None:
    frame = spark.createDataFrame(rows, "s STRING, i INT, d DATE, t TIMESTAMP")

    found = frame.select(
        surrogate_key(F.col("s"), F.col("i"), F.col("d"), timestamp_part(F.col("t"))), date_key(F.col("d"))
    )

    assert [tuple(row) for row in found.collect()] == [
        (keys.surrogate_key(*row), None if row[2] is None else keys.date_key(row[2])) for row in rows
    ]
