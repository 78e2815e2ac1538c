"""Access Analyzer: an account has one analyzer of a type, whoever made it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError, WaiterError

pytestmark = pytest.mark.gateway

WAIT = {"Delay": 1, "MaxAttempts": 30}


def create(gateway: Any, name: str) -> None:
    """Deploy a stack with an analyzer of the account; WaiterError when it fails."""
    template = {
        "Resources": {
            "Analyzer": {
                "Type": "AWS::AccessAnalyzer::Analyzer",
                "Properties": {"Type": "ACCOUNT", "AnalyzerName": name},
            }
        }
    }
    cloudformation = gateway.client("cloudformation")
    cloudformation.create_stack(StackName=name, TemplateBody=json.dumps(template))
    cloudformation.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig=WAIT)


def test_the_second_stack_with_an_analyzer_fails(gateway):
    analyzers = gateway.client("accessanalyzer")
    create(gateway, "first")
    assert analyzers.get_analyzer(analyzerName="first")["analyzer"]["type"] == "ACCOUNT"

    with pytest.raises(WaiterError):
        create(gateway, "second")

    events = gateway.client("cloudformation").describe_stack_events(StackName="second")["StackEvents"]
    [reason] = [
        each["ResourceStatusReason"]
        for each in events
        if each["LogicalResourceId"] == "Analyzer" and each["ResourceStatus"] == "CREATE_FAILED"
    ]
    assert "ServiceQuotaExceededException" in reason
    assert [each["name"] for each in analyzers.list_analyzers()["analyzers"]] == ["first"]


def test_each_type_has_its_own_quota(gateway):
    analyzers = gateway.client("accessanalyzer")
    analyzers.create_analyzer(analyzerName="unused", type="ACCOUNT_UNUSED_ACCESS")
    with pytest.raises(ClientError) as refused:
        analyzers.create_analyzer(analyzerName="unused-too", type="ACCOUNT_UNUSED_ACCESS")
    assert refused.value.response["Error"]["Code"] == "ServiceQuotaExceededException"
    analyzers.delete_analyzer(analyzerName="unused")
    analyzers.create_analyzer(analyzerName="unused-too", type="ACCOUNT_UNUSED_ACCESS")
