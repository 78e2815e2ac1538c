"""Ingestion: functions that may do one thing each, and events that do not get lost."""

from __future__ import annotations

import json
from typing import Any

import pytest

from flights.sources.settings import ClientSettings
from stacks.configuration import SettingsError
from tests.stacks.assembly import synthesise, synthesise_core
from tests.stacks.permissions import flat, permissions

FUNCTIONS = ["IngestFlights", "IngestSnapshots", "IngestWeather", "PrepareWarehouse", "RegisterObject"]
KEEPING = {"DeleteObject", "GetObject", "ListBucket", "ListMultipartUploadParts"}
"""What S3 is asked for, beyond writing, by a function that keeps its downloads."""
OWN_LOG = {"logs:CreateLogStream", "logs:PutLogEvents"}


def function(name: str) -> dict[str, Any]:
    """Properties of the function whose construct is called `name`."""
    found = synthesise().resources("AWS::Lambda::Function", stack="Ingestion")
    (properties,) = [each["Properties"] for key, each in found.items() if key.startswith(f"Ingestion/{name}")]
    return properties


def variables(name: str) -> dict[str, str]:
    return {key: flat(value) for key, value in function(name)["Environment"]["Variables"].items()}


def test_there_are_five_functions_and_the_stream_s_consumers_and_none_of_the_cdk_s_own() -> None:
    found = synthesise().resources("AWS::Lambda::Function", stack="Ingestion")

    assert len([key for key in found if not key.startswith("Ingestion/Consumers")]) == len(FUNCTIONS)
    assert len(found) == len(FUNCTIONS) + 2


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_writes_its_own_encrypted_log_that_ends_after_the_retention(name: str) -> None:
    assembly = synthesise()
    groups = assembly.resources("AWS::Logs::LogGroup", stack="Ingestion")
    (group_id,) = [key.split("/")[1] for key in groups if key.startswith(f"Ingestion/{name}Log")]
    group = groups[f"Ingestion/{group_id}"]["Properties"]
    allowed = permissions(assembly, "Ingestion", f"{name}Role")

    assert function(name)["LoggingConfig"]["LogGroup"] == {"Ref": group_id}
    assert group["RetentionInDays"] == 7
    assert "LogsKey" in flat(group["KmsKeyId"])
    assert {action for action in allowed.actions if action.startswith("logs:")} == OWN_LOG
    assert allowed.resources["logs:PutLogEvents"] == {f"<{group_id}.Arn>"}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_runs_python_3_13_and_no_managed_policy(name: str) -> None:
    roles = synthesise().resources("AWS::IAM::Role", stack="Ingestion")
    (role,) = [each["Properties"] for key, each in roles.items() if key.startswith(f"Ingestion/{name}Role")]

    assert (function(name)["Runtime"], function(name)["Handler"]) == ("python3.13", "handler.handler")
    assert "ManagedPolicyArns" not in role
    assert "PermissionsBoundary" in role


@pytest.mark.parametrize("dataset", ["flights", "weather"])
def test_an_ingesting_function_writes_its_data_set_and_reads_two_parameters(dataset: str) -> None:
    name = f"Ingest{dataset.title()}"
    allowed = permissions(synthesise(), "Ingestion", f"{name}Role")

    written = allowed.resources["s3:PutObject"]
    goes_on = {"downloads/flights/*"} if dataset == "flights" else set()
    assert {each.split("/", 1)[1] for each in written} == {f"{dataset}/*", *goes_on}
    assert all("Raw" in each for each in written)
    assert allowed.of_service("s3") == {"AbortMultipartUpload", "PutObject"} | (KEEPING if goes_on else set())
    client, parameter = sorted(allowed.resources["ssm:GetParameter"])
    assert parameter.endswith(f":parameter<{dataset.title()}Source{parameter[-9:-1]}>")
    assert client.endswith(f":parameter<Client{client[-9:-1]}>")
    assert allowed.of_service("kms") == {"Decrypt", "GenerateDataKey"}


def test_the_lists_function_writes_lists_and_rejects_and_sees_what_is_there() -> None:
    allowed = permissions(synthesise(), "Ingestion", "IngestSnapshotsRole")

    for action in ("s3:PutObject", "s3:GetObject"):
        assert {each.split("/", 1)[1] for each in allowed.resources[action]} == {
            *("aircraft/*", "airlines/*", "rejects/*", "downloads/snapshots/*"),
        }
        assert all("Raw" in each for each in allowed.resources[action])
    assert allowed.of_service("s3") == {
        *("AbortMultipartUpload", "GetBucketLocation", "GetObject", "ListBucket", "PutObject"),
        *KEEPING,
    }
    assert len(allowed.resources["ssm:GetParameter"]) == 3


