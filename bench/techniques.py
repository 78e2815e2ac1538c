"""What broadcasting, salting, bucketing and caching do to this very data: a year of flights from New York."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from bench.history import HISTORY, Platform
from bench.measure import Comparison, interleave
from flights.schema import CURATED_FLIGHTS, DIM_AIRCRAFT, FACT_FLIGHT, FACT_FLIGHT_LIFECYCLE
from flights.sources.period import Period
from flights.spark.curation import classify, compact, curated, rejects
from flights.spark.days import read_days
from flights.spark.delivery import read_delivery
from flights.spark.raw import RawObjects

ROUNDS = 3
SALTS = 4
BUCKETS = 4
QUARTER = Period(date(2013, 1, 1), date(2013, 3, 31))


def compare(spark: SparkSession, platform: Platform) -> list[Comparison]:
    """Each technique against the same without it; the baseline is how the jobs do it."""
    # What is to be seen is the plan that was asked for, not the one that Spark would change it to.
    spark.conf.set("spark.sql.adaptive.enabled", "false")
    try:
        return [
            Comparison(name, interleave(variants(spark, platform), ROUNDS))
            for name, variants in TECHNIQUES.items()
        ]
    finally:
        spark.conf.set("spark.sql.adaptive.enabled", "true")


def broadcast(spark: SparkSession, platform: Platform) -> dict[str, Callable[[], None]]:
    """The as-of join of a year of flights with the versions of the aircraft."""
    flights = read_days(spark, CURATED_FLIGHTS, f"{platform.zone('curated')}/flights", HISTORY)
    versions = read_delivery(spark, DIM_AIRCRAFT, platform.zone("warehouse"), "history").select(
        F.col("tail_number").alias("member"), "aircraft_key", "valid_from", "valid_to"
    )
    valid = (
        (F.col("tail_number") == F.col("member"))
        & (F.col("flight_date") >= F.col("valid_from"))
        & (F.col("flight_date") < F.col("valid_to"))
    )
    return {
        "broadcast": lambda: _execute(flights.join(F.broadcast(versions), valid, "left")),
        "sort-merge": lambda: _execute(flights.join(versions.hint("merge"), valid, "left")),
    }


def salting(spark: SparkSession, platform: Platform) -> dict[str, Callable[[], None]]:
    """A shuffled join on the origin, of which there are three."""
    flights = read_days(spark, CURATED_FLIGHTS, f"{platform.zone('curated')}/flights", HISTORY)
    origins = flights.groupBy("origin").agg(F.avg("dep_delay_minutes").alias("mean_delay")).localCheckpoint()
    salt: Column = F.pmod(F.xxhash64("flight_number", "flight_date"), F.lit(SALTS))
    salts = F.explode(F.array(*(F.lit(number).cast("bigint") for number in range(SALTS))))
    salted = origins.withColumn("salt", salts)
    return {
        "plain": lambda: _execute(flights.join(origins.hint("merge"), "origin")),
        "salted": lambda: _execute(
            flights.withColumn("salt", salt).join(salted.hint("merge"), ["origin", "salt"])
        ),
    }


def bucketing(spark: SparkSession, platform: Platform) -> dict[str, Callable[[], None]]:
    """The join of the two facts of one grain, by flight_key."""
    tables = (FACT_FLIGHT, FACT_FLIGHT_LIFECYCLE)
    plain = [read_delivery(spark, table, platform.zone("warehouse"), "history") for table in tables]
    for rows, table in zip(plain, tables, strict=True):
        writer = rows.repartition(BUCKETS, "flight_key").write.bucketBy(BUCKETS, "flight_key")
        writer.sortBy("flight_key").mode("overwrite").saveAsTable(f"{table.name}_in_buckets")
    bucketed = [spark.table(f"{table.name}_in_buckets") for table in tables]
    return {
        "shuffled": lambda: _execute(plain[0].join(plain[1].hint("merge"), "flight_key")),
        "bucketed": lambda: _execute(bucketed[0].join(bucketed[1].hint("merge"), "flight_key")),
    }


def caching(spark: SparkSession, platform: Platform) -> dict[str, Callable[[], None]]:
    """The curation of a quarter: classified once, then counted, written, and its rejects written."""
    lines = RawObjects(spark, platform.zone("raw"), "flights", QUARTER).lines()

    def curate(*, keep: bool) -> None:
        classified = compact(classify(lines, 3))
        if keep:
            classified.persist()
        classified.groupBy("reason").count().collect()
        _execute(curated(classified))
        _execute(rejects(classified))
        classified.unpersist()

    return {"cached": lambda: curate(keep=True), "not cached": lambda: curate(keep=False)}


TECHNIQUES = {"broadcast": broadcast, "salting": salting, "bucketing": bucketing, "caching": caching}


def _execute(rows: DataFrame) -> None:
    """Compute every row and column, and write them nowhere."""
    rows.write.format("noop").mode("overwrite").save()
