"""Days that lie in S3 without being in the catalog are found and registered in the table's own format."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from mwaa_dags.refstack_dags import partitions

FORMAT = {
    "Columns": [{"Name": "carrier", "Type": "string"}],
    "Location": "s3://curated/flights/",
    "SerdeInfo": {"SerializationLibrary": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"},
}


@pytest.fixture
def glue(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        client = boto3.client("glue", region_name="us-east-1")
        client.create_database(DatabaseInput={"Name": "curated"})
        client.create_table(
            DatabaseName="curated",
            TableInput={
                "Name": "flights",
                "PartitionKeys": [{"Name": name, "Type": "string"} for name in ("year", "month", "day")],
                "StorageDescriptor": FORMAT,
            },
        )
        yield client


def test_days_are_read_off_the_keys_of_objects_and_of_nothing_else() -> None:
    keys = [
        "flights/year=2013/month=01/day=02/part-0.parquet",
        "flights/year=2013/month=01/day=02/part-1.parquet",
        "flights/year=2013/month=01/day=03/",
        "flights/_SUCCESS",
        "flights/year=2013/month=1/day=04/part-0.parquet",
    ]

    assert partitions.days_of(keys, "flights/") == {("2013", "01", "02")}


def test_missing_days_are_registered_where_their_objects_lie(glue: Any) -> None:
    days = [("2013", "01", f"{day:02}") for day in range(1, 32)]
    days += [(str(year), "02", "01") for year in range(1900, 2000)]

    assert partitions.register(glue, "curated", "flights", days) == 131

    assert partitions.registered(glue, "curated", "flights") == set(days)
    made = glue.get_partition(
        DatabaseName="curated", TableName="flights", PartitionValues=["2013", "01", "02"]
    )["Partition"]["StorageDescriptor"]
    assert made["Location"] == "s3://curated/flights/year=2013/month=01/day=02/"
    assert made["SerdeInfo"] == FORMAT["SerdeInfo"]


def test_a_day_that_somebody_else_registered_meanwhile_is_no_failure(glue: Any) -> None:
    partitions.register(glue, "curated", "flights", [("2013", "01", "02")])
    partitions.register(glue, "curated", "flights", [("2013", "01", "02"), ("2013", "01", "03")])

    assert len(partitions.registered(glue, "curated", "flights")) == 2