def test_a_time_out_beyond_what_an_idle_connection_lasts_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"timeout_seconds.*less than or equal to 320"):
        synthesise(ingestion__timeout_seconds="321")


@pytest.mark.parametrize(
    ("name", "purpose"), [("IngestFlights", "flights"), ("IngestSnapshots", "snapshots")]
)
def test_a_download_in_progress_is_under_the_function_s_own_prefix_and_ends(name: str, purpose: str) -> None:
    allowed = permissions(synthesise(), "Ingestion", f"{name}Role")
    prefix = variables(name)["DOWNLOADS_PREFIX"]

    assert prefix == f"downloads/{purpose}/"
    for action in ("s3:DeleteObject", "s3:ListMultipartUploadParts"):
        assert {each.split("/", 1)[1] for each in allowed.resources[action]} == {f"{prefix}*"}
    assert {"StringLike": {"s3:prefix": f"{prefix}*"}} in [
        each.get("Condition") for each in allowed.statements if each["Action"] == "s3:ListBucket"
    ]
    # No event makes a snapshot of it.
    rule = synthesise().only("AWS::Events::Rule", stack="Ingestion")["EventPattern"]
    assert not any(prefix.startswith(key["prefix"]) for key in rule["detail"]["object"]["key"])


@pytest.mark.parametrize(
    ("function_name", "dataset", "url"),
    [
        ("IngestFlights", "flights", "https://transtats.bts.gov/PREZIP"),
        ("IngestWeather", "weather", "https://archive-api.open-meteo.com/v1/archive"),
        ("IngestSnapshots", "aircraft", "https://registry.faa.gov/database/ReleasableAircraft.zip"),
        (
            "IngestSnapshots",
            "airlines",
            "https://www.transtats.bts.gov/Download_Lookup.asp?Y11x72=Y_haVdhR_PNeeVRef",
        ),
    ],
)
def test_where_a_function_fetches_from_is_a_parameter(function_name: str, dataset: str, url: str) -> None:
    parameters = synthesise().resources("AWS::SSM::Parameter", stack="Ingestion")
    (logical_id,) = [key.split("/")[1] for key in parameters if f"{dataset.title()}Source" in key]
    parameter = parameters[f"Ingestion/{logical_id}"]["Properties"]
    environment = variables(function_name)

    assert (parameter["Name"], parameter["Value"]) == (f"/refstack/dev/sources/{dataset}", url)
    assert environment[f"{dataset.upper()}_SOURCE_PARAMETER"] == f"<{logical_id}>"
    assert "Raw" in environment["RAW_BUCKET"]


@pytest.mark.parametrize("name", ["IngestFlights", "IngestSnapshots", "IngestWeather"])
def test_how_a_function_asks_is_a_parameter(name: str) -> None:
    parameters = synthesise().resources("AWS::SSM::Parameter", stack="Ingestion")
    (logical_id,) = [key.split("/")[1] for key in parameters if key.startswith("Ingestion/Client")]
    parameter = parameters[f"Ingestion/{logical_id}"]["Properties"]

    assert (parameter["Name"], parameter["Value"]) == ("/refstack/dev/ingestion/client", "{}")
    assert variables(name)["CLIENT_PARAMETER"] == f"<{logical_id}>"


def test_headers_and_certificates_are_settings() -> None:
    given = {
        "user_agent": "mine/1.0",
        "accept": "text/csv",
        "intermediates": "-----BEGIN CERTIFICATE-----",
    }
    assembly = synthesise_core(
        stacks__ingestion="true",
        stacks__catalog="true",
        **{f"ingestion__{name}": value for name, value in given.items()},
    )
    parameters = assembly.resources("AWS::SSM::Parameter", stack="Ingestion")
    (client,) = [each["Properties"] for key, each in parameters.items() if key.startswith("Ingestion/Client")]

    assert ClientSettings.of_json(client["Value"]) == ClientSettings(**given)


@pytest.mark.parametrize("name", ["IngestFlights", "IngestWeather"])
def test_a_function_knows_its_airports(name: str) -> None:
    assert variables(name)["AIRPORTS"] == "EWR,JFK,LGA"


