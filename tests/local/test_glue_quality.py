"""Glue Data Quality by its API: rulesets, and runs over a catalog's tables as the role they are given."""

from __future__ import annotations

import gzip
import io
import json
import time
from contextlib import suppress
from typing import Any

import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
from botocore.exceptions import ClientError

from local.layout import BUCKET_LOCATION
from tests.local.conftest import Gateway
from tests.local.spark_account import allow, trust

pytestmark = pytest.mark.gateway

BUCKET, DATABASE = "quality-lake", "quality"
ROLE = "arn:aws:iam::000000000000:role/test-quality"
ENDED = {"SUCCEEDED", "FAILED", "STOPPED", "TIMEOUT"}
PARQUET = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
CSV = "org.apache.hadoop.hive.serde2.OpenCSVSerde"
JSON = "org.openx.data.jsonserde.JsonSerDe"


def storage(folder: str, library: str, **columns: str) -> dict[str, Any]:
    return {
        "Location": f"s3://{BUCKET}/{folder}/",
        "Columns": [{"Name": name, "Type": kind} for name, kind in columns.items()],
        "SerdeInfo": {"SerializationLibrary": library, "Parameters": {}},
    }


def parquet_of(**columns: list[Any]) -> bytes:
    body = io.BytesIO()
    parquet.write_table(pa.table(columns), body)
    return body.getvalue()


@pytest.fixture(scope="module")
def glue(gateway: Gateway) -> Any:
    """A catalog with one table by day in Parquet, and one each in CSV, JSON and Avro."""
    s3, iam, client = gateway.client("s3"), gateway.client("iam"), gateway.client("glue")
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration=BUCKET_LOCATION)
    iam.create_role(RoleName="test-quality", AssumeRolePolicyDocument=trust("glue.amazonaws.com"))
    iam.put_role_policy(
        RoleName="test-quality",
        PolicyName="all",
        PolicyDocument=allow("s3:GetObject", "s3:ListBucket", "glue:GetTable", "glue:GetPartitions"),
    )
    client.create_database(DatabaseInput={"Name": DATABASE})
    days = storage("days", PARQUET, id="int", code="string")
    keys = [{"Name": "day", "Type": "string"}]
    client.create_table(
        DatabaseName=DATABASE, TableInput={"Name": "days", "StorageDescriptor": days, "PartitionKeys": keys}
    )
    for day, ids in {"01": [1, 2], "02": [3, 4], "03": [5, None]}.items():
        s3.put_object(
            Bucket=BUCKET,
            Key=f"days/day={day}/part-0.parquet",
            Body=parquet_of(id=pa.array(ids, pa.int32()), code=["a", "b"]),
        )
        s3.put_object(Bucket=BUCKET, Key=f"days/day={day}/_SUCCESS", Body=b"not data")
        location = {**days, "Location": f"{days['Location']}day={day}/"}
        client.create_partition(
            DatabaseName=DATABASE,
            TableName="days",
            PartitionInput={"Values": [day], "StorageDescriptor": location},
        )
    for name, library, body in (
        ("lines", CSV, b'id,code\n1,"a,b"\n2,\n'),
        ("records", JSON, b'{"id": 1, "code": "a,b"}\n{"id": 2, "code": ""}\n'),
        ("avro", "org.apache.hadoop.hive.serde2.avro.AvroSerDe", b"Obj"),
    ):
        s3.put_object(Bucket=BUCKET, Key=f"{name}/part-0.gz", Body=gzip.compress(body))
        client.create_table(
            DatabaseName=DATABASE,
            TableInput={
                "Name": name,
                "StorageDescriptor": storage(name, library, id="int", code="string"),
            },
        )
    return client


def source(table: str, **options: str) -> dict[str, Any]:
    more = {"AdditionalOptions": options} if options else {}
    return {"GlueTable": {"DatabaseName": DATABASE, "TableName": table, **more}}


def run(glue: Any, rules: str, data: dict[str, Any], **members: Any) -> dict[str, Any]:
    """The run that evaluates these rules over the data, once it has ended."""
    name = f"rules-{abs(hash(rules)):x}"
    with suppress(glue.exceptions.AlreadyExistsException):
        glue.create_data_quality_ruleset(Name=name, Ruleset=rules)
    wanted = {"DataSource": data, "Role": ROLE, "RulesetNames": [name], **members}
    run_id = glue.start_data_quality_ruleset_evaluation_run(**wanted)["RunId"]
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        found: dict[str, Any] = glue.get_data_quality_ruleset_evaluation_run(RunId=run_id)
        if found["Status"] in ENDED:
            return found
        time.sleep(0.05)
    pytest.fail(f"the run did not end: {found}")


