"""The rule of streaming.lateness: no event that is in time is behind the watermark of its query.

A model of Spark's watermark, without Spark; test_job.py has the same case on real Kafka and Spark.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from hypothesis import example, given
from hypothesis import strategies as st

from streaming.lateness import AHEAD, ALLOWED_LATENESS, DISORDER, WATERMARK_DELAY

START = datetime(2013, 7, 10, tzinfo=UTC)


@dataclass(frozen=True)
class Record:
    """When a record was published, and when what it says happened."""

    published: datetime
    event: datetime


Partition = Sequence[Record]
Batch = Sequence[Sequence[Record]]
"""What a batch reads, by partition."""


def dropped(batches: Sequence[Batch], watermarks: int) -> list[Record]:
    """The records that Spark drops when the partitions share some watermarks, the least of which counts.

    A batch works with the watermark that the batches before it left. Spark drops what is at the watermark,
    too: WatermarkSupport.watermarkExpression is `event_time <= watermark`.
    """
    greatest: dict[int, datetime] = {}
    found: list[Record] = []
    for batch in batches:
        known = len(greatest) == watermarks
        watermark = min(greatest.values()) - WATERMARK_DELAY if known else None
        for records in batch:
            found += [each for each in records if watermark is not None and each.event <= watermark]
        for number, records in enumerate(batch):
            for record in records:
                mark = number % watermarks
                greatest[mark] = max(record.event, greatest.get(mark, record.event))
    return found


def between(least: timedelta, most: timedelta) -> st.SearchStrategy[timedelta]:
    """Times between two, whose ends come often: there a rule that is a little too narrow fails."""
    return st.one_of(st.sampled_from([least, most]), st.timedeltas(least, most))


@st.composite
def partitions(draw: st.DrawFn) -> Partition:
    """Records that a producer may publish: in order but for DISORDER, of events that are in time."""
    latest = START + draw(st.timedeltas(timedelta(0), timedelta(days=2)))
    records = []
    for _ in range(draw(st.integers(1, 12))):
        latest += draw(between(timedelta(0), timedelta(minutes=20)))
        published = latest - draw(between(timedelta(0), DISORDER))
        records.append(Record(published, published + draw(between(-ALLOWED_LATENESS, AHEAD))))
    return records


@st.composite
def backlogs(draw: st.DrawFn) -> Sequence[Batch]:
    """Partitions, read in batches of any size: one may be far ahead of another, in time and in offsets."""
    left = [list(each) for each in draw(st.lists(partitions(), min_size=1, max_size=4))]
    batches = []
    while any(left):
        taken = [draw(st.integers(0, len(records))) for records in left]
        if not any(taken):
            taken = [1 if records else 0 for records in left]
        batches.append([records[:count] for records, count in zip(left, taken, strict=True)])
        left = [records[count:] for records, count in zip(left, taken, strict=True)]
    return batches


FURTHEST_AHEAD = Record(START, START + AHEAD)
FURTHEST_BEHIND = Record(START - DISORDER, START - DISORDER - ALLOWED_LATENESS)
"""Of one partition, the second published after the first: both are in time by nothing."""


@given(backlogs())
@example([[[FURTHEST_AHEAD]], [[FURTHEST_BEHIND]]])
def test_no_event_that_is_in_time_is_dropped_whatever_is_read_when(batches: Sequence[Batch]) -> None:
    assert dropped(batches, len(batches[0])) == []


def test_a_second_more_is_too_late() -> None:
    later = Record(FURTHEST_BEHIND.published, FURTHEST_BEHIND.event - timedelta(seconds=1))

    assert dropped([[[FURTHEST_AHEAD]], [[later]]], 1) == [later]


def test_one_watermark_for_partitions_a_day_apart_would_drop_the_day_before() -> None:
    """Why each partition has a watermark of its own."""
    day, before = Record(START, START), Record(START - timedelta(days=1), START - timedelta(days=1))
    backlog = [[[day], [before]], [[day], [before]]]

    assert dropped(backlog, 1) == [before]
    assert dropped(backlog, 2) == []
