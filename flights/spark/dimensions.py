"""The dimensions that are not reference tables: the calendar, and the weather of each hour."""

from __future__ import annotations

from datetime import date, timedelta
from functools import reduce
from operator import add

from pyspark.sql import Column, DataFrame, SparkSession, Window
from pyspark.sql import functions as F  # noqa: N812

from flights import keys, rules, weather
from flights.schema import DIM_DATE, DIM_WEATHER, RAW_WEATHER
from flights.sources.period import Period
from flights.spark.keys import surrogate_key, timestamp_part

SHUFFLE_PARTITIONS = 4


def calendar(spark: SparkSession, period: Period) -> DataFrame:
    """dim_date for all days of the years that the period touches, without the unknown member."""
    first, last = date(period.start.year, 1, 1), date(period.end.year, 12, 31)
    days = (first + timedelta(days=n) for n in range((last - first).days + 1))
    return spark.createDataFrame([_calendar_day(day) for day in days], DIM_DATE.ddl)


def judge_weather(lines: DataFrame) -> DataFrame:
    """Raw weather lines as (RAW_WEATHER's columns, reason): see `flights.weather`.

    Of two lines of one airport and hour, the one with more measurements is kept, then the greater line.
    """
    schema = f"{RAW_WEATHER.ddl}, malformed STRING"
    options = {"mode": "PERMISSIVE", "columnNameOfCorruptRecord": "malformed"}
    parsed = lines.select("line", F.from_json("line", schema, options).alias("raw"))
    rows = parsed.select("line", "raw.malformed", *(F.col(f"raw.{name}") for name in RAW_WEATHER.names))
    reason = (
        F.when(F.col("malformed").isNotNull(), F.lit(weather.MALFORMED))
        .when(~_matches("origin", rules.AIRPORT), F.lit(weather.INVALID_ORIGIN))
        .when(~_matches("time_hour", weather.TIME_HOUR) | _hour().isNull(), F.lit(weather.INVALID_TIME_HOUR))
    )
    judged = rows.withColumn("reason", reason)
    filled = reduce(add, (F.col(name).isNotNull().cast("int") for name in weather.PLAUSIBLE))
    same_hour = Window.partitionBy(F.col("reason").isNull(), "origin", "time_hour")
    order = same_hour.orderBy(filled.desc(), F.col("line").desc())
    repeated = F.col("reason").isNull() & (F.row_number().over(order) > 1)
    ranked = judged.repartition(SHUFFLE_PARTITIONS, "origin", "time_hour").withColumn(
        "reason", F.when(repeated, F.lit(rules.DUPLICATE)).otherwise(F.col("reason"))
    )
    return ranked.select(*RAW_WEATHER.names, "reason")


def weather_dimension(judged: DataFrame) -> DataFrame:
    """The valid hours as dim_weather, without the unknown member; implausible measurements are null."""
    measurements = [_plausible(name).alias(name) for name in weather.PLAUSIBLE]
    valid = judged.where(F.col("reason").isNull())
    hours = valid.select("origin", _hour().alias("time_hour"), *measurements)
    key = surrogate_key(F.col("origin"), timestamp_part(F.col("time_hour"))).alias("weather_key")
    return hours.select(key, *DIM_WEATHER.names[1:])


def _calendar_day(day: date) -> tuple[int, date, int, int, int, str, int, int, str, int, bool]:
    _, week, weekday = day.isocalendar()
    quarter = (day.month + 2) // 3
    names = (MONTHS[day.month - 1], DAYS[weekday - 1])
    return (
        *(keys.date_key(day), day, day.year, quarter, day.month, names[0], day.day, weekday, names[1], week),
        weekday >= 6,
    )


MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
"""Not strftime's names: those depend on the machine's language."""


def _hour() -> Column:
    return F.col("time_hour").cast("timestamp")


def _matches(name: str, pattern: str) -> Column:
    return F.coalesce(F.col(name).rlike(rf"^(?:{pattern})\z"), F.lit(False))


def _plausible(name: str) -> Column:
    least, greatest = weather.PLAUSIBLE[name]
    return F.when(F.col(name).between(least, greatest), F.col(name))