def outcomes(glue: Any, found: dict[str, Any]) -> list[tuple[str, str]]:
    """Each rule's text and result."""
    assert found["Status"] == "SUCCEEDED", found
    [result] = glue.batch_get_data_quality_result(ResultIds=found["ResultIds"])["Results"]
    return [(each["Description"], each["Result"]) for each in result["RuleResults"]]


def test_a_ruleset_is_made_changed_listed_and_deleted(glue: Any) -> None:
    target = {"DatabaseName": DATABASE, "TableName": "days"}
    rules = 'Rules = [ RowCount > 1, (IsComplete "id") and (IsUnique "id") ]'
    glue.create_data_quality_ruleset(
        Name="own", Ruleset=rules, Description="first", TargetTable=target, Tags={"owner": "me"}
    )
    with pytest.raises(glue.exceptions.AlreadyExistsException):
        glue.create_data_quality_ruleset(Name="own", Ruleset=rules)
    found = glue.get_data_quality_ruleset(Name="own")
    assert (found["Ruleset"], found["Description"], found["TargetTable"]) == (rules, "first", target)
    [listed] = glue.list_data_quality_rulesets(Filter={"Name": "own"})["Rulesets"]
    assert listed["RuleCount"] == 2
    assert glue.list_data_quality_rulesets(Tags={"owner": "you"})["Rulesets"] == []
    changed = glue.update_data_quality_ruleset(Name="own", Ruleset="Rules = [ RowCount > 2 ]")
    assert changed == {**changed, "Ruleset": "Rules = [ RowCount > 2 ]", "Description": "first"}
    glue.delete_data_quality_ruleset(Name="own")
    with pytest.raises(glue.exceptions.EntityNotFoundException):
        glue.get_data_quality_ruleset(Name="own")


@pytest.mark.parametrize(
    ("members", "sentence"),
    [
        ({"Ruleset": "Rules = [ RowCount ]"}, "DataQuality rules cannot be parsed: Parsing Error"),
        ({"Ruleset": "Rules = [ RowCount > 1 ]" + " " * 65_536}, "Ruleset has more than 65536 characters"),
        (
            {"Ruleset": "Rules = []", "TargetTable": {"DatabaseName": DATABASE, "TableName": "none"}},
            "The target table",
        ),
        ({"Ruleset": "Rules = []", "DataQualitySecurityConfiguration": "x"}, "is not emulated"),
    ],
)
def test_a_ruleset_that_glue_would_refuse_is_refused(
    glue: Any, members: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ClientError, match=sentence):
        glue.create_data_quality_ruleset(Name="refused", **members)


def test_a_run_reads_the_partitions_asked_for_as_its_role(glue: Any, gateway: Gateway) -> None:
    rules = 'Rules = [ RowCount = 2, ColumnCount = 3, IsComplete "id", ColumnValues "day" = "01" ]'
    predicate = "day < '02'"
    for options in ({"catalogPartitionPredicate": predicate}, {"pushDownPredicate": predicate}):
        found = run(glue, rules, source("days", **options))
        assert {result for _, result in outcomes(glue, found)} == {"PASS"}
    calls = [json.loads(line) for line in (gateway.home / "callers.jsonl").read_text().splitlines()]
    caller = "arn:aws:sts::000000000000:assumed-role/test-quality/AWSGlueDataQuality"
    made = {call["operation"] for call in calls if call["caller"] == caller}
    assert {"GetTable", "GetPartitions", "GetObject"} <= made
    denied = gateway.home / "would_deny.jsonl"
    assert not denied.exists() or caller not in denied.read_text()


def test_a_failed_rule_leaves_the_run_succeeded_and_says_what_it_measured(glue: Any) -> None:
    found = run(glue, 'Rules = [ RowCount = 6, IsComplete "id", IsComplete "none" ]', source("days"))
    [result_id] = found["ResultIds"]
    result = glue.get_data_quality_result(ResultId=result_id)
    assert (result["Score"], result["RulesetEvaluationRunId"]) == (pytest.approx(1 / 3), found["RunId"])
    whole, null, missing = result["RuleResults"]
    assert (whole["Name"], whole["Result"]) == ("Rule_1", "PASS")
    assert (null["Result"], null["EvaluatedMetrics"]) == ("FAIL", {"Column.id.Completeness": 5 / 6})
    assert missing["EvaluationMessage"] == "Input data does not include column none!"
    assert result_id in [one["ResultId"] for one in glue.list_data_quality_results()["Results"]]
    runs = glue.list_data_quality_ruleset_evaluation_runs(Filter={"DataSource": source("days")})["Runs"]
    assert found["RunId"] in [one["RunId"] for one in runs]


