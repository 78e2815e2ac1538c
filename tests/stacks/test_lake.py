"""Lake: five buckets, secure by construction, emptied by lifecycle and kept without the second key."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.stacks.assembly import Assembly, synthesise_core

ZONES = ["Artifacts", "Curated", "Logs", "Raw", "Warehouse"]


def buckets(assembly: Assembly) -> dict[str, dict[str, Any]]:
    """Buckets by the construct id that their logical id begins with."""
    found = assembly.resources("AWS::S3::Bucket", stack="Lake")
    return {next(z for z in ZONES if name.startswith(f"Lake/{z}")): bucket for name, bucket in found.items()}


def rules(assembly: Assembly, zone: str) -> dict[str, dict[str, Any]]:
    lifecycle = buckets(assembly)[zone]["Properties"]["LifecycleConfiguration"]["Rules"]
    return {rule["Id"]: rule for rule in lifecycle}


def test_there_is_one_bucket_a_zone() -> None:
    assert sorted(buckets(synthesise_core())) == ZONES


@pytest.mark.parametrize("zone", ZONES)
def test_a_bucket_is_private_versioned_and_owned_by_us(zone: str) -> None:
    properties = buckets(synthesise_core())[zone]["Properties"]

    assert properties["PublicAccessBlockConfiguration"] == {
        "BlockPublicAcls": True,
        "BlockPublicPolicy": True,
        "IgnorePublicAcls": True,
        "RestrictPublicBuckets": True,
    }
    assert properties["VersioningConfiguration"] == {"Status": "Enabled"}
    assert properties["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]


@pytest.mark.parametrize("zone", [zone for zone in ZONES if zone != "Logs"])
def test_data_is_encrypted_with_our_key_logged_and_announced(zone: str) -> None:
    properties = buckets(synthesise_core())[zone]["Properties"]
    (encryption,) = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]

    assert encryption["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
    assert encryption["BucketKeyEnabled"] is True
    assert properties["LoggingConfiguration"]["LogFilePrefix"] == f"access/{zone.lower()}/"
    assert properties["NotificationConfiguration"] == {
        "EventBridgeConfiguration": {"EventBridgeEnabled": True}
    }


def test_access_logs_are_encrypted_by_s3_itself_as_s3_requires() -> None:
    (encryption,) = buckets(synthesise_core())["Logs"]["Properties"]["BucketEncryption"][
        "ServerSideEncryptionConfiguration"
    ]

    assert encryption["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}


@pytest.mark.parametrize("zone", ZONES)
def test_a_bucket_takes_tls_1_2_or_better_only(zone: str) -> None:
    policies = synthesise_core().resources("AWS::S3::BucketPolicy", stack="Lake").values()
    (policy,) = [p["Properties"] for p in policies if p["Properties"]["Bucket"]["Ref"].startswith(zone)]
    denied = [s["Condition"] for s in policy["PolicyDocument"]["Statement"] if s["Effect"] == "Deny"]

    assert {"Bool": {"aws:SecureTransport": "false"}} in denied
    assert {"NumericLessThan": {"s3:TlsVersion": 1.2}} in denied


def test_old_data_moves_to_colder_classes() -> None:
    raw = rules(synthesise_core("prod"), "Raw")["colder-classes"]["Transitions"]
    curated = rules(synthesise_core("prod"), "Curated")["colder-classes"]["Transitions"]

    assert [(each["StorageClass"], each["TransitionInDays"]) for each in raw] == [
        ("STANDARD_IA", 60),
        ("GLACIER_IR", 365),
    ]
    assert [each["StorageClass"] for each in curated] == ["STANDARD_IA"]


@pytest.mark.parametrize("zone", ["Raw", "Curated"])
def test_the_rule_says_that_small_objects_stay(zone: str) -> None:
    """S3's own default since 2024, for every class: objects below 128 KB do not move."""
    rule = rules(synthesise_core("prod"), zone)["colder-classes"]

    assert int(rule["ObjectSizeGreaterThan"]) == 128 * 1024 - 1


@pytest.mark.parametrize("zone", ZONES)
def test_overwritten_versions_and_broken_uploads_go(zone: str) -> None:
    rule = rules(synthesise_core(), zone)["overwritten-versions"]

    assert rule["NoncurrentVersionExpiration"] == {"NoncurrentDays": 7}
    assert rule["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 7}
    assert rule["Status"] == "Enabled"


def test_downloads_that_are_not_continued_expire() -> None:
    rule = rules(synthesise_core(), "Raw")["downloads-in-progress"]

    assert (rule["Prefix"], rule["ExpirationInDays"]) == ("downloads/", 7)
    assert rule["NoncurrentVersionExpiration"] == {"NoncurrentDays": 1}


def test_logs_and_query_results_expire() -> None:
    assembly = synthesise_core()

    assert rules(assembly, "Logs")["old-logs"]["ExpirationInDays"] == 14
    assert rules(assembly, "Artifacts")["query-results"]["Prefix"] == "athena/"


@pytest.mark.parametrize(("environment", "policy"), [("dev", "Delete"), ("prod", "RetainExceptOnCreate")])
def test_buckets_go_only_with_both_keys(environment: str, policy: str) -> None:
    found = buckets(synthesise_core(environment)).values()

    assert {bucket["DeletionPolicy"] for bucket in found} == {policy}
    assert {bucket["UpdateReplacePolicy"] for bucket in found} == {policy.removesuffix("ExceptOnCreate")}


def test_nothing_but_cloudformation_makes_the_buckets() -> None:
    template = synthesise_core().template("Lake")

    assert "Custom::" not in json.dumps(template)
    assert "AWS::Lambda::Function" not in json.dumps(template)


def test_analysts_read_curated_data_and_write_nothing() -> None:
    policy = synthesise_core().only("AWS::IAM::ManagedPolicy", stack="Lake")
    statements = policy["PolicyDocument"]["Statement"]
    actions = {
        a for s in statements for a in ([s["Action"]] if isinstance(s["Action"], str) else s["Action"])
    }

    assert "Analysts" in str(policy["Groups"])
    assert actions == {"s3:GetObject", "s3:GetBucketLocation", "s3:ListBucket", "kms:Decrypt"}
    assert "Curated" in str(statements[0]["Resource"])
    assert "s3." in str(statements[-1]["Condition"]["StringEquals"]["kms:ViaService"])
