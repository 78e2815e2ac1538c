"""Cost of a day: one more day's load with ten years of history against the same with one.

Spark's work and the warehouse's are run as the DAG runs them, on the embedded AWS; Spark is started once,
before. Counted is what Spark does in S3, and what the run delivers, which is what COPY reads. Both platforms
have the same snapshots of aircraft and airlines: dimensions are delivered whole, so their own size counts.
"""

from __future__ import annotations

from collections.abc import Callable

from pyspark.sql import SparkSession

from bench.history import DAY, Platform
from bench.measure import Comparison, interleave
from bench.spark import statistics
from local import runtime

ROUNDS = 5
LIMIT = 1.2


def compare(spark: SparkSession, *compared: Platform) -> list[Comparison]:
    """The comparison of platforms with short and long history as a whole, then of its two parts."""
    platforms = {platform.name: platform for platform in compared}
    counts: dict[str, dict[str, int]] = {}

    def spark_part(platform: Platform) -> Callable[[], None]:
        def run() -> None:
            before = statistics(spark, platform.buckets.values())
            platform.run(spark, DAY, "day")
            after = statistics(spark, platform.buckets.values())
            counts[platform.name] = {name: after[name] - before[name] for name in after}

        return run

    in_spark = interleave({name: spark_part(each) for name, each in platforms.items()}, ROUNDS)
    in_warehouse = interleave(
        {name: lambda each=each: each.load(DAY, "day") for name, each in platforms.items()},  # type: ignore[misc]
        ROUNDS,
    )
    for name, platform in platforms.items():
        counts[name] |= _delivered(platform)
    whole = {
        name: [sum(parts) for parts in zip(in_spark[name], in_warehouse[name], strict=True)]
        for name in platforms
    }
    return [
        Comparison("cost of a day", whole, LIMIT, counts, tuple(_differences(counts))),
        Comparison("cost of a day, Spark", in_spark, LIMIT),
        Comparison("cost of a day, warehouse", in_warehouse, LIMIT),
    ]


def _delivered(platform: Platform) -> dict[str, int]:
    """Files and bytes that the run left for COPY."""
    pages = (
        runtime.client("s3").get_paginator("list_objects_v2").paginate(Bucket=platform.buckets["warehouse"])
    )
    sizes = [
        found["Size"] for page in pages for found in page.get("Contents", []) if "/run=day/" in found["Key"]
    ]
    return {"files copied": len(sizes), "bytes copied": sum(sizes)}


def _differences(counts: dict[str, dict[str, int]]) -> list[str]:
    (one, ones), (ten, tens) = counts.items()
    return [
        f"cost of a day: {name} are {ones[name]} with {one}, {tens[name]} with {ten}."
        for name in ones
        if ones[name] != tens[name]
    ]