def test_other_tables_are_there_by_their_aliases(glue: Any) -> None:
    rules = (
        'Rules = [ CustomSql "select count(*) from other o join primary p on o.id = p.id" = 2,'
        ' ReferentialIntegrity "id" "other.id" = 1, CustomSql "select count(*) from none" = 0 ]'
    )
    found = run(
        glue,
        rules,
        source("days", pushDownPredicate="day = '01'"),
        AdditionalDataSources={
            "other": source("days"),
            "none": source("days", pushDownPredicate="day > '09'"),
        },
    )
    assert [result for _, result in outcomes(glue, found)] == ["PASS"] * 3


@pytest.mark.parametrize(("table", "nulls"), [("lines", 1), ("records", 0)])
def test_text_is_read_by_the_columns_of_the_catalog(glue: Any, table: str, nulls: int) -> None:
    rules = (
        f'Rules = [ RowCount = 2, ColumnCount = 2, ColumnValues "code" in ["a,b", EMPTY, NULL],'
        f' CustomSql "select count(*) from primary where code is null" <= {nulls} ]'
    )
    assert {result for _, result in outcomes(glue, run(glue, rules, source(table)))} == {"PASS"}


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (source("avro"), "AvroSerDe are not emulated"),
        (source("nowhere"), "EntityNotFoundException"),
        (source("days", pushDownPredicate="hour = '1'"), "pushDownPredicate of days cannot be evaluated"),
        (source("days", catalogPartitionPredicate="hour = '1'"), "Unsupported expression"),
    ],
)
def test_a_table_that_cannot_be_read_fails_the_run_with_a_sentence(
    glue: Any, data: dict[str, Any], sentence: str
) -> None:
    found = run(glue, "Rules = [ RowCount > 0 ]", data)
    assert found["Status"] == "FAILED"
    assert sentence in found["ErrorString"]


@pytest.mark.parametrize(
    ("members", "sentence"),
    [
        ({"RulesetNames": ["none"]}, "Data quality ruleset none not found"),
        ({"Role": "arn:aws:iam::000000000000:role/none"}, "does not exist"),
        ({"NumberOfWorkers": 1}, "at least 2"),
        ({"AdditionalRunOptions": {"ResultsS3Prefix": "s3://x/"}}, "ResultsS3Prefix are not emulated"),
        ({"DataSource": source("days", sampleSize="3")}, "sampleSize are not supported"),
        ({"AdditionalDataSources": {"primary": source("days")}}, "primary is the data source's own"),
    ],
)
def test_a_run_that_glue_would_refuse_is_refused(glue: Any, members: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ClientError, match=sentence):
        run(glue, "Rules = [ RowCount > 0 ]", **{"data": source("days"), **members})


def test_the_same_token_starts_one_run(glue: Any) -> None:
    rules = "Rules = [ RowCount > 0 ]"
    first, second = (run(glue, rules, source("days"), ClientToken="once") for _ in range(2))
    assert first["RunId"] == second["RunId"]


def test_a_run_is_cancelled_while_it_is_active(glue: Any) -> None:
    slow = 'Rules = [ CustomSql "select count(*) from range(1000000000000)" > 0 ]'
    glue.create_data_quality_ruleset(Name="slow", Ruleset=slow)
    wanted = {"DataSource": source("lines"), "Role": ROLE, "RulesetNames": ["slow"]}
    run_id = glue.start_data_quality_ruleset_evaluation_run(**wanted)["RunId"]
    while glue.get_data_quality_ruleset_evaluation_run(RunId=run_id)["Status"] == "STARTING":
        time.sleep(0.05)
    glue.cancel_data_quality_ruleset_evaluation_run(RunId=run_id)
    deadline = time.monotonic() + 60
    while (found := glue.get_data_quality_ruleset_evaluation_run(RunId=run_id))["Status"] not in ENDED:
        assert time.monotonic() < deadline, found
        time.sleep(0.05)
    assert found["Status"] == "STOPPED"
    with pytest.raises(ClientError, match="in state STOPPED"):
        glue.cancel_data_quality_ruleset_evaluation_run(RunId=run_id)
