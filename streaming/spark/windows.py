"""Windows over the events of each airport: one hour long, one beginning every quarter of an hour.

The windows that begin on the hour are the tumbling ones: each accepted event is in exactly one of them. All
of them together are the sliding ones, from which the alerts come.
"""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as f

from streaming.lateness import WATERMARK_DELAY

LENGTH, SLIDE = "1 hour", "15 minutes"


def watermarked(events: DataFrame) -> DataFrame:
    """The events, with the watermark that streaming.lateness shows to drop nothing."""
    return events.withWatermark("event_time", f"{int(WATERMARK_DELAY.total_seconds())} seconds")


def airport_windows(events: DataFrame) -> DataFrame:
    """Windows of accepted events, each event once however often it came; ticks count for the time only.

    Columns: airport, window_start, window_end, tumbling, events, departures, arrivals, cancellations,
    mean_delay_minutes, max_delay_minutes (of the departures).
    """
    departed = f.col("event_type") == "departed"
    delay = f.when(departed, f.col("delay_minutes"))
    return (
        events.dropDuplicates(["event_id", "event_time"])
        .groupBy(f.window("event_time", LENGTH, SLIDE).alias("window"), "airport")
        .agg(
            f.count("*").alias("events"),
            f.count_if(departed).alias("departures"),
            f.count_if(f.col("event_type") == "arrived").alias("arrivals"),
            f.count_if(f.col("event_type") == "cancelled").alias("cancellations"),
            f.avg(delay).alias("mean_delay_minutes"),
            f.max(delay).alias("max_delay_minutes"),
        )
        .where(f.col("airport") != "")
        .select(
            "airport",
            f.col("window.start").alias("window_start"),
            f.col("window.end").alias("window_end"),
            (f.minute("window.start") == 0).alias("tumbling"),
            "events",
            "departures",
            "arrivals",
            "cancellations",
            "mean_delay_minutes",
            "max_delay_minutes",
        )
    )


def alerts(windows: DataFrame, threshold_minutes: float, least_departures: int) -> DataFrame:
    """An alert for each window in which an airport's departures ran late; its id is the window's own."""
    return windows.where(
        (f.col("mean_delay_minutes") >= threshold_minutes) & (f.col("departures") >= least_departures)
    ).select(
        f.substring(
            f.sha2(f.concat_ws("|", "airport", f.col("window_start").cast("string")), 256), 1, 32
        ).alias("alert_id"),
        "airport",
        f.date_format("window_start", "yyyy-MM-dd'T'HH:mm:ss'Z'").alias("window_start"),
        f.date_format("window_end", "yyyy-MM-dd'T'HH:mm:ss'Z'").alias("window_end"),
        "departures",
        "mean_delay_minutes",
        "max_delay_minutes",
    )
