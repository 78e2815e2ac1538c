"""Which days a run covers."""

from __future__ import annotations

import re
from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mwaa_dags.refstack_dags import date_range

DAYS = st.dates(date(1987, 10, 1), date(2040, 1, 1))


def test_a_scheduled_run_covers_the_day_that_lies_the_lag_behind() -> None:
    assert date_range.resolve(None, None, date(2014, 3, 16), 75) == (date(2013, 12, 31), date(2013, 12, 31))


@pytest.mark.parametrize(("start", "end"), [("2013-12-30", None), (None, "2013-12-30")])
def test_one_date_means_that_day(start: str | None, end: str | None) -> None:
    assert date_range.resolve(start, end, date(2020, 1, 1), 75) == (date(2013, 12, 30), date(2013, 12, 30))


def test_both_dates_are_included() -> None:
    expected = (date(2013, 1, 1), date(2013, 12, 29))
    assert date_range.resolve("2013-01-01", "2013-12-29", date(2020, 1, 1), 75) == expected


def test_an_empty_range_is_refused_with_both_dates() -> None:
    with pytest.raises(ValueError, match="starts on 2013-01-02 and ends on 2013-01-01"):
        date_range.resolve("2013-01-02", "2013-01-01", date(2020, 1, 1), 75)


def test_a_date_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="day is out of range"):
        date_range.resolve("2013-02-30", None, date(2020, 1, 1), 75)


@given(first=DAYS, length=st.integers(0, 800))
def test_months_cover_the_range_without_gap_or_overlap(first: date, length: int) -> None:
    last = first + timedelta(days=length)

    parts = list(date_range.months(first, last))

    assert parts[0][0] == first
    assert parts[-1][1] == last
    for since, until in parts:
        assert since <= until
        assert (since.year, since.month) == (until.year, until.month)
    for (_, until), (since, _) in pairwise(parts):
        assert since == until + timedelta(days=1)
        assert since.day == 1


def test_raw_keys_are_those_that_ingestion_writes() -> None:
    from flights.sources import raw_objects

    day = date(2013, 1, 2)
    assert date_range.raw_keys(day) == (raw_objects.flights_key(day), raw_objects.weather_key(day))


@given(st.text(min_size=1))
def test_a_run_key_is_safe_wherever_it_goes(run_id: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_-]*", date_range.run_key(run_id))


def test_run_keys_of_different_runs_differ() -> None:
    one, other = "manual__2013-01-01T00:00:00+00:00_abc", "manual__2013-01-01T00:00:00+00:00_abd"
    assert date_range.run_key(one) == "manual__2013-01-01T00-00-00-00-00_abc"
    assert date_range.run_key(one) != date_range.run_key(other)
