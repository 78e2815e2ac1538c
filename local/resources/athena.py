"""Athena: named queries."""

from __future__ import annotations

from local.resources.provisioner import api_type

api_type(
    "AWS::Athena::NamedQuery",
    service="athena",
    create="create_named_query",
    physical_id=lambda answer, props: str(answer["NamedQueryId"]),
    attributes=lambda answer, props: {"NamedQueryId": answer["NamedQueryId"]},
    delete="delete_named_query",
    delete_params=lambda physical_id: {"NamedQueryId": physical_id},
    describe_call="get_named_query",
    describe_params=lambda physical_id: {"NamedQueryId": physical_id},
    described=lambda answer: dict(answer["NamedQuery"]),
)
