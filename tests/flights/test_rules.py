"""The cleaning rules, one at a time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flights import rules
from flights.rules import HEADER, RULES, RawLine, preference, reject_reason
from tests.flights.raw_lines import CANCELLED, DAY, DIVERTED, VALID, raw_line


def test_a_valid_line_violates_no_rule() -> None:
    assert reject_reason(raw_line()) is None


@pytest.mark.parametrize(
    "changes", [CANCELLED, DIVERTED, {"Tail_Number": ""}, {"Dest": "SJU"}, {"DepTime": "2400"}]
)
def test_what_is_unusual_but_true_is_kept(changes: dict[str, str]) -> None:
    assert reject_reason(raw_line(**changes)) is None


@pytest.mark.parametrize(
    ("reason", "column", "value"),
    [
        *(
            ("invalid_flight_date", "FlightDate", v)
            for v in ("", "20130101", "01/01/2013", "2013-02-30", "2013-1-1")
        ),
        *(("wrong_partition_day", "FlightDate", v) for v in ("2013-01-02", "2012-01-01")),
        *(("invalid_carrier", "Reporting_Airline", v) for v in ("", "U", "ua", "UAL", "U A")),
        *(
            ("invalid_flight_number", "Flight_Number_Reporting_Airline", v)
            for v in ("", "0", "-5", "12345", "7A")
        ),
        *(("invalid_airport", c, v) for c in ("Origin", "Dest") for v in ("", "EW", "EWRX", "ewr")),
        *(("invalid_tail_number", "Tail_Number", v) for v in ("N1234567890", "N1 234", "Ñ1234")),
        *(
            ("impossible_time", c, v)
            for c in ("CRSDepTime", "ArrTime")
            for v in ("2561", "2401", "1260", "60", "-1")
        ),
        *(("impossible_time", c, "") for c in ("CRSDepTime", "CRSArrTime")),
        *(
            ("non_numeric_delay", c, v)
            for c in ("DepDelay", "ArrDelay")
            for v in ("two", "1e3", "NaN", "--2", "2.")
        ),
        *(("impossible_delay", c, v) for c in ("DepDelay", "ArrDelay") for v in ("2.5", "-1441", "10081.00")),
        *(("invalid_flag", c, v) for c in ("Cancelled", "Diverted") for v in ("", "2.00", "yes", "0.5")),
        *(("invalid_cancellation_code", "CancellationCode", v) for v in ("E", "a", "AB")),
        *(("impossible_air_time", "AirTime", v) for v in ("0", "-227.00", "1441", "long", "3.5")),
        *(("impossible_distance", "Distance", v) for v in ("", "0.00", "-1400.00", "12452", "far")),
    ],
)
def test_rejects(reason: str, column: str, value: str) -> None:
    assert reject_reason(raw_line(**{column: value})) == reason


def test_a_flight_is_not_both_cancelled_and_diverted() -> None:
    assert reject_reason(raw_line(Cancelled="1.00", Diverted="1.00")) == "invalid_flag"


def test_a_wrong_header_or_number_of_values_goes_before_all_else() -> None:
    fields = tuple(VALID.values())

    assert reject_reason(RawLine(DAY, HEADER[::-1], fields)) == "wrong_header"
    assert reject_reason(RawLine(DAY, HEADER, fields[:-1])) == "wrong_column_count"
    assert reject_reason(RawLine(DAY, HEADER, (*fields, "x"))) == "wrong_column_count"


def test_blanks_around_values_do_not_matter() -> None:
    assert reject_reason(raw_line(Origin=" EWR ", Tail_Number="  ")) is None


@given(st.times())
def test_every_time_of_the_day_is_possible(time: object) -> None:
    hhmm = f"{time:%H%M}"

    assert reject_reason(raw_line(DepTime=hhmm, CRSArrTime=hhmm.lstrip("0") or "0")) is None


@given(st.integers(2401, 99_999))
def test_no_time_after_2400_is_possible(hhmm: int) -> None:
    assert reject_reason(raw_line(ArrTime=str(hhmm))) == "impossible_time"


@given(st.integers(rules.EARLIEST_MINUTES, rules.LATEST_MINUTES), st.sampled_from(("", ".0", ".00")))
def test_every_whole_delay_within_the_limits_is_possible(minutes: int, decimals: str) -> None:
    assert reject_reason(raw_line(DepDelay=f"{minutes}{decimals}")) is None


@given(st.dates())
def test_only_the_day_of_the_object_is_right(day: date) -> None:
    expected = None if day == DAY else "wrong_partition_day"

    assert reject_reason(raw_line(FlightDate=day.isoformat())) == expected


@given(st.lists(st.one_of(st.none(), st.text()), max_size=20))
def test_no_line_breaks_a_rule(fields: list[str | None]) -> None:
    assert reject_reason(RawLine(DAY, HEADER, tuple(fields))) in {rule.reason for rule in RULES}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.reason)
def test_every_rule_says_what_it_means_and_where_it_comes_from(rule: rules.Rule) -> None:
    violated: Callable[[RawLine], bool] = rule.violated

    assert violated.__doc__
    assert rule.source


def test_of_duplicates_a_flown_and_fuller_line_is_preferred() -> None:
    cancelled, sparse = raw_line("z", **CANCELLED), raw_line("y", Tail_Number="")
    one, other = raw_line("a"), raw_line("b")

    assert sorted([other, sparse, one, cancelled], key=preference) == [cancelled, sparse, one, other]
