"""Catalog: tables as the jobs describe them, a job with what it needs, queries that cannot run away."""

from __future__ import annotations

from typing import Any

import pytest

from flights import schema
from flights.tables import Table
from streaming.tables import STREAM_EVENTS, STREAM_WINDOWS
from tests.stacks.assembly import synthesise
from tests.stacks.permissions import flat, permissions


def table_inputs() -> dict[tuple[str, str], dict[str, Any]]:
    """Inputs of the declared tables by database (raw, curated) and name."""
    tables = synthesise().resources("AWS::Glue::Table", stack="Catalog").values()
    return {
        (
            "raw" if "Raw" in flat(table["Properties"]["DatabaseName"]) else "curated",
            table["Properties"]["TableInput"]["Name"],
        ): table["Properties"]["TableInput"]
        for table in tables
    }


@pytest.mark.parametrize(
    ("database", "table", "serde", "location"),
    [
        ("raw", schema.RAW_FLIGHTS, "OpenCSVSerde", "/flights/"),
        ("raw", schema.RAW_WEATHER, "JsonSerDe", "/weather/"),
        ("raw", schema.RAW_AIRCRAFT, "OpenCSVSerde", "/aircraft/"),
        ("raw", schema.RAW_AIRLINES, "OpenCSVSerde", "/airlines/"),
        ("curated", schema.CURATED_FLIGHTS, "ParquetHiveSerDe", "/flights/"),
        ("curated", schema.REJECTED_FLIGHTS, "ParquetHiveSerDe", "/rejects/flights/"),
        ("curated", STREAM_EVENTS, "ParquetHiveSerDe", "/stream/events/"),
        ("curated", STREAM_WINDOWS, "ParquetHiveSerDe", "/stream/windows/"),
    ],
)
def test_a_table_has_the_columns_that_its_writer_writes(
    database: str, table: Table, serde: str, location: str
) -> None:
    declared = table_inputs()[database, table.name]
    storage = declared["StorageDescriptor"]

    assert [(each["Name"], each["Type"]) for each in storage["Columns"]] == [
        (column.name.lower(), column.type) for column in table.columns
    ]
    assert [each["Name"] for each in declared["PartitionKeys"]] == [
        column.name for column in table.partitions
    ]
    assert storage["SerdeInfo"]["SerializationLibrary"].endswith(serde)
    assert flat(storage["Location"]).endswith(location)


@pytest.mark.parametrize("table", ["flights", "aircraft", "airlines"])
def test_raw_csv_is_read_without_its_header_line(table: str) -> None:
    assert table_inputs()["raw", table]["Parameters"]["skip.header.line.count"] == "1"


def test_there_are_no_other_tables() -> None:
    assert sorted(table_inputs()) == [
        ("curated", "flights"),
        ("curated", "flights_rejects"),
        ("curated", "quality_results"),
        ("curated", "stream_events"),
        ("curated", "stream_windows"),
        ("raw", "aircraft"),
        ("raw", "airlines"),
        ("raw", "flights"),
        ("raw", "weather"),
    ]


def job() -> dict[str, Any]:
    return synthesise().only("AWS::Glue::Job", stack="Catalog")


def test_the_job_runs_on_the_settings_glue_and_size() -> None:
    assert (job()["GlueVersion"], job()["WorkerType"], job()["NumberOfWorkers"]) == ("5.1", "G.1X", 2)
    assert job()["Command"]["Name"] == "glueetl"
    assert job()["Timeout"] == 60
    assert job()["MaxRetries"] == 0


def test_the_job_knows_the_lake_from_its_arguments() -> None:
    arguments = {name: flat(value) for name, value in job()["DefaultArguments"].items()}

    assert "Raw" in arguments["--raw_bucket"]
    assert "Curated" in arguments["--curated_bucket"]
    assert "CuratedDatabase" in arguments["--database"]
    assert (arguments["--table"], arguments["--rejects_table"]) == ("flights", "flights_rejects")
    assert arguments["--extra-py-files"].endswith(".zip")
    assert "Logs" in arguments["--spark-event-logs-path"]
    assert {"--start_date", "--end_date", "--run_key"}.isdisjoint(arguments)


