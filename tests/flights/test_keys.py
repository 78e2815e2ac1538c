"""Surrogate keys: stable, 63 bits, never −1."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flights.keys import date_key, surrogate_key

PARTS = st.lists(st.one_of(st.none(), st.text(), st.integers(), st.dates()), min_size=1, max_size=4)


@given(PARTS)
def test_a_key_fits_a_bigint_and_is_never_the_unknown_member(parts: list[str | int | date | None]) -> None:
    assert 0 <= surrogate_key(*parts) < 2**63


def test_keys_do_not_change() -> None:
    # From sha256sum. Warehouses hold such keys: a change of the hash would orphan every fact.
    assert surrogate_key("UA") == 2086723401635771929
    assert surrogate_key(date(2013, 1, 1), "UA", 1545, "EWR") == 8965696045480480239
    assert surrogate_key("EWR", datetime(2013, 1, 1, 10, tzinfo=UTC)) == 1004674666583024311


def test_a_missing_part_differs_from_an_empty_one_and_parts_do_not_run_together() -> None:
    keys = {
        surrogate_key(*parts)
        for parts in (("a", None), ("a", ""), ("a",), ("", "a"), ("ab", "c"), ("a", "bc"))
    }

    assert len(keys) == 6


@given(st.datetimes(min_value=datetime(1900, 1, 1), timezones=st.just(UTC)), st.integers(-12, 14))
def test_a_timestamp_has_one_key_in_every_zone(moment: datetime, offset: int) -> None:
    elsewhere = moment.astimezone(timezone(timedelta(hours=offset)))

    assert surrogate_key("EWR", elsewhere) == surrogate_key("EWR", moment)


def test_refuses_a_timestamp_without_zone_and_a_key_without_parts() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        surrogate_key(datetime(2013, 1, 1))
    with pytest.raises(ValueError, match="at least one part"):
        surrogate_key()


@given(st.dates(), st.dates())
def test_date_keys_sort_as_days_do(one: date, other: date) -> None:
    assert (date_key(one) < date_key(other)) == (one < other)
