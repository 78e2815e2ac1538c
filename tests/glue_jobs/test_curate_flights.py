"""The Glue job as Glue starts it: its arguments, its partitions in the Data Catalog, its end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws
from pyspark.sql import SparkSession

from flights.sources.raw_objects import flights_key
from glue_jobs.curate_flights import main, register_days
from tests.flights.spark.lake import JANUARY_1, JANUARY_2, JANUARY_3, PERIOD, Lake, flight

TABLES = ("flights", "flights_rejects")


@pytest.fixture
def glue(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The Data Catalog with the two tables that the Catalog stack makes."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        client = boto3.client("glue", region_name="us-east-1")
        client.create_database(DatabaseInput={"Name": "curated"})
        for table in TABLES:
            storage = {
                "Columns": [{"Name": "c", "Type": "string"}],
                "InputFormat": "parquet",
                "Location": "s3://x/",
            }
            client.create_table(
                DatabaseName="curated",
                TableInput={
                    "Name": table,
                    "StorageDescriptor": storage,
                    "PartitionKeys": [{"Name": name, "Type": "string"} for name in ("year", "month", "day")],
                },
            )
        yield client


def arguments(lake: Lake, **changes: str) -> list[str]:
    values = {
        "JOB_NAME": "curate-flights",
        "raw_bucket": lake.raw,
        "curated_bucket": lake.curated,
        "database": "curated",
        "table": "flights",
        "rejects_table": "flights_rejects",
        "start_date": "2013-01-01",
        "end_date": "2013-01-03",
        "run_key": "r",
        **changes,
    }
    return [
        *(text for name, value in values.items() for text in (f"--{name}", value)),
        *("--enable-metrics", "true"),
    ]


def partitions(glue: Any, table: str) -> dict[tuple[str, ...], str]:
    found = glue.get_partitions(DatabaseName="curated", TableName=table)["Partitions"]
    return {tuple(one["Values"]): one["StorageDescriptor"]["Location"] for one in found}


@pytest.mark.spark
def test_curates_the_days_and_registers_their_partitions(spark: SparkSession, lake: Lake, glue: Any) -> None:
    for day in PERIOD.days():
        lake.put_flights(
            day, [flight(day), flight(day, Distance="-1")] if day == JANUARY_2 else [flight(day)]
        )

    main(arguments(lake), glue)
    main(arguments(lake), glue)

    assert partitions(glue, "flights") == {
        ("2013", "01", day): f"{lake.curated}/flights/year=2013/month=01/day={day}/"
        for day in ("01", "02", "03")
    }
    assert partitions(glue, "flights_rejects") == {
        ("2013", "01", "02"): f"{lake.curated}/rejects/flights/year=2013/month=01/day=02/"
    }
    described = glue.get_partitions(DatabaseName="curated", TableName="flights")["Partitions"][0]
    assert described["StorageDescriptor"]["Columns"] == [{"Name": "c", "Type": "string"}]


@pytest.mark.spark
def test_ends_with_a_sentence_that_names_the_missing_object(
    spark: SparkSession, lake: Lake, glue: Any
) -> None:
    lake.put_flights(JANUARY_1, [flight()])
    lake.put_flights(JANUARY_3, [flight(JANUARY_3)])

    with pytest.raises(SystemExit) as end:
        main(arguments(lake), glue)

    assert str(end.value).startswith("curate_flights failed: 1 of 3 raw objects are missing")
    assert flights_key(JANUARY_2) in str(end.value)
    assert partitions(glue, "flights") == {}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"start_date": "2013-02-01"}, "before it starts"),
        ({"end_date": "31/01/2013"}, "Give --start_date and --end_date as 2013-01-31"),
        ({"run_key": "a/b"}, "may only have letters"),
    ],
)
def test_ends_with_a_sentence_on_wrong_arguments(
    lake: Lake, glue: Any, changes: dict[str, str], words: str
) -> None:
    with pytest.raises(SystemExit, match=words):
        main(arguments(lake, **changes), glue)


def test_ends_on_a_missing_argument(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--raw_bucket", "raw"])

    assert "--run_key" in capsys.readouterr().err


def test_registers_more_days_than_one_call_takes(glue: Any) -> None:
    days = [JANUARY_1.replace(month=month, day=day) for month in range(1, 6) for day in range(1, 29)]

    register_days(glue, "curated", "flights", "s3://curated/flights", days)
    register_days(glue, "curated", "flights", "s3://moved/flights", days)

    found = partitions(glue, "flights")
    assert len(found) == 140
    assert found["2013", "05", "28"] == "s3://moved/flights/year=2013/month=05/day=28/"


def test_ends_when_the_catalog_refuses_a_partition() -> None:
    class Refusing:
        def get_table(self, **_: Any) -> dict[str, Any]:
            return {"Table": {"StorageDescriptor": {}}}

        def batch_create_partition(self, **_: Any) -> dict[str, Any]:
            detail = {"ErrorCode": "ResourceNumberLimitExceededException", "ErrorMessage": "too many"}
            return {"Errors": [{"PartitionValues": ["2013", "01", "01"], "ErrorDetail": detail}]}

    with pytest.raises(SystemExit, match="ResourceNumberLimitExceededException"):
        register_days(Refusing(), "curated", "flights", "s3://curated/flights", [JANUARY_1])
