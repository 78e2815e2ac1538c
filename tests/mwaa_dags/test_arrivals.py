"""Days that arrive close together are all taken, whichever run gets their events."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace

from mwaa_dags.refstack_dags import arrivals


def event(minute: int, day: str, files: int) -> SimpleNamespace:
    return SimpleNamespace(
        timestamp=datetime(2013, 3, 17, 6, minute, tzinfo=UTC), extra={"day": day, "files": files}
    )


def test_every_day_is_taken_once_as_its_newest_event_tells() -> None:
    events = [event(2, "2013-01-01", 2), event(1, "2013-01-02", 1), event(0, "2013-01-01", 1)]

    assert sorted(arrivals.by_day(events), key=lambda found: found["day"]) == [
        {"day": "2013-01-01", "files": 2},
        {"day": "2013-01-02", "files": 1},
    ]


def test_a_run_without_events_has_no_day() -> None:
    assert arrivals.by_day([]) == []


def test_notices_lie_under_their_day() -> None:
    assert arrivals.prefix({"day": "2013-01-02", "files": 1}) == "arrivals/date=2013-01-02/"
