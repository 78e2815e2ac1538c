"""Row accounting."""

from __future__ import annotations

import json

import pytest

from flights.accounting import Accounting, accounting_key
from flights.errors import AccountingError, listing


def test_what_was_read_is_what_was_written_and_rejected() -> None:
    Accounting(
        "curate", "r", 10, {"flights": 7, "derived": 99}, ("flights",), {"duplicate": 2, "other": 1}
    ).check()


@pytest.mark.parametrize(("read", "words"), [(11, "1 rows are missing"), (9, "1 rows are too many")])
def test_a_lost_or_invented_row_is_an_error_that_says_how_many(read: int, words: str) -> None:
    with pytest.raises(AccountingError, match=words):
        Accounting("curate", "r", read, {"flights": 10}, ("flights",)).check()


def test_is_written_as_json_under_the_run() -> None:
    accounting = Accounting("curate", "r", 1, {"flights": 1}, ("flights",))

    assert json.loads(accounting.to_json())["written"] == {"flights": 1}
    assert accounting_key("curate", "r") == "accounting/curate/r.json"


def test_long_lists_are_cut() -> None:
    assert listing(["a", "b"]) == "a, b"
    assert listing([*"abcdefg"]) == "a, b, c, d, e and 2 more"