def test_the_job_s_log_groups_have_the_names_that_glue_gives_them() -> None:
    assembly = synthesise()
    groups = assembly.resources("AWS::Logs::LogGroup", stack="Catalog").values()
    configuration = assembly.only("AWS::Glue::SecurityConfiguration", stack="Catalog")["Name"]
    prefix = job()["DefaultArguments"]["--custom-logGroup-prefix"]

    assert {each["Properties"]["LogGroupName"] for each in groups} == {
        f"{prefix}/{configuration}-role/refstack-dev-curate-flights/{stream}"
        for stream in ("error", "output")
    }
    assert {each["Properties"]["RetentionInDays"] for each in groups} == {7}
    assert job()["SecurityConfiguration"] == {"Ref": "Encryption"}


def test_the_job_s_role_rewrites_curated_days_and_registers_their_partitions() -> None:
    allowed = permissions(synthesise(), "Catalog", "CurateRole")
    written = {each.split("/", 1)[1] for each in allowed.resources["s3:PutObject"]}
    tables = {each.rsplit("/", 1)[-1] for each in allowed.resources["glue:BatchCreatePartition"]}

    assert written == {"flights*", "rejects*", "accounting*", "glue/spark-events*"}
    assert not any("Raw" in each for each in allowed.resources["s3:PutObject"])
    assert allowed.of_service("glue") == {"BatchCreatePartition", "BatchUpdatePartition", "GetTable"}
    assert {"flights", "flights_rejects"} <= tables
    assert not any("Raw" in each for each in allowed.resources["glue:BatchCreatePartition"])


def test_the_job_s_role_reads_two_objects_of_the_assets_bucket_by_their_keys() -> None:
    allowed = permissions(synthesise(), "Catalog", "CurateRole")
    assets = {each for each in allowed.resources["s3:GetObject"] if "cdk-hnb659fds" in each}

    assert len(assets) == 2
    assert not any("*" in each for each in assets)


def test_metrics_are_the_only_action_on_everything_and_bound_to_glue() -> None:
    allowed = permissions(synthesise(), "Catalog", "CurateRole")

    assert [action for action, where in allowed.resources.items() if "*" in where] == [
        "cloudwatch:PutMetricData"
    ]
    assert allowed.condition("cloudwatch:PutMetricData") == {"StringEquals": {"cloudwatch:namespace": "Glue"}}


def test_the_crawler_writes_tables_of_its_own_database_only() -> None:
    assembly = synthesise()
    crawler = assembly.only("AWS::Glue::Crawler", stack="Catalog")
    allowed = permissions(assembly, "Catalog", "RawCrawlerRole")

    assert "InferredDatabase" in flat(crawler["DatabaseName"])
    assert {each["Path"]["Fn::Join"][1][-1] for each in crawler["Targets"]["S3Targets"]} == {
        "/flights/",
        "/weather/",
    }
    assert "Schedule" not in crawler
    created = {each for each in allowed.resources["glue:CreateTable"] if "table/" in each}
    assert all("InferredDatabase" in each for each in created)
    assert "s3:PutObject" not in allowed.actions


def test_athena_keeps_results_encrypted_and_stops_expensive_queries() -> None:
    workgroup = synthesise().only("AWS::Athena::WorkGroup", stack="Catalog")
    configuration = workgroup["WorkGroupConfiguration"]
    results = configuration["ResultConfiguration"]

    assert configuration["EnforceWorkGroupConfiguration"] is True
    assert configuration["BytesScannedCutoffPerQuery"] == 10 * 10**9
    assert results["EncryptionConfiguration"]["EncryptionOption"] == "SSE_KMS"
    assert "Artifacts" in flat(results["OutputLocation"])


def test_saved_queries_ask_the_curated_database_in_that_workgroup() -> None:
    assembly = synthesise()
    queries = assembly.resources("AWS::Athena::NamedQuery", stack="Catalog").values()
    workgroup = assembly.only("AWS::Athena::WorkGroup", stack="Catalog")["Name"]

    assert len(queries) == 3
    assert {each["Properties"]["WorkGroup"] for each in queries} == {workgroup}
    assert all("CuratedDatabase" in flat(each["Properties"]["Database"]) for each in queries)
