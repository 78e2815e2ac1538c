"""The quality gate of the curated flights: its ruleset, and who may evaluate it over what."""

from __future__ import annotations

import pytest

from flights import rules, schema
from local.engines import dqdl, dqdl_types
from stacks.constructs.bundle import ROOT
from tests.stacks.assembly import synthesise
from tests.stacks.permissions import flat, permissions

TEXT = (ROOT / "glue_jobs" / "quality" / "curated_flights.dqdl").read_text()
RULES = list(dqdl_types.simple(dqdl.parse(TEXT)))


def test_the_ruleset_is_the_file_on_the_curated_flights() -> None:
    ruleset = synthesise().only("AWS::Glue::DataQualityRuleset", stack="Catalog")
    target = ruleset["TargetTable"]

    assert ruleset["Name"] == "refstack-dev-curated-flights"
    assert ruleset["Ruleset"] == TEXT
    assert (flat(target["DatabaseName"]), target["TableName"]) == ("<CuratedDatabase>", "flights")


def test_the_ruleset_is_within_the_limits_of_glue() -> None:
    assert len(TEXT.encode()) < 65_536
    assert all(len(rule.text) <= 2048 for rule in RULES)
    assert "\r" not in TEXT


def test_every_column_has_a_rule_on_its_presence_and_every_required_one_on_its_nulls() -> None:
    columns = schema.CURATED_FLIGHTS.columns
    named = {rule.type: {*()} for rule in RULES}
    for rule in RULES:
        named[rule.type] |= set(rule.parameters)

    assert {column.name for column in columns if column.required} == named["IsComplete"]
    assert {column.name for column in columns if not column.required} == named["ColumnExists"]
    [count] = [rule.condition for rule in RULES if rule.type == "ColumnCount"]
    assert count is not None
    assert count.operands == (float(len(columns) + len(schema.CURATED_FLIGHTS.partitions)),)


def test_the_key_and_the_types_are_the_table_s_own() -> None:
    [key] = [rule for rule in RULES if rule.type == "IsPrimaryKey"]
    kinds = {column.name: column.type for column in schema.CURATED_FLIGHTS.columns}
    typed = {
        rule.parameters[0]: str(rule.condition.operands[0])
        for rule in RULES
        if rule.type == "ColumnDataType" and rule.condition
    }
    names = {"DATE": "date", "INTEGER": "int", "BOOLEAN": "boolean"}

    assert key.parameters == schema.CURATED_FLIGHTS.key
    assert {column: names[kind] for column, kind in typed.items()} == {
        column.name: kinds[column.name]
        for column in schema.CURATED_FLIGHTS.columns
        if column.required and column.type != "string"
    }


def test_patterns_and_limits_are_those_of_the_cleaning_rules() -> None:
    patterns = {
        rule.parameters[0]: rule.condition.operands[0]
        for rule in RULES
        if rule.condition and rule.condition.operator == "matches"
    }
    sql = "\n".join(rule.parameters[0] for rule in RULES if rule.type == "CustomSql")

    assert patterns == {"carrier": rules.CARRIER, "origin": rules.AIRPORT, "dest": rules.AIRPORT}
    delays = f"not between {rules.EARLIEST_MINUTES} and {rules.LATEST_MINUTES}"
    assert sql.count(delays) == 2
    assert f"air_time_minutes not between 1 and {rules.LONGEST_AIR_TIME_MINUTES}" in sql
    assert f'"distance_miles" between 0 and {rules.LONGEST_DISTANCE_MILES + 1}' in TEXT


def test_an_evaluation_reads_the_two_tables_and_their_files_and_writes_nothing() -> None:
    allowed = permissions(synthesise(), "Catalog", "CuratedFlightsQualityRole")
    read = {each.split(":::", 1)[-1] for each in allowed.resources["s3:GetObject"]}

    assert allowed.of_service("glue") == {
        "GetDataQualityResult",
        "GetDataQualityRuleset",
        "GetDataQualityRulesetEvaluationRun",
        "GetDatabase",
        "GetPartitions",
        "GetTable",
        "PublishDataQuality",
    }
    assert {each.rsplit(":", 1)[-1] for each in allowed.resources["glue:GetTable"]} == {
        "catalog",
        "database/<CuratedDatabase>",
        "table/<CuratedDatabase>/flights",
        "table/<CuratedDatabase>/flights_rejects",
    }
    assert {each.partition("/")[2] for each in read} == {"*", "flights*", "rejects/flights*"}
    assert not any(action.startswith(("s3:Put", "s3:Delete", "kms:Generate")) for action in allowed.actions)
    assert allowed.condition("cloudwatch:PutMetricData") == {
        "StringEquals": {"cloudwatch:namespace": "Glue Data Quality"}
    }


def test_results_are_a_table_of_plain_json_lines() -> None:
    tables = synthesise().resources("AWS::Glue::Table", stack="Catalog").values()
    [table] = [
        each["Properties"]["TableInput"]
        for each in tables
        if each["Properties"]["TableInput"]["Name"] == "quality_results"
    ]

    assert flat(table["StorageDescriptor"]["Location"]).endswith("/quality/")
    assert table["StorageDescriptor"]["Compressed"] is False
    assert "compressionType" not in table["Parameters"]
    assert not table.get("PartitionKeys")


@pytest.mark.parametrize("environment", ["stage", "prod"])
def test_every_environment_has_its_gate(environment: str) -> None:
    ruleset = synthesise(environment).only("AWS::Glue::DataQualityRuleset", stack="Catalog")
    assert ruleset["Name"] == f"refstack-{environment}-curated-flights"
