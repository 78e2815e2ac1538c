"""The rule of type 2 on Spark: the same as `flights.history`, for all members at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyspark.sql import DataFrame, Row, SparkSession

from flights import history as rule
from flights.keys import surrogate_key
from flights.schema import DIM_AIRLINE
from flights.spark.history import History
from flights.spark.rows import no_rows

pytestmark = pytest.mark.spark

AIRLINES = History(DIM_AIRLINE, "carrier")
DAYS = [date(2013, month, 1) for month in range(1, 6)]
CARRIERS = [f"C{number}" for number in range(30)]
NAMES = st.one_of(st.none(), st.sampled_from(["old", "new"]))
LISTS = st.dictionaries(st.sampled_from(CARRIERS), NAMES, min_size=1)
SNAPSHOTS = st.dictionaries(st.sampled_from(DAYS), LISTS, min_size=2)

Lists = Mapping[date, Mapping[str, str | None]]


def frame(spark: SparkSession, lists: Lists) -> DataFrame:
    rows = [(carrier, day, name) for day, each in lists.items() for carrier, name in each.items()]
    return spark.createDataFrame(rows, "carrier STRING, since DATE, name STRING")


def expected(lists: Lists) -> dict[str, list[rule.Version]]:
    """The versions of each carrier, from the rule for one member."""
    found = {}
    for carrier in sorted({carrier for each in lists.values() for carrier in each}):
        states = {day: (each[carrier],) if carrier in each else None for day, each in lists.items()}
        found[carrier] = rule.versions(rule.merge([], [], states))
    return found


def built(rows: list[Row]) -> dict[str, list[rule.Version]]:
    found = defaultdict(list)
    for row in sorted(rows, key=lambda row: (row.carrier, row.valid_from)):
        version = rule.Version(row.valid_from, row.valid_to, (row.name,))
        assert row.is_current == version.is_current
        assert row.airline_key == surrogate_key(row.carrier, row.valid_from)
        found[row.carrier].append(version)
    return found


# Few examples, each of thirty carriers: what is costly is a Spark job, not a row.
@settings(max_examples=5)
@given(lists=SNAPSHOTS, data=st.data())
def test_parts_of_the_snapshots_in_any_order_give_what_the_rule_gives(
    spark: SparkSession, lists: Lists, data: st.DataObject
) -> None:
    order = data.draw(st.permutations(sorted(lists)))
    cut = data.draw(st.integers(1, len(order) - 1))
    corrected = data.draw(st.sampled_from(order[:cut]))
    early = {day: lists[day] for day in order[:cut]} | {corrected: {"C1": "wrong", "C99": None}}
    late = {day: lists[day] for day in [*order[cut:], corrected]}

    changes = AIRLINES.merge(no_rows(spark, AIRLINES.changes), [], frame(spark, early), list(early))
    changes = AIRLINES.merge(changes, list(early), frame(spark, late), list(late))

    assert built(AIRLINES.versions(changes).collect()) == {
        carrier: versions for carrier, versions in expected(lists).items() if versions
    }
