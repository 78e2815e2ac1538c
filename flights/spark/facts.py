"""Curated flights to facts."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812

from flights.schema import FACT_AIRPORT_DAILY, FACT_FLIGHT, ON_TIME_LIMIT_MINUTES, UNKNOWN_KEY
from flights.spark.keys import date_key, surrogate_key

LATE_SHARE = 0.95


def fact_flight(
    flights: DataFrame, airlines: DataFrame, airports: DataFrame, aircraft: DataFrame, weather: DataFrame
) -> DataFrame:
    """One row for each curated flight, with the keys of its dimensions' members, −1 where there is none.

    The dimensions are read with their unknown members, and each is small enough to be sent to every executor:
    no shuffle. A member that a dimension had twice would double its flights; the job's accounting catches it.
    """
    origins = airports.select(
        F.col("airport").alias("origin"), F.col("airport_key").alias("origin_airport_key"), "time_zone"
    )
    destinations = airports.select(
        F.col("airport").alias("dest"), F.col("airport_key").alias("dest_airport_key")
    )
    hours = weather.select("origin", F.col("time_hour").alias("sched_dep_hour_utc"), "weather_key")
    joined = (
        flights.join(F.broadcast(origins), "origin", "left")
        .withColumn("sched_dep_hour_utc", _scheduled_hour_utc())
        .join(F.broadcast(destinations), "dest", "left")
        .join(F.broadcast(airlines.select("carrier", "airline_key")), "carrier", "left")
        .join(F.broadcast(aircraft.select("tail_number", "aircraft_key")), "tail_number", "left")
        .join(F.broadcast(hours), ["origin", "sched_dep_hour_utc"], "left")
    )
    business_key = [F.col(name) for name in ("flight_date", "carrier", "flight_number", "origin")]
    keyed = joined.withColumns(
        {
            "flight_key": surrogate_key(*business_key),
            "date_key": date_key(F.col("flight_date")),
            **{
                name: F.coalesce(F.col(name), F.lit(UNKNOWN_KEY).cast("bigint"))
                for name in (
                    "airline_key",
                    "origin_airport_key",
                    "dest_airport_key",
                    "aircraft_key",
                    "weather_key",
                )
            },
        }
    )
    return keyed.select(*FACT_FLIGHT.names)


def fact_airport_daily(flights: DataFrame) -> DataFrame:
    """The day's figures of each airport, from fact_flight's rows.

    Arrivals count on the flight's date, the day of its scheduled departure, so that a day's rows depend on
    that day's flights only.
    """
    departures = flights.groupBy("date_key", "flight_date", F.col("origin").alias("airport")).agg(
        F.max("origin_airport_key").alias("departing_key"),
        _count(F.lit(True)).alias("departures_scheduled"),
        _count(~F.col("cancelled")).alias("departures"),
        _count(F.col("cancelled")).alias("departures_cancelled"),
        *_delays("dep", F.lit(True), "departures"),
    )
    came = ~F.col("cancelled") & ~F.col("diverted")
    arrivals = flights.groupBy("date_key", "flight_date", F.col("dest").alias("airport")).agg(
        F.max("dest_airport_key").alias("arriving_key"),
        _count(F.lit(True)).alias("arrivals_scheduled"),
        _count(came).alias("arrivals"),
        _count(F.col("cancelled")).alias("arrivals_cancelled"),
        _count(F.col("diverted")).alias("arrivals_diverted"),
        *_delays("arr", came, "arrivals"),
    )
    both = departures.join(arrivals, ["date_key", "flight_date", "airport"], "full")
    counts = [
        F.coalesce(F.col(column.name), F.lit(0)).alias(column.name) if column.required else F.col(column.name)
        for column in FACT_AIRPORT_DAILY.columns[4:]
    ]
    key = F.coalesce("departing_key", "arriving_key").alias("airport_key")
    return both.select("date_key", key, "flight_date", "airport", *counts)


def _scheduled_hour_utc() -> Column:
    """Hour of scheduled departure as an instant; null if the origin's time zone is unknown.

    A local time that occurs twice when clocks go back counts as its first occurrence (Java's rule), one that
    is skipped when they go forward as an hour later.
    """
    minutes = F.floor(F.col("sched_dep_time") / 100) * 60 + F.col("sched_dep_time") % 100
    local = F.timestamp_seconds(F.unix_date("flight_date").cast("bigint") * 86_400 + minutes * 60)
    return F.date_trunc("hour", F.to_utc_timestamp(local, F.col("time_zone")))


def _delays(kind: str, counted: Column, table: str) -> list[Column]:
    delay = F.when(counted, F.col(f"{kind}_delay_minutes"))
    return [
        _count(delay >= ON_TIME_LIMIT_MINUTES).alias(f"{table}_delayed"),
        F.avg(delay).alias(f"mean_{kind}_delay_minutes"),
        F.max(delay).alias(f"max_{kind}_delay_minutes"),
        F.percentile(delay, LATE_SHARE).alias(f"p95_{kind}_delay_minutes"),
    ]


def _count(condition: Column) -> Column:
    return F.count_if(condition).cast("int")