def test_objects_created_in_the_raw_bucket_invoke_the_registering_function() -> None:
    rule = synthesise().only("AWS::Events::Rule", stack="Ingestion")
    pattern = rule["EventPattern"]
    (target,) = rule["Targets"]

    assert (pattern["source"], pattern["detail-type"]) == (["aws.s3"], ["Object Created"])
    assert "Raw" in flat(pattern["detail"]["bucket"]["name"][0])
    assert pattern["detail"]["object"]["key"] == [
        {"prefix": f"{dataset}/"} for dataset in ("flights", "weather", "aircraft", "airlines")
    ]
    assert flat(target["Arn"]).startswith("<RegisterObjectFunction")


def test_an_event_that_comes_to_nothing_waits_in_an_encrypted_queue() -> None:
    assembly = synthesise()
    queues = assembly.resources("AWS::SQS::Queue", stack="Ingestion")
    (queue_id,) = [key.split("/")[1] for key in queues if key.startswith("Ingestion/Unregistered")]
    queue = queues[f"Ingestion/{queue_id}"]["Properties"]
    (target,) = assembly.only("AWS::Events::Rule", stack="Ingestion")["Targets"]
    retries = assembly.only("AWS::Lambda::EventInvokeConfig", stack="Ingestion")

    # not delivered by EventBridge; or delivered, and failed for good
    assert flat(target["DeadLetterConfig"]["Arn"]) == f"<{queue_id}.Arn>"
    assert flat(function("RegisterObject")["DeadLetterConfig"]["TargetArn"]) == f"<{queue_id}.Arn>"
    assert queue["SqsManagedSseEnabled"] is True
    assert queue["MessageRetentionPeriod"] == 14 * 24 * 3600
    assert (retries["MaximumRetryAttempts"], retries["MaximumEventAgeInSeconds"]) == (2, 7200)


def test_the_registering_function_puts_items_and_adds_raw_partitions() -> None:
    allowed = permissions(synthesise(), "Ingestion", "RegisterObjectRole")
    tables = {
        each.rsplit("/", 1)[1] for each in allowed.resources["glue:CreatePartition"] if "table/" in each
    }

    assert allowed.actions - OWN_LOG == {
        "dynamodb:PutItem",
        "glue:CreatePartition",
        "glue:GetTable",
        "kms:Decrypt",
        "kms:DescribeKey",
        "sqs:SendMessage",
    }
    assert tables == {"flights", "weather", "aircraft", "airlines"}
    assert not any("*" in each for where in allowed.resources.values() for each in where)


def test_what_is_known_of_an_object_is_kept_by_key_and_version() -> None:
    tables = synthesise().resources("AWS::DynamoDB::Table", stack="Ingestion")
    (table,) = [each["Properties"] for key, each in tables.items() if key.startswith("Ingestion/Objects")]

    assert table["KeySchema"] == [
        {"AttributeName": "key", "KeyType": "HASH"},
        {"AttributeName": "version", "KeyType": "RANGE"},
    ]
    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert table["SSESpecification"]["SSEType"] == "KMS"


@pytest.mark.parametrize(("environment", "policy"), [("dev", "Delete"), ("prod", "RetainExceptOnCreate")])
def test_tables_are_deleted_with_both_keys_only(environment: str, policy: str) -> None:
    tables = synthesise(environment).resources("AWS::DynamoDB::Table").values()

    assert {table["DeletionPolicy"] for table in tables} == {policy}


def test_airflow_loads_and_dbt_transforms_and_both_are_known_by_name_alone() -> None:
    grants = variables("PrepareWarehouse")["GRANTS"]

    assert json.loads(grants) == {"refstack-dev-airflow": "loader", "refstack-dev-dbt": "transformer"}


def test_the_preparing_function_uses_the_administrator_s_secret_and_no_other() -> None:
    allowed = permissions(synthesise(), "Ingestion", "PrepareWarehouseRole")

    (secret,) = allowed.resources["secretsmanager:GetSecretValue"]
    assert secret.endswith(":secret:redshift!refstack-dev-warehouse-refstack_admin-*")
    (workgroup,) = allowed.resources["redshift-data:ExecuteStatement"]
    assert "Workgroup" in workgroup
    assert allowed.condition("redshift-data:GetStatementResult") == {
        "StringEquals": {"redshift-data:statement-owner-iam-userid": "${aws:userid}"}
    }
    assert {action for action, where in allowed.resources.items() if "*" in where} == {
        "redshift-data:DescribeStatement",
        "redshift-data:GetStatementResult",
        "redshift-serverless:CreateUsageLimit",
        "redshift-serverless:ListUsageLimits",
        "redshift-serverless:UpdateUsageLimit",
    }
