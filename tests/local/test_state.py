"""A gateway that is stopped and started again is where it was; its engines' hooks have run."""

from __future__ import annotations

import json
import os
import time
import urllib.request

import pytest

from local import layout, processes
from local.layout import BUCKET_LOCATION
from local.toolchain import tools

pytestmark = pytest.mark.gateway


def restart(gateway):
    """Stop the gateway by its signal and start it again on the same home and port."""
    processes.stop("gateway", timeout=40)
    process = processes.spawn(
        "gateway",
        [tools().gateway_python, "-m", "local.gateway"],
        env={**os.environ, "PYTHONPATH": str(layout.ROOT)},
        cwd=layout.ROOT,
    )
    deadline = time.monotonic() + 60
    while True:
        try:
            with urllib.request.urlopen(f"{gateway.url}/_refstack/ready") as answer:
                return json.load(answer)
        except OSError:
            assert process.running(), process.log.read_text()[-2000:]
            assert time.monotonic() < deadline
            time.sleep(0.1)


def test_state_outlives_the_process(start_gateway):
    gateway = start_gateway()
    s3, kafka, iam = (gateway.client(name) for name in ("s3", "kafka", "iam"))
    s3.create_bucket(Bucket="refstack-kept", CreateBucketConfiguration=BUCKET_LOCATION)
    s3.put_bucket_versioning(Bucket="refstack-kept", VersioningConfiguration={"Status": "Enabled"})
    versions = [
        s3.put_object(Bucket="refstack-kept", Key="k", Body=body)["VersionId"] for body in (b"1", b"2")
    ]
    kafka.create_configuration(Name="kept", KafkaVersions=["3.8.x"], ServerProperties=b"num.partitions=1")
    iam.create_group(GroupName="kept")
    template = {"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}
    cloudformation = gateway.client("cloudformation")
    cloudformation.create_stack(StackName="kept", TemplateBody=json.dumps(template))
    cloudformation.get_waiter("stack_create_complete").wait(StackName="kept", WaiterConfig={"Delay": 1})

    assert restart(gateway)["restore_failures"] == []

    assert s3.get_object(Bucket="refstack-kept", Key="k")["Body"].read() == b"2"
    assert s3.get_object(Bucket="refstack-kept", Key="k", VersionId=versions[0])["Body"].read() == b"1"
    assert [one["Name"] for one in kafka.list_configurations()["Configurations"]] == ["kept"]
    assert [one["GroupName"] for one in iam.list_groups()["Groups"]] == ["kept"]
    [stack] = cloudformation.describe_stacks(StackName="kept")["Stacks"]
    assert stack["StackStatus"] == "CREATE_COMPLETE"
