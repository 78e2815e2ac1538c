"""Curated flights to facts."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812

from flights.schema import (
    FACT_AIRPORT_DAILY,
    FACT_FLIGHT,
    FACT_FLIGHT_LIFECYCLE,
    ON_TIME_LIMIT_MINUTES,
    UNKNOWN_KEY,
)
from flights.spark.keys import date_key, surrogate_key

LATE_SHARE = 0.95


def fact_flight(
    flights: DataFrame, airlines: DataFrame, airports: DataFrame, aircraft: DataFrame, weather: DataFrame
) -> DataFrame:
    """One row for each curated flight, with the keys of its dimensions' members, −1 where there is none.

    Airline and aircraft are those of the version that is valid on the flight's date. The dimensions are read
    with their unknown members, and each is small enough to be sent to every executor: no shuffle. A member
    that a dimension had twice would double its flights; the job's accounting catches it.
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
        .withColumn(
            "sched_dep_hour_utc",
            F.date_trunc("hour", _utc(F.col("flight_date"), "sched_dep_time", "time_zone")),
        )
        .join(F.broadcast(destinations), "dest", "left")
        .join(F.broadcast(hours), ["origin", "sched_dep_hour_utc"], "left")
    )
    joined = _as_of(_as_of(joined, airlines, "carrier"), aircraft, "tail_number")
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


def fact_flight_lifecycle(flights: DataFrame, airports: DataFrame) -> DataFrame:
    """The milestones of each flight, from fact_flight's rows.

    Actual times are the scheduled ones and the reported delays: they hold over midnights and clock changes,
    where the reported hhmm is ambiguous. An arrival is scheduled for the first time after the departure at
    which clocks at the destination show it, which on a flight over the date line is the day before.
    """
    origins, destinations = (
        airports.select(
            F.col("airport_key").alias(f"{end}_airport_key"), F.col("time_zone").alias(f"{end}_zone")
        )
        for end in ("origin", "dest")
    )
    joined = flights.join(F.broadcast(origins), "origin_airport_key", "left").join(
        F.broadcast(destinations), "dest_airport_key", "left"
    )
    departure = _utc(F.col("flight_date"), "sched_dep_time", "origin_zone")
    arrivals = [
        _utc(F.date_add("flight_date", days), "sched_arr_time", "dest_zone") for days in (-1, 0, 1, 2)
    ]
    first_arrival = F.coalesce(*(F.when(each > F.col("scheduled_departure_utc"), each) for each in arrivals))
    left, came = F.col("departure_lag_minutes"), F.col("arrival_lag_minutes")
    status = (
        F.when(F.col("cancelled"), "cancelled")
        .when(F.col("diverted"), "diverted")
        .when(came.isNotNull(), "arrived")
        .when(left.isNotNull(), "departed")
        .otherwise("scheduled")
    )
    return (
        joined.withColumns(
            {"departure_lag_minutes": F.col("dep_delay_minutes"), "scheduled_departure_utc": departure}
        )
        .withColumns(
            {"arrival_lag_minutes": F.col("arr_delay_minutes"), "scheduled_arrival_utc": first_arrival}
        )
        .withColumns(
            {
                "status": status,
                "departed_at_utc": _later(F.col("scheduled_departure_utc"), left),
                "arrived_at_utc": _later(F.col("scheduled_arrival_utc"), came),
            }
        )
        .withColumn("gate_to_gate_minutes", _minutes(F.col("departed_at_utc"), F.col("arrived_at_utc")))
        .select(*FACT_FLIGHT_LIFECYCLE.names)
    )


def fact_airport_daily(flights: DataFrame) -> DataFrame:
    """The day's figures of each airport, from fact_flight's rows.

    Arrivals count on the flight's date, the day of its scheduled departure, so that a day's rows depend on
    that day's flights only. A flight that left its gate, came back and was cancelled has a delay at departure
    in BTS's files; it is no departure, and its delay counts nowhere.
    """
    took_place = ~F.col("cancelled")
    departures = flights.groupBy("date_key", "flight_date", F.col("origin").alias("airport")).agg(
        F.max("origin_airport_key").alias("departing_key"),
        _count(F.lit(True)).alias("departures_scheduled"),
        _count(took_place).alias("departures"),
        _count(F.col("cancelled")).alias("departures_cancelled"),
        *_delays("dep", took_place, "departures"),
    )
    came = took_place & ~F.col("diverted")
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


def _as_of(flights: DataFrame, versions: DataFrame, business_key: str) -> DataFrame:
    """The flights with the surrogate key of the version that is valid on their date, else null."""
    renamed = versions.withColumnRenamed(business_key, "member").select(
        "member", versions.columns[0], "valid_from", "valid_to"
    )
    valid = (
        (F.col(business_key) == F.col("member"))
        & (F.col("flight_date") >= F.col("valid_from"))
        & (F.col("flight_date") < F.col("valid_to"))
    )
    joined = flights.join(F.broadcast(renamed), valid, "left")
    return joined.drop("member", "valid_from", "valid_to")


def _utc(day: Column, hhmm: str, zone: str) -> Column:
    """The instant at which clocks in the time zone show `hhmm` on the day; null if the zone is unknown.

    A local time that occurs twice when clocks go back counts as its first occurrence (Java's rule), one that
    is skipped when they go forward as an hour later.
    """
    minutes = F.floor(F.col(hhmm) / 100) * 60 + F.col(hhmm) % 100
    local = F.timestamp_seconds(F.unix_date(day).cast("bigint") * 86_400 + minutes * 60)
    return F.to_utc_timestamp(local, F.col(zone))


def _later(instant: Column, minutes: Column) -> Column:
    return F.timestamp_seconds(F.unix_timestamp(instant) + minutes * 60)


def _minutes(since: Column, until: Column) -> Column:
    return ((F.unix_timestamp(until) - F.unix_timestamp(since)) / 60).cast("int")


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
