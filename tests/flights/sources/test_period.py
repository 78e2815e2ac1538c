from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flights.sources.period import Period


def test_an_event_names_both_ends_included():
    period = Period.of_event({"start": "2013-01-30", "end": "2013-02-01"})

    assert period.days() == [date(2013, 1, 30), date(2013, 1, 31), date(2013, 2, 1)]


@given(st.dates(date(1990, 1, 1), date(2030, 1, 1)), st.integers(0, 800))
def test_months_split_the_days_and_lose_none(start, length):
    period = Period(start, start + timedelta(days=length))

    months = list(period.months())

    assert [day for days in months for day in days] == period.days()
    assert all(len({(day.year, day.month) for day in days}) == 1 for days in months)
    assert len({(days[0].year, days[0].month) for days in months}) == len(months)


@pytest.mark.parametrize(
    ("event", "said"),
    [
        ({"end": "2013-01-31"}, "`start` is None"),
        ({"start": "2013-01-01", "end": "31.1.2013"}, "`end` is '31.1.2013'"),
        ({"start": 20130101, "end": "2013-01-31"}, "`start` is 20130101"),
        ({"start": "2013-02-01", "end": "2013-01-31"}, "ends on 2013-01-31, before it starts on 2013-02-01"),
    ],
)
def test_an_event_without_a_period_is_refused_by_name(event, said):
    with pytest.raises(ValueError, match=said):
        Period.of_event(event)
