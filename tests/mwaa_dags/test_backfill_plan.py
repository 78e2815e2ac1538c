"""A backfill: a run a month, within limits."""

from __future__ import annotations

from datetime import date

import pytest

from flights.sources import bts
from mwaa_dags.refstack_dags import backfill_plan

TODAY = date(2014, 6, 1)


def test_it_is_cut_at_the_ends_of_months_and_each_run_is_named_after_its_days() -> None:
    runs = backfill_plan.monthly_runs("2013-01-30", "2013-03-02", TODAY, 75)

    assert [run["trigger_run_id"] for run in runs] == [
        "days__2013-01-30_2013-01-31",
        "days__2013-02-01_2013-02-28",
        "days__2013-03-01_2013-03-02",
    ]
    assert runs[1]["conf"] == {"start": "2013-02-01", "end": "2013-02-28"}


def test_the_same_range_makes_the_same_runs() -> None:
    again = [backfill_plan.monthly_runs("2013-01-01", "2013-12-31", TODAY, 75) for _ in range(2)]

    assert again[0] == again[1]
    assert len(again[0]) == 12


@pytest.mark.parametrize(
    ("start", "end", "sentence"),
    [
        ("2013-01-02", "2013-01-01", "range is empty"),
        ("2012-01-01", "2013-01-01", "367 days are more than the 366"),
        ("2014-03-18", "2014-03-19", "2014-03-19 is not published yet.* is 2014-03-18"),
    ],
)
def test_a_range_beyond_the_limits_is_refused(start: str, end: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        backfill_plan.monthly_runs(start, end, TODAY, 75)


def test_the_source_s_file_of_a_month_is_named_as_the_ingestion_names_it() -> None:
    for day in (date(2013, 1, 31), date(2013, 12, 1)):
        expected = bts.month_url("https://x/PREZIP", day)
        assert expected == f"https://x/PREZIP/{backfill_plan.monthly_file(day.isoformat())}"
