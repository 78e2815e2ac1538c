"""The cleaning rules of `flights.rules` as Spark expressions over the raw columns.

The expressions are over trimmed values in which empty is null, and each gives true or false, never null.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from operator import or_

from pyspark.sql import Column
from pyspark.sql import functions as F  # noqa: N812

from flights import rules

HEADER_LINE = ",".join(rules.HEADER)


def reject_reason() -> Column:
    """Reason of the first rule that a line violates; null if it is valid.

    Needs the raw columns, object_day, header_line (the first line of the object) and malformed (not null if
    the line did not split into the raw columns).
    """
    reason = F.lit(None).cast("string")
    for rule in reversed(rules.RULES):
        reason = F.when(VIOLATIONS[rule.reason](), F.lit(rule.reason)).otherwise(reason)
    return reason


def is_header(line: Column) -> Column:
    """Whether a line is the header of RAW_FLIGHTS, quoted or not, with or without a byte order mark."""
    return (line == HEADER_LINE) | (F.regexp_replace(line, '["\ufeff]', "") == HEADER_LINE)


def _invalid_flight_date() -> Column:
    return F.coalesce(~_matches("FlightDate", rules.DATE) | _date().isNull(), F.lit(True))


def _wrong_partition_day() -> Column:
    return ~_date().eqNullSafe(F.col("object_day"))


def _invalid_airport() -> Column:
    return _required("Origin", rules.AIRPORT) | _required("Dest", rules.AIRPORT)


def _impossible_time() -> Column:
    scheduled = [_required(name, rules.TIME) for name in ("CRSDepTime", "CRSArrTime")]
    return _any(*scheduled, *(_optional(name, rules.TIME) for name in ("DepTime", "ArrTime")))


def _non_numeric_delay() -> Column:
    return _any(*(_optional(name, rules.NUMBER) for name in ("DepDelay", "ArrDelay")))


def _impossible_delay() -> Column:
    limits = (rules.EARLIEST_MINUTES, rules.LATEST_MINUTES)
    return _any(*(_present(name) & ~_whole(name, *limits) for name in ("DepDelay", "ArrDelay")))


def _invalid_flag() -> Column:
    both = F.col("Cancelled").startswith("1") & F.col("Diverted").startswith("1")
    return (
        _required("Cancelled", rules.FLAG)
        | _required("Diverted", rules.FLAG)
        | F.coalesce(both, F.lit(False))
    )


VIOLATIONS: dict[str, Callable[[], Column]] = {
    "wrong_header": lambda: ~is_header(F.col("header_line")),
    "wrong_column_count": lambda: F.col("malformed").isNotNull(),
    "invalid_flight_date": _invalid_flight_date,
    "wrong_partition_day": _wrong_partition_day,
    "invalid_carrier": lambda: _required("Reporting_Airline", rules.CARRIER),
    "invalid_flight_number": lambda: _required("Flight_Number_Reporting_Airline", rules.FLIGHT_NUMBER),
    "invalid_airport": _invalid_airport,
    "invalid_tail_number": lambda: _optional("Tail_Number", rules.TAIL_NUMBER),
    "impossible_time": _impossible_time,
    "non_numeric_delay": _non_numeric_delay,
    "impossible_delay": _impossible_delay,
    "invalid_flag": _invalid_flag,
    "invalid_cancellation_code": lambda: _optional("CancellationCode", rules.CANCELLATION_CODE),
    "impossible_air_time": lambda: (
        _present("AirTime") & ~_whole("AirTime", 1, rules.LONGEST_AIR_TIME_MINUTES)
    ),
    "impossible_distance": lambda: ~_whole("Distance", 1, rules.LONGEST_DISTANCE_MILES),
}
"""Reason → whether the line violates the rule of that reason."""


def _date() -> Column:
    return F.col("FlightDate").cast("date")


def _present(name: str) -> Column:
    return F.col(name).isNotNull()


def _matches(name: str, pattern: str) -> Column:
    """Whether all of a value matches; false for null. `\\z`, as Java's `$` also matches before a line end."""
    return F.coalesce(F.col(name).rlike(rf"^(?:{pattern})\z"), F.lit(False))


def _required(name: str, pattern: str) -> Column:
    return ~_matches(name, pattern)


def _optional(name: str, pattern: str) -> Column:
    return _present(name) & ~_matches(name, pattern)


def _whole(name: str, least: int, greatest: int) -> Column:
    number = F.coalesce(F.col(name).cast("double").between(least, greatest), F.lit(False))
    return _matches(name, rules.WHOLE_NUMBER) & number


def _any(*conditions: Column) -> Column:
    return reduce(or_, conditions)
