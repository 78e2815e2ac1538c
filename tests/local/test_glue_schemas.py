"""Glue's schema registry: versions, and what is compatible with what."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest

from local.services import clients
from streaming.events import schema
from streaming.registry import SchemaError, version_id, versions
from tests.local.conftest import Gateway

pytestmark = pytest.mark.gateway


@pytest.fixture(scope="module")
def glue(gateway: Gateway) -> Any:
    client = gateway.client("glue")
    client.create_registry(RegistryName="events")
    return client


def make(glue: Any, compatibility: str, definition: dict[str, Any]) -> dict[str, str]:
    name = uuid.uuid4().hex
    glue.create_schema(
        RegistryId={"RegistryName": "events"},
        SchemaName=name,
        DataFormat="AVRO",
        Compatibility=compatibility,
        SchemaDefinition=json.dumps(definition),
    )
    return {"RegistryName": "events", "SchemaName": name}


def record(*fields: dict[str, Any]) -> dict[str, Any]:
    return {"type": "record", "name": "R", "fields": [{"name": "a", "type": "string"}, *fields]}


REQUIRED, OPTIONAL = {"name": "b", "type": "int"}, {"name": "b", "type": "int", "default": 0}


@pytest.mark.parametrize(
    ("mode", "first", "second", "status"),
    [
        ("BACKWARD", record(), record(OPTIONAL), "AVAILABLE"),
        ("BACKWARD", record(), record(REQUIRED), "FAILURE"),
        ("BACKWARD", record(REQUIRED), record(), "AVAILABLE"),
        ("FORWARD", record(), record(REQUIRED), "AVAILABLE"),
        ("FORWARD", record(REQUIRED), record(), "FAILURE"),
        ("FULL", record(), record(OPTIONAL), "AVAILABLE"),
        ("FULL", record(REQUIRED), record(), "FAILURE"),
        ("NONE", record(), {"type": "int"}, "AVAILABLE"),
    ],
)
def test_a_version_must_be_as_compatible_as_the_schema_says(
    glue: Any, mode: str, first: Any, second: Any, status: str
) -> None:
    identity = make(glue, mode, first)
    made = glue.register_schema_version(SchemaId=identity, SchemaDefinition=json.dumps(second))
    assert (made["VersionNumber"], made["Status"]) == (2, status)
    latest = glue.get_schema_version(SchemaId=identity, SchemaVersionNumber={"LatestVersion": True})
    assert latest["VersionNumber"] == (2 if status == "AVAILABLE" else 1)


def test_all_looks_at_every_earlier_version(glue: Any) -> None:
    optional_text = {"name": "b", "type": "string", "default": ""}
    for mode, status in (("BACKWARD", "AVAILABLE"), ("BACKWARD_ALL", "FAILURE")):
        identity = make(glue, mode, record(REQUIRED))
        glue.register_schema_version(SchemaId=identity, SchemaDefinition=json.dumps(record()))
        third = glue.register_schema_version(
            SchemaId=identity, SchemaDefinition=json.dumps(record(optional_text))
        )
        assert third["Status"] == status, mode


def test_the_event_s_versions_are_backward_compatible_and_found_by_definition(glue: Any) -> None:
    identity = make(glue, "BACKWARD", schema(1))
    first = version_id(glue, "events", identity["SchemaName"], schema(1))
    with pytest.raises(SchemaError, match="no version"):
        version_id(glue, "events", identity["SchemaName"], schema(2))
    again = glue.register_schema_version(SchemaId=identity, SchemaDefinition=json.dumps(schema(1), indent=4))
    assert again["SchemaVersionId"] == first
    made = glue.register_schema_version(SchemaId=identity, SchemaDefinition=json.dumps(schema(2)))
    assert made["Status"] == "AVAILABLE"
    found = versions(glue, "events", identity["SchemaName"])
    assert {key: json.loads(text) for key, text in found.items()} == {
        first: schema(1),
        made["SchemaVersionId"]: schema(2),
    }
    by_id = glue.get_schema_version(SchemaVersionId=made["SchemaVersionId"])
    assert by_id["VersionNumber"] == 2


def test_what_is_no_avro_is_told(glue: Any) -> None:
    valid = glue.check_schema_version_validity(DataFormat="AVRO", SchemaDefinition='{"type": "string"}')
    wrong = glue.check_schema_version_validity(DataFormat="AVRO", SchemaDefinition='{"type": "strung"}')
    assert (valid["Valid"], wrong["Valid"]) == (True, False)
    with pytest.raises(glue.exceptions.InvalidInputException, match="not emulated"):
        glue.check_schema_version_validity(DataFormat="PROTOBUF", SchemaDefinition="message A {}")
    with pytest.raises(glue.exceptions.EntityNotFoundException):
        glue.get_schema(SchemaId={"RegistryName": "events", "SchemaName": "nothing"})


@pytest.mark.parametrize(("resource", "refused"), [("schema", ["glue:GetSchemaVersion"]), ("*", [])])
def test_a_version_s_definition_is_read_with_a_right_on_every_resource(
    gateway: Gateway, glue: Any, resource: str, refused: list[str]
) -> None:
    identity = make(glue, "BACKWARD", record())
    schema_arn = glue.get_schema(SchemaId=identity)["SchemaArn"]
    registry = schema_arn.rpartition("/")[0].replace(":schema/", ":registry/")
    name = f"reader-{uuid.uuid4().hex[:6]}"
    iam = gateway.client("iam")
    trusted = {"Effect": "Allow", "Principal": {"Service": "glue.amazonaws.com"}, "Action": "sts:AssumeRole"}
    trust = {"Version": "2012-10-17", "Statement": [trusted]}
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    statements = [
        {"Effect": "Allow", "Action": "glue:ListSchemaVersions", "Resource": [registry, schema_arn]},
        {
            "Effect": "Allow",
            "Action": "glue:GetSchemaVersion",
            "Resource": "*" if resource == "*" else [registry, schema_arn],
        },
    ]
    policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
    iam.put_role_policy(RoleName=name, PolicyName="read", PolicyDocument=policy)
    reader = clients.client("glue", role_arn=role, session_name=name)

    assert versions(reader, identity["RegistryName"], identity["SchemaName"])

    journal = gateway.home / "would_deny.jsonl"
    lines = [json.loads(line) for line in journal.read_text().splitlines()] if journal.exists() else []
    assert [line["action"] for line in lines if line["caller"].endswith(f"/{name}")] == refused
