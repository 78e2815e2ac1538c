import gzip

import boto3
import pytest

BUCKET = "raw-bucket"


@pytest.fixture
def ingest(load, source_parameters):
    boto3.client("s3").create_bucket(Bucket=BUCKET)
    return load(
        "ingest_flights",
        RAW_BUCKET=BUCKET,
        AIRPORTS="EWR,JFK,LGA",
        DOWNLOADS_PREFIX="downloads/flights/",
        FLIGHTS_SOURCE_PARAMETER="/refstack/dev/sources/flights",
        CLIENT_PARAMETER="/refstack/dev/ingestion/client",
    ).handler


def stored():
    """Key → ETag of everything in the bucket."""
    pages = boto3.client("s3").get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
    return {item["Key"]: item["ETag"] for page in pages for item in page.get("Contents", [])}


def read(key):
    return gzip.decompress(boto3.client("s3").get_object(Bucket=BUCKET, Key=key)["Body"].read()).decode()


def test_a_range_gives_an_object_a_day_and_its_counts(ingest, context):
    result = ingest({"start": "2013-01-01", "end": "2013-01-03"}, context())

    assert result == {
        "dataset": "flights",
        "start": "2013-01-01",
        "end": "2013-01-03",
        "days": 3,
        "rows": 842 + 943 + 914,
        "objects": 3,
    }
    assert sorted(stored()) == [
        f"flights/year=2013/month=01/day=0{n}/flights-2013-01-0{n}.csv.gz" for n in (1, 2, 3)
    ]
    header, first, *_ = read("flights/year=2013/month=01/day=01/flights-2013-01-01.csv.gz").splitlines()
    assert header.startswith("FlightDate,Reporting_Airline,Tail_Number,")
    assert first == (
        "2013-01-01,UA,N14228,1545,EWR,IAH,0515,0517,2.00,0819,0830,11.00,0.00,,0.00,227.00,1400.00"
    )


def test_a_range_across_months_fetches_each_month_once(ingest, context, replay):
    result = ingest({"start": "2013-01-30", "end": "2013-03-02"}, context())

    assert (result["days"], result["objects"]) == (32, 32)
    assert [path.rpartition("_")[2] for path in replay.asked] == ["1.zip", "2.zip", "3.zip"]


def test_running_again_writes_the_same_bytes_to_the_same_keys(ingest, context):
    event = {"start": "2013-02-27", "end": "2013-02-28"}
    first_result = ingest(event, context())
    first = stored()

    assert ingest(event, context()) == first_result
    assert stored() == first


def test_only_the_configured_airports_are_kept(load, source_parameters, context):
    boto3.client("s3").create_bucket(Bucket=BUCKET)
    function = load(
        "ingest_flights",
        RAW_BUCKET=BUCKET,
        AIRPORTS="LGA",
        DOWNLOADS_PREFIX="downloads/flights/",
        FLIGHTS_SOURCE_PARAMETER="/refstack/dev/sources/flights",
        CLIENT_PARAMETER="/refstack/dev/ingestion/client",
    )

    result = function.handler({"start": "2013-01-01", "end": "2013-01-01"}, context())

    _, *lines = read("flights/year=2013/month=01/day=01/flights-2013-01-01.csv.gz").splitlines()
    assert result["rows"] == len(lines)
    assert {line.split(",")[4] for line in lines} == {"LGA"}


def test_a_month_that_is_not_published_fails_and_leaves_only_whole_months(ingest, context):
    with pytest.raises(Exception, match="BTS has not published 2014-01"):
        ingest({"start": "2013-12-31", "end": "2014-01-01"}, context())

    assert list(stored()) == ["flights/year=2013/month=12/day=31/flights-2013-12-31.csv.gz"]


def test_an_event_without_dates_is_refused(ingest, context):
    with pytest.raises(ValueError, match="`start` is None, not a date such as 2013-01-31"):
        ingest({}, context())


def test_missing_settings_stop_the_cold_start(load, monkeypatch):
    monkeypatch.delenv("RAW_BUCKET", raising=False)
    with pytest.raises(Exception, match="the environment lacks RAW_BUCKET"):
        load("ingest_flights", AIRPORTS="EWR", FLIGHTS_SOURCE_PARAMETER="/p", CLIENT_PARAMETER="/c")


def test_the_agent_of_the_requests_is_a_parameter(ingest, context, replay):
    boto3.client("ssm").put_parameter(
        Name="/refstack/dev/ingestion/client", Value='{"user_agent": "Mozilla/5.0 (mine)"}', Overwrite=True
    )

    ingest({"start": "2013-01-01", "end": "2013-01-01"}, context())

    assert set(replay.agents) == {"Mozilla/5.0 (mine)"}
