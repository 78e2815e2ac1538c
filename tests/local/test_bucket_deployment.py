"""The CDK's BucketDeployment: what it writes, removes, keeps and gives back."""

from __future__ import annotations

import io
import json
import zipfile

import pytest

from local.layout import BUCKET_LOCATION, REGION

pytestmark = pytest.mark.gateway

SOURCE, TARGET = "refstack-deployment-source", "refstack-deployment-target"


def archive(**files):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as bundle:
        for name, text in files.items():
            bundle.writestr(name.replace("__", "/") + ".txt", text)
    return content.getvalue()


@pytest.fixture(scope="module")
def s3(gateway):
    api = gateway.client("s3")
    for bucket in (SOURCE, TARGET):
        api.create_bucket(Bucket=bucket, CreateBucketConfiguration=BUCKET_LOCATION)
        api.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    return api


def apply(gateway, name, properties, outputs=None, *, update=False):
    """Create or update a stack with one deployment; return its outputs."""
    properties = {"ServiceToken": f"arn:aws:lambda:{REGION}:000000000000:function:none", **properties}
    resource = {"Type": "Custom::CDKBucketDeployment", "Properties": properties}
    template = {"Resources": {"Files": resource}, "Outputs": outputs or {"None": {"Value": "x"}}}
    cloudformation = gateway.client("cloudformation")
    call = cloudformation.update_stack if update else cloudformation.create_stack
    call(StackName=name, TemplateBody=json.dumps(template))
    waiter = cloudformation.get_waiter("stack_update_complete" if update else "stack_create_complete")
    waiter.wait(StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 30})
    [stack] = cloudformation.describe_stacks(StackName=name)["Stacks"]
    return {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}


def keys(s3, prefix):
    found = s3.list_objects_v2(Bucket=TARGET, Prefix=prefix)
    return [each["Key"] for each in found.get("Contents", [])]


def base(prefix, *sources):
    return {
        "SourceBucketNames": [SOURCE] * len(sources),
        "SourceObjectKeys": list(sources),
        "DestinationBucketName": TARGET,
        "DestinationBucketKeyPrefix": prefix,
    }


def test_an_archive_is_unpacked_under_the_prefix(gateway, s3):
    s3.put_object(Bucket=SOURCE, Key="a.zip", Body=archive(one="1", deep__two="2"))
    apply(gateway, "unpack", base("unpacked", "a.zip"))
    assert keys(s3, "unpacked/") == ["unpacked/deep/two.txt", "unpacked/one.txt"]


def test_files_that_left_the_source_are_pruned_and_excluded_ones_stay(gateway, s3):
    s3.put_object(Bucket=SOURCE, Key="b1.zip", Body=archive(old="1", kept="2"))
    s3.put_object(Bucket=SOURCE, Key="b2.zip", Body=archive(new="3", kept="2", skipped="4"))
    s3.put_object(Bucket=TARGET, Key="pruned/mine.log", Body=b"")
    filters = {"Exclude": ["*.log", "skipped.txt"]}
    apply(gateway, "prune", {**base("pruned", "b1.zip"), **filters})
    apply(gateway, "prune", {**base("pruned", "b2.zip"), **filters}, update=True)
    assert keys(s3, "pruned/") == ["pruned/kept.txt", "pruned/mine.log", "pruned/new.txt"]


def test_without_prune_nothing_is_removed(gateway, s3):
    s3.put_object(Bucket=TARGET, Key="unpruned/mine.txt", Body=b"")
    s3.put_object(Bucket=SOURCE, Key="c.zip", Body=archive(new="3"))
    apply(gateway, "unpruned", {**base("unpruned", "c.zip"), "Prune": False})
    assert keys(s3, "unpruned/") == ["unpruned/mine.txt", "unpruned/new.txt"]


def test_an_unextracted_source_is_copied_and_its_version_given_back(gateway, s3):
    s3.put_object(Bucket=SOURCE, Key="requirements.txt", Body=b"pg8000")
    properties = {
        **base("requirements", "requirements.txt"),
        "Extract": False,
        "Prune": False,
        "OutputObjectVersionIds": True,
    }
    version = {"Value": {"Fn::Select": [0, {"Fn::GetAtt": ["Files", "SourceObjectVersionIds"]}]}}
    outputs = apply(gateway, "versions", properties, {"Version": version})
    current = s3.head_object(Bucket=TARGET, Key="requirements/requirements.txt")
    assert outputs["Version"] == current["VersionId"]
    assert current["ContentType"] == "text/plain"


def test_markers_are_replaced(gateway, s3):
    s3.put_object(Bucket=SOURCE, Key="d.zip", Body=archive(config="bucket=<<marker:0>>"))
    properties = {**base("marked", "d.zip"), "SourceMarkers": [{"<<marker:0>>": "resolved"}]}
    apply(gateway, "markers", properties)
    assert s3.get_object(Bucket=TARGET, Key="marked/config.txt")["Body"].read() == b"bucket=resolved"


def test_deleting_the_stack_removes_the_files_unless_they_are_retained(gateway, s3):
    s3.put_object(Bucket=SOURCE, Key="e.zip", Body=archive(file="1"))
    cloudformation = gateway.client("cloudformation")
    for name, retain in (("retained", True), ("removed", False)):
        apply(gateway, name, {**base(name, "e.zip"), "RetainOnDelete": retain})
        cloudformation.delete_stack(StackName=name)
        waiter = cloudformation.get_waiter("stack_delete_complete")
        waiter.wait(StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 30})
    assert keys(s3, "retained/") == ["retained/file.txt"]
    assert keys(s3, "removed/") == []
