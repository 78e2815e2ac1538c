import boto3
import pytest

KEY = "flights/year=2013/month=01/day=02/flights-2013-01-02.csv.gz"


@pytest.fixture
def register(load):
    boto3.client("dynamodb").create_table(
        TableName="objects",
        KeySchema=[
            {"AttributeName": "key", "KeyType": "HASH"},
            {"AttributeName": "version", "KeyType": "RANGE"},
        ],
        AttributeDefinitions=[
            {"AttributeName": "key", "AttributeType": "S"},
            {"AttributeName": "version", "AttributeType": "S"},
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    glue = boto3.client("glue")
    glue.create_database(DatabaseInput={"Name": "raw_db"})
    by_day = ("year", "month", "day")
    for table, keys in (("flights", by_day), ("weather", by_day), ("aircraft", ("snapshot",))):
        glue.create_table(
            DatabaseName="raw_db",
            TableInput={
                "Name": table,
                "PartitionKeys": [{"Name": name, "Type": "string"} for name in keys],
                "StorageDescriptor": {
                    "Columns": [{"Name": "flightdate", "Type": "string"}],
                    "Location": f"s3://raw/{table}/",
                    "SerdeInfo": {"SerializationLibrary": "org.apache.hadoop.hive.serde2.OpenCSVSerde"},
                },
            },
        )
    return load("register_object", TABLE="objects", CATALOG_DATABASE="raw_db").handler


def created(key=KEY, version="v1", size=123):
    """An "Object Created" event of EventBridge."""
    return {
        "version": "0",
        "detail-type": "Object Created",
        "source": "aws.s3",
        "time": "2026-11-22T00:00:00Z",
        "detail": {
            "version": "0",
            "bucket": {"name": "raw"},
            "object": {"key": key, "size": size, "etag": "abc", "version-id": version, "sequencer": "0A1B"},
            "reason": "PutObject",
        },
    }


def items():
    return boto3.client("dynamodb").scan(TableName="objects")["Items"]


def partitions(table="flights"):
    return boto3.client("glue").get_partitions(DatabaseName="raw_db", TableName=table)["Partitions"]


def test_metadata_is_recorded_by_key_and_version(register, context):
    result = register(created(), context())

    assert result == {"key": KEY, "version": "v1", "recorded": True, "partition": "created"}
    assert items() == [
        {
            "key": {"S": KEY},
            "version": {"S": "v1"},
            "bucket": {"S": "raw"},
            "size": {"N": "123"},
            "etag": {"S": "abc"},
            "sequencer": {"S": "0A1B"},
            "created_at": {"S": "2026-11-22T00:00:00Z"},
            "dataset": {"S": "flights"},
            "day": {"S": "2013-01-02"},
        }
    ]


def test_the_day_becomes_a_partition_with_the_tables_format(register, context):
    register(created(), context())

    (partition,) = partitions()
    assert partition["Values"] == ["2013", "01", "02"]
    storage = partition["StorageDescriptor"]
    assert storage["Location"] == "s3://raw/flights/year=2013/month=01/day=02/"
    assert storage["SerdeInfo"] == {"SerializationLibrary": "org.apache.hadoop.hive.serde2.OpenCSVSerde"}
    assert partitions("weather") == []


def test_the_day_of_a_list_becomes_a_partition(register, context):
    result = register(created(key="aircraft/snapshot=2013-04-01/aircraft-2013-04-01.csv.gz"), context())

    assert result["partition"] == "created"
    (partition,) = partitions("aircraft")
    assert partition["Values"] == ["2013-04-01"]
    assert partition["StorageDescriptor"]["Location"] == "s3://raw/aircraft/snapshot=2013-04-01/"


def test_the_same_event_twice_changes_nothing(register, context):
    register(created(), context())
    before = items(), partitions()

    result = register(created(size=999), context())

    assert (result["recorded"], result["partition"]) == (False, "exists")
    assert (items(), partitions()) == before


def test_a_new_version_is_recorded_beside_the_old_one(register, context):
    register(created(), context())
    result = register(created(version="v2"), context())

    assert (result["recorded"], result["partition"]) == (True, "exists")
    assert sorted(item["version"]["S"] for item in items()) == ["v1", "v2"]
    assert len(partitions()) == 1


def test_an_object_of_another_kind_is_recorded_without_a_partition(register, context):
    result = register(created(key="notes/read me.txt"), context())

    assert (result["recorded"], result["partition"]) == (True, "none")
    assert "dataset" not in items()[0]


def test_a_bucket_without_versions_records_the_null_version(register, context):
    event = created()
    del event["detail"]["object"]["version-id"]

    assert register(event, context())["version"] == "null"


def test_a_missing_table_fails_so_that_the_event_is_delivered_again(register, context):
    boto3.client("glue").delete_table(DatabaseName="raw_db", Name="flights")

    with pytest.raises(boto3.client("glue").exceptions.EntityNotFoundException):
        register(created(), context())


def test_metadata_is_logged(register, context, caplog):
    register(created(), context())

    (logged,) = [line for line in caplog.records if line.message == "object registered"]
    assert logged.object == created()["detail"]["object"]
    assert (logged.bucket, logged.partition) == ("raw", "created")
