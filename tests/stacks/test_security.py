"""Security: keys, alerts topic, groups with MFA, the boundary of every role."""

from __future__ import annotations

import json

import pytest

from tests.stacks.assembly import synthesise_core


def test_keys_rotate_and_go_only_with_the_second_key() -> None:
    keys = synthesise_core().resources("AWS::KMS::Key", stack="Security")
    kept = synthesise_core("prod").resources("AWS::KMS::Key", stack="Security")

    assert len(keys) == 2
    assert all(key["Properties"]["EnableKeyRotation"] is True for key in keys.values())
    assert {key["DeletionPolicy"] for key in keys.values()} == {"Delete"}
    assert {key["DeletionPolicy"] for key in kept.values()} == {"RetainExceptOnCreate"}


def test_key_policies_let_services_in_for_this_account_only() -> None:
    keys = synthesise_core().resources("AWS::KMS::Key", stack="Security").values()
    statements = [s for key in keys for s in key["Properties"]["KeyPolicy"]["Statement"]]
    of_services = [s for s in statements if "Service" in s["Principal"]]

    # None for EventBridge, whose requests do not say on whose behalf they are made.
    services = {str(s["Principal"]["Service"]) for s in of_services if "Fn::Join" not in str(s["Principal"])}
    assert services == {"cloudwatch.amazonaws.com"}
    assert len(of_services) == 3
    for statement in of_services:
        assert "AWS::AccountId" in json.dumps(statement["Condition"]), statement["Sid"]


def test_key_policies_name_no_other_stack() -> None:
    policies = json.dumps(synthesise_core().template("Security"))

    assert "Fn::ImportValue" not in policies


def test_alerts_are_encrypted_and_take_tls_only() -> None:
    assembly = synthesise_core()
    topic = assembly.only("AWS::SNS::Topic", stack="Security")
    policy = assembly.only("AWS::SNS::TopicPolicy", stack="Security")["PolicyDocument"]["Statement"]

    assert "KmsMasterKeyId" in topic
    denied = [statement for statement in policy if statement["Effect"] == "Deny"]
    assert denied[0]["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    allowed = [statement for statement in policy if statement["Effect"] == "Allow"]
    assert [statement["Principal"]["Service"] for statement in allowed] == ["cloudwatch.amazonaws.com"]
    assert "AWS::AccountId" in str(allowed[0]["Condition"])


def test_without_mfa_members_can_only_set_up_mfa() -> None:
    policies = synthesise_core().resources("AWS::IAM::ManagedPolicy", stack="Security").values()
    (mfa,) = [p["Properties"] for p in policies if "MFA" in p["Properties"].get("Description", "")]
    (denied,) = [s for s in mfa["PolicyDocument"]["Statement"] if s["Effect"] == "Deny"]

    assert len(mfa["Groups"]) == 2
    assert denied["Condition"] == {"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}}
    assert denied["Resource"] == "*"
    assert set(denied["NotAction"]) >= {"iam:CreateVirtualMFADevice", "iam:EnableMFADevice"}
    assert not [action for action in denied["NotAction"] if "*" in action]


@pytest.mark.parametrize("environment", ["dev", "stage", "prod"])
def test_an_account_s_only_analyzer_is_made_where_the_settings_ask_for_it(environment: str) -> None:
    asked = synthesise_core(environment, environment__account_singletons="true")

    assert synthesise_core(environment).resources("AWS::AccessAnalyzer::Analyzer") == {}
    assert len(asked.resources("AWS::AccessAnalyzer::Analyzer")) == 1


def test_no_role_can_make_identities() -> None:
    policies = synthesise_core().resources("AWS::IAM::ManagedPolicy", stack="Security").values()
    (boundary,) = [p["Properties"] for p in policies if "Upper limit" in p["Properties"]["Description"]]
    denied = {
        action
        for statement in boundary["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Deny"
        for action in statement["Action"]
    }

    assert denied >= {
        "iam:CreateRole",
        "iam:CreateUser",
        "iam:Attach*",
        "iam:Put*",
        "kms:ScheduleKeyDeletion",
    }
