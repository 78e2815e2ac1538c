"""Glue job: raw flights (gzip CSV, one object a day) to curated flights and rejects (Parquet by day).

Arguments: --raw_bucket --curated_bucket --database --table --rejects_table --start_date --end_date --run_key;
dates are inclusive. Ends with a sentence and a non-zero status when a day's object is missing or damaged.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from datetime import date
from typing import Any

import boto3

from flights.errors import JobError
from flights.sources.raw_objects import partition
from flights.spark.arguments import parse_arguments, period_of, run_key_of, zone_uri
from flights.spark.jobs import curate_flights
from flights.spark.session import job_session

ARGUMENTS = (
    *("raw_bucket", "curated_bucket", "database", "table", "rejects_table"),
    *("start_date", "end_date", "run_key"),
)
BATCH = 100
"""Most partitions that one call to the Data Catalog takes."""


def main(argv: Sequence[str] | None = None, glue: Any = None) -> None:
    """Run the job; `glue` is the Data Catalog's client, boto3's by default."""
    arguments = parse_arguments(ARGUMENTS, argv)
    try:
        period, run_key = period_of(arguments), run_key_of(arguments)
        zone = zone_uri(arguments.curated_bucket)
        spark = job_session("curate_flights")
        done = curate_flights(spark, zone_uri(arguments.raw_bucket), zone, period, run_key)
    except JobError as error:
        sys.exit(f"curate_flights failed: {error}")
    glue = glue or boto3.client("glue", region_name=os.environ.get("AWS_REGION"))
    register_days(glue, arguments.database, arguments.table, f"{zone}/flights", period.days())
    register_days(
        glue, arguments.database, arguments.rejects_table, f"{zone}/rejects/flights", done.days_with_rejects
    )
    print(done.accounting.to_json())


def register_days(glue: Any, database: str, table: str, folder: str, days: Sequence[date]) -> None:
    """Make the days' folders partitions of the catalog's table, new or registered before."""
    storage = glue.get_table(DatabaseName=database, Name=table)["Table"]["StorageDescriptor"]
    for first in range(0, len(days), BATCH):
        partitions = [
            {
                "Values": [f"{day:%Y}", f"{day:%m}", f"{day:%d}"],
                "StorageDescriptor": {**storage, "Location": f"{folder}/{partition(day)}/"},
            }
            for day in days[first : first + BATCH]
        ]
        names = {"DatabaseName": database, "TableName": table}
        answer = glue.batch_create_partition(**names, PartitionInputList=partitions)
        known = [error["PartitionValues"] for error in _errors(answer, besides="AlreadyExistsException")]
        entries = [
            {"PartitionValueList": one["Values"], "PartitionInput": one}
            for one in partitions
            if one["Values"] in known
        ]
        if entries:
            _errors(glue.batch_update_partition(**names, Entries=entries))


def _errors(answer: dict[str, Any], besides: str = "") -> list[dict[str, Any]]:
    """The errors in a batch call's answer that are `besides`; exits on any other."""
    errors: list[dict[str, Any]] = answer.get("Errors", [])
    for error in errors:
        if error["ErrorDetail"]["ErrorCode"] != besides:
            sys.exit(f"curate_flights failed: the Data Catalog refused a partition: {error}")
    return errors


if __name__ == "__main__":
    main()
