"""The one rule that decides what is late, and what follows from it for Spark's watermark.

An event is late if it was published, as its record says, more than ALLOWED_LATENESS after it happened. That
is a property of the record alone: the same in every run, whatever else was in its batch.

Why Spark then drops nothing: a producer publishes in order of time, so within a partition publication times
do not go back by more than DISORDER. The watermark of a partition is the greatest event time in it less
WATERMARK_DELAY, and no event happens more than AHEAD after its publication (such a one is unreadable). An
event that is not late therefore lies above the watermark of its partition:

    event ≥ published − ALLOWED_LATENESS ≥ greatest published so far − DISORDER − ALLOWED_LATENESS
          ≥ greatest event so far − AHEAD − DISORDER − ALLOWED_LATENESS > watermark

and the query's watermark is the least of its partitions'. It is below, not at: Spark drops what is at the
watermark, too (`event_time <= watermark`, org.apache.spark.sql.execution.streaming.WatermarkSupport).
"""

from __future__ import annotations

from datetime import timedelta

ALLOWED_LATENESS = timedelta(minutes=60)
AHEAD = timedelta(minutes=5)
DISORDER = timedelta(minutes=10)
WATERMARK_DELAY = ALLOWED_LATENESS + AHEAD + DISORDER + timedelta(seconds=1)
