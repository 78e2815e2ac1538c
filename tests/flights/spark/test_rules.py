"""The rules in Spark and in Python are the same rules."""

from __future__ import annotations

import csv
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from flights.rules import DUPLICATE, HEADER, RULES, RawLine, preference, reject_reason
from flights.spark.curation import classify
from flights.spark.rules import VIOLATIONS
from tests.flights.raw_lines import DAY, VALID

pytestmark = pytest.mark.spark

SCHEMA = "object_day DATE, source_key STRING, position BIGINT, line STRING"

ODD_VALUES = (
    *(
        "",
        " ",
        "0",
        "1",
        "1.00",
        "1.5",
        "-1",
        "-1.0",
        "+1",
        "1e3",
        "NaN",
        "Infinity",
        "99999999999",
        "\u0663",
    ),
    *("2400", "2401", "0960", "60", "10080", "-1440", "12451", "1545\t"),
    *("2013-01-02", "2013-02-30", "0000-01-01", "2013-1-1"),
    *(" EWR", "ewr", "PA (1)", "PA(2)", "A", "B", "é", "N1234567890"),
)
SPLITTING = '",\r\n\x85\u2028\u2029\x00'
TEXT = st.text(st.characters(codec="utf-8", exclude_characters=SPLITTING, exclude_categories=["Cs"]))
ODD = st.sampled_from(ODD_VALUES) | TEXT
CHANGES = st.dictionaries(st.sampled_from(HEADER), ODD, min_size=1, max_size=3)


def split(line: str) -> RawLine:
    return RawLine(DAY, HEADER, tuple(next(csv.reader([line]))), line)


def reasons_in_spark(spark: SparkSession, lines: list[str]) -> dict[str, list[str | None]]:
    rows: list[Any] = [(DAY, "k", n, line) for n, line in enumerate([",".join(HEADER), *lines])]
    found: dict[str, list[str | None]] = {}
    for row in classify(spark.createDataFrame(rows, SCHEMA)).collect():
        found.setdefault(row.line, []).append(row.reason)
    return found


def test_every_rule_is_stated_for_spark() -> None:
    assert list(VIOLATIONS) == [rule.reason for rule in RULES]


@settings(max_examples=4, suppress_health_check=list(HealthCheck))
@given(changes=st.lists(CHANGES, min_size=60, max_size=200))
def test_spark_and_python_reject_the_same_lines_for_the_same_reasons(
    spark: SparkSession, changes: list[dict[str, str]]
) -> None:
    # `lines` are of one flight each, so none is a duplicate; `numbers` may be.
    lines = [
        ",".join((VALID | {"Flight_Number_Reporting_Airline": str(1000 + n)} | change).values())
        for n, change in enumerate(changes)
        if not set(change) & {"Flight_Number_Reporting_Airline", "Reporting_Airline", "Origin"}
    ]
    numbers = [",".join((VALID | change).values()) for change in changes]

    expected = {line: reject_reason(split(line)) for line in lines}
    assert {line: reason for line, (reason, *_) in reasons_in_spark(spark, lines).items()} == expected
    found = reasons_in_spark(spark, numbers)
    assert {line: [r if r != DUPLICATE else None for r in rs] for line, rs in found.items()} == {
        line: [reject_reason(split(line))] * len(rs) for line, rs in found.items()
    }


@settings(max_examples=3, suppress_health_check=list(HealthCheck))
@given(
    changes=st.lists(
        st.fixed_dictionaries(
            {},
            optional={
                "DepTime": st.sampled_from(["", "0518", "0519"]),
                "Tail_Number": st.sampled_from(["", "N1"]),
                "Cancelled": st.sampled_from(["0.00", "1.00"]),
            },
        ),
        min_size=2,
        max_size=8,
    )
)
def test_spark_keeps_the_duplicate_that_python_prefers(
    spark: SparkSession, changes: list[dict[str, str]]
) -> None:
    lines = [",".join((VALID | change).values()) for change in changes]

    found = reasons_in_spark(spark, lines)

    kept = [line for line, reasons in found.items() if None in reasons]
    assert kept == [max(map(split, lines), key=preference).text]
    assert sum(reasons.count(DUPLICATE) for reasons in found.values()) == len(lines) - 1
