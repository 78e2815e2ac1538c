"""Service Quotas and EC2's offerings: an ordinary account, and a small one that a test plants."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator

import botocore.exceptions
import pytest

from local import account, layout

pytestmark = pytest.mark.gateway


@pytest.fixture(autouse=True)
def ordinary(gateway) -> Iterator[None]:
    yield
    plant(gateway)


def plant(gateway, **members) -> None:
    request = urllib.request.Request(gateway.url + account.PATH, json.dumps(members).encode(), method="POST")
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 200


def test_a_planted_quota_is_the_accounts_and_not_the_default(gateway):
    quotas = gateway.client("service-quotas")
    asked = {"ServiceCode": "codebuild", "QuotaCode": "L-5ED1D25B"}
    assert quotas.get_service_quota(**asked)["Quota"]["Value"] == 20

    plant(gateway, quotas={"codebuild/L-5ED1D25B": 0})

    assert quotas.get_service_quota(**asked)["Quota"]["Value"] == 0
    assert quotas.get_aws_default_service_quota(**asked)["Quota"]["Value"] == 1
    [listed] = quotas.list_service_quotas(ServiceCode="codebuild")["Quotas"]
    assert listed["QuotaName"] == "Concurrently running builds for ARM/Small environment"


def test_an_unknown_quota_is_refused(gateway):
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        gateway.client("service-quotas").get_service_quota(ServiceCode="ec2", QuotaCode="L-00000000")

    assert refused.value.response["Error"]["Code"] == "NoSuchResourceException"


def test_a_zone_lacks_the_types_that_are_taken_from_it(gateway):
    ec2, zone = gateway.client("ec2"), f"{layout.REGION}b"
    plant(gateway, not_offered={"m6g.xlarge": [zone]})

    offered = ec2.describe_instance_type_offerings(
        LocationType="availability-zone",
        Filters=[{"Name": "instance-type", "Values": ["m6g.xlarge", "t4g.micro"]}],
    )["InstanceTypeOfferings"]

    places = {(each["InstanceType"], each["Location"][-1]) for each in offered}
    assert places == {("m6g.xlarge", "a"), ("m6g.xlarge", "c")} | {("t4g.micro", each) for each in "abc"}


@pytest.mark.parametrize(
    ("kind", "vcpus"), [("t4g.nano", 2), ("m6g.medium", 1), ("m6g.xlarge", 4), ("m7g.4xlarge", 16)]
)
def test_an_instance_type_has_its_vcpus(gateway, kind, vcpus):
    [described] = gateway.client("ec2").describe_instance_types(InstanceTypes=[kind])["InstanceTypes"]

    assert described["VCpuInfo"]["DefaultVCpus"] == vcpus
