"""The dimensions that are not reference tables: the calendar, and the weather of each hour."""

from __future__ import annotations

from datetime import date
from functools import reduce
from operator import add

from pyspark.sql import Column, DataFrame, SparkSession, Window
from pyspark.sql import functions as F  # noqa: N812

from flights import rules, weather
from flights.schema import DIM_DATE, DIM_WEATHER, RAW_WEATHER
from flights.sources.period import Period
from flights.spark.keys import date_key, surrogate_key, timestamp_part

SHUFFLE_PARTITIONS = 4


def calendar(spark: SparkSession, period: Period) -> DataFrame:
    """dim_date for all days of the years that the period touches, without the unknown member."""
    first, last = F.lit(date(period.start.year, 1, 1)), F.lit(date(period.end.year, 12, 31))
    day = F.col("full_date")
    weekday = F.weekday(day) + 1
    columns = {
        "date_key": date_key(day),
        "full_date": day,
        "year": F.year(day),
        "quarter": F.quarter(day),
        "month": F.month(day),
        "month_name": F.date_format(day, "MMMM"),
        "day_of_month": F.dayofmonth(day),
        "day_of_week": weekday,
        "day_name": F.date_format(day, "EEEE"),
        "iso_week": F.weekofyear(day),
        "is_weekend": weekday >= 6,
    }
    days = spark.range(0, 1, 1, 1).select(F.explode(F.sequence(first, last)).alias("full_date"))
    return days.select(*(columns[name].alias(name) for name in DIM_DATE.names))


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


def _hour() -> Column:
    return F.col("time_hour").cast("timestamp")


def _matches(name: str, pattern: str) -> Column:
    return F.coalesce(F.col(name).rlike(rf"^(?:{pattern})\z"), F.lit(False))


def _plausible(name: str) -> Column:
    least, greatest = weather.PLAUSIBLE[name]
    return F.when(F.col(name).between(least, greatest), F.col(name))
