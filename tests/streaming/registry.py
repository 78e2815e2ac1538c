"""The calls of the Glue Schema Registry that a reader makes, which moto lacks."""

from __future__ import annotations

import json
import uuid

from streaming.events import schema

IDS = {version: str(uuid.UUID(int=version)) for version in (1, 2)}
"""UUID of each version."""


class Registry:
    """A boto3 client of Glue with the versions of the schema that are registered so far."""

    def __init__(self, *registered: int) -> None:
        self.registered = list(registered)
        self.asked = 0

    def get_paginator(self, _):
        self.asked += 1
        return self

    def paginate(self, **_):
        found = [
            {"SchemaVersionId": IDS[version], "VersionNumber": version, "Status": "AVAILABLE"}
            for version in self.registered
        ]
        return [{"Schemas": found}]

    def get_schema_version(self, SchemaId, SchemaVersionNumber):  # noqa: N803
        return {"SchemaDefinition": json.dumps(schema(SchemaVersionNumber["VersionNumber"]))}
