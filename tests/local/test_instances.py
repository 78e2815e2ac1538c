"""EC2 instances: an image that a parameter names, and user data that CloudFormation awaits."""

from __future__ import annotations

import base64
import json
import urllib.request
import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError, WaiterError

from local import faults, layout

pytestmark = pytest.mark.gateway

WAIT = {"Delay": 1, "MaxAttempts": 60}
SIGNAL = "/opt/aws/bin/cfn-signal --stack {stack} --resource Machine --region {region} -e $?"


def template(stack: str, script: str, *, image: str = "ami-1", tag: str = "first") -> str:
    """A stack with one machine that signals when its script has run."""
    user_data = "#!/bin/bash\n" + script.format(stack=stack, region=layout.REGION)
    machine = {
        "Type": "AWS::EC2::Instance",
        "CreationPolicy": {"ResourceSignal": {"Count": 1, "Timeout": "PT15M"}},
        "Properties": {
            "ImageId": image,
            "InstanceType": "t4g.micro",
            "UserData": base64.b64encode(user_data.encode()).decode(),
            "Tags": [{"Key": "stack", "Value": stack}, {"Key": "tag", "Value": tag}],
        },
    }
    return json.dumps({"Resources": {"Machine": machine}})


@pytest.fixture
def name() -> str:
    return f"machine-{uuid.uuid4().hex[:8]}"


def create(gateway: Any, name: str, script: str, **more: str) -> None:
    """Create the stack; WaiterError when that fails."""
    cloudformation = gateway.client("cloudformation")
    cloudformation.create_stack(StackName=name, TemplateBody=template(name, script, **more))
    cloudformation.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig=WAIT)


def machines(gateway: Any, name: str) -> list[dict[str, Any]]:
    """Instances of a stack that have not been terminated."""
    found = gateway.client("ec2").describe_instances(Filters=[{"Name": "tag:stack", "Values": [name]}])
    instances = [one for reservation in found["Reservations"] for one in reservation["Instances"]]
    return [one for one in instances if one["State"]["Name"] == "running"]


def reasons(gateway: Any, name: str) -> list[str]:
    """What the machine's events say, the last first."""
    events = gateway.client("cloudformation").describe_stack_events(StackName=name)["StackEvents"]
    return [each.get("ResourceStatusReason", "") for each in events if each["LogicalResourceId"] == "Machine"]


def plan(gateway: Any, *planned: dict[str, str]) -> None:
    request = urllib.request.Request(gateway.url + faults.PATH, data=json.dumps(planned).encode())
    with urllib.request.urlopen(request):
        pass


def test_a_machine_that_signals_completes_its_stack(gateway, name):
    create(gateway, name, SIGNAL)

    [machine] = machines(gateway, name)
    assert f"Received SUCCESS signal with UniqueId {machine['InstanceId']}" in reasons(gateway, name)


@pytest.mark.parametrize(
    "script",
    [
        "echo done",
        "cfn-signal --stack {stack} --resource Other --region {region} -e 0",
        "cfn-signal --stack other --resource Machine --region {region} -e 0",
        "cfn-signal --stack {stack} --resource Machine --region nowhere-1 -e 0",
        "if true; then\n" + SIGNAL,
    ],
    ids=["nothing", "another resource", "another stack", "another region", "a script that ends early"],
)
def test_a_machine_that_does_not_signal_fails_its_stack_and_goes(gateway, name, script):
    with pytest.raises(WaiterError):
        create(gateway, name, script)

    assert "Failed to receive 1 resource signal(s) within the specified duration" in reasons(gateway, name)
    assert machines(gateway, name) == []


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("FAILURE", "Received FAILURE signal with UniqueId i-"),
        ("Timeout", "Failed to receive 1 resource signal"),
    ],
)
def test_a_machine_that_is_not_well_fails_its_stack(gateway, name, code, reason):
    plan(
        gateway,
        {
            "action": "cloudformation:SignalResource",
            "resource": f"{name}/Machine",
            "code": code,
            "message": "It does not forward",
        },
    )
    with pytest.raises(WaiterError):
        create(gateway, name, SIGNAL)

    assert any(each.startswith(reason) for each in reasons(gateway, name))
    assert machines(gateway, name) == []


def test_a_new_image_behind_a_parameter_replaces_nothing(gateway, name):
    ssm, cloudformation = gateway.client("ssm"), gateway.client("cloudformation")
    image = {"Name": f"/images/{name}", "Type": "String", "DataType": "aws:ec2:image"}
    ssm.put_parameter(**image, Value="ami-00000000000000001")
    parameter = f"resolve:ssm:/images/{name}"
    create(gateway, name, SIGNAL, image=parameter)
    [before] = machines(gateway, name)
    assert before["ImageId"] == "ami-00000000000000001"

    ssm.put_parameter(**image, Value="ami-00000000000000002", Overwrite=True)
    cloudformation.update_stack(
        StackName=name, TemplateBody=template(name, SIGNAL, image=parameter, tag="second")
    )
    cloudformation.get_waiter("stack_update_complete").wait(StackName=name, WaiterConfig=WAIT)

    [after] = machines(gateway, name)
    assert {"Key": "tag", "Value": "second"} in after["Tags"]
    assert (after["InstanceId"], after["ImageId"]) == (before["InstanceId"], before["ImageId"])


def test_only_a_parameter_of_an_image_launches_an_instance(gateway, name):
    ec2 = gateway.client("ec2")
    gateway.client("ssm").put_parameter(Name=name, Type="String", Value="ami-1")
    for wrong, says in ((name, "Unsupported data type"), ("/nowhere", "does not exist")):
        with pytest.raises(ClientError, match=says) as refused:
            ec2.run_instances(ImageId=f"resolve:ssm:{wrong}", MinCount=1, MaxCount=1)
        assert refused.value.response["Error"]["Code"] == "SsmInvalidParameter"

    public = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-6.1-arm64"
    [made] = ec2.run_instances(ImageId=f"resolve:ssm:{public}", MinCount=1, MaxCount=1)["Instances"]
    [newest] = gateway.client("ssm").get_parameters(Names=[public])["Parameters"]
    assert made["ImageId"] == newest["Value"]
