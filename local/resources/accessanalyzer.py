"""IAM Access Analyzer: analyzers."""

from __future__ import annotations

from typing import Any

from local.resources.provisioner import Context, Properties, api_type, tags


def _params(props: Properties, context: Context) -> Properties:
    wanted: dict[str, Any] = {
        "analyzerName": props.pop("AnalyzerName", None) or context.name(),
        "tags": {tag["Key"]: tag["Value"] for tag in tags(props.pop("Tags", None))},
        "type": props.pop("Type"),
    }
    if "ArchiveRules" in props:
        wanted["archiveRules"] = props.pop("ArchiveRules")
    if "AnalyzerConfiguration" in props:
        wanted["configuration"] = props.pop("AnalyzerConfiguration")
    return {**wanted, **props}


api_type(
    "AWS::AccessAnalyzer::Analyzer",
    service="accessanalyzer",
    create="create_analyzer",
    params=_params,
    physical_id=lambda answer, props: str(answer["arn"]),
    attributes=lambda answer, props: {"Arn": answer["arn"]},
    delete="delete_analyzer",
    delete_params=lambda physical_id: {"analyzerName": physical_id.rpartition("/")[2]},
    describe_call="get_analyzer",
    describe_params=lambda physical_id: {"analyzerName": physical_id.rpartition("/")[2]},
    described=lambda answer: {**answer["analyzer"], "AnalyzerName": answer["analyzer"]["name"]},
    record_only=True,
)
