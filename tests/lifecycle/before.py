"""An environment as commit e1d6649 deployed it: the templates that it synthesises, without metadata."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

from local.lifecycle.account import Template

FIXTURES = Path(__file__).parent / "fixtures"
STATEFUL = {
    "AWS::S3::Bucket",
    "AWS::RDS::DBInstance",
    "AWS::RedshiftServerless::Namespace",
    "AWS::RedshiftServerless::Workgroup",
    "AWS::MSK::Cluster",
    "AWS::MSK::ServerlessCluster",
    "AWS::MSK::Topic",
    "AWS::KMS::Key",
    "AWS::DynamoDB::Table",
    "AWS::SecretsManager::Secret",
    "AWS::MWAA::Environment",
    "AWS::ECR::Repository",
    "AWS::Logs::LogGroup",
    "AWS::Glue::Database",
}
"""Types that hold data, or take the better part of an hour to create again."""


def deployed_before(env: str) -> dict[str, Template]:
    """The templates of e1d6649 by stack name, in the order of their deployment.

    Without the settings of the topics, lines of `key=value`, which MSK does not take.
    """
    found: dict[str, Any] = json.loads(gzip.decompress((FIXTURES / f"{env}-e1d6649.json.gz").read_bytes()))
    for template in found.values():
        for resource in template["Resources"].values():
            if resource["Type"] == "AWS::MSK::Topic":
                resource["Properties"].pop("Configs")
    return found


def stateful(all_templates: dict[str, Template]) -> dict[tuple[str, str], dict[str, Any]]:
    """Resources that hold data, by stack and logical id."""
    return {
        (stack, logical_id): resource
        for stack, template in all_templates.items()
        for logical_id, resource in template["Resources"].items()
        if resource["Type"] in STATEFUL
    }
