"""EC2 launches an instance from the image that an SSM parameter names: `resolve:ssm:<name>[:<version>]`.

https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/using-systems-manager-parameter-to-find-AMI.html
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ministack.services import ec2, ssm

PREFIX = "resolve:ssm:"
IMAGE = "aws:ec2:image"
"""Data type that a parameter must have."""


def install() -> None:
    """Resolve the parameter before ministack's RunInstances, which takes it for an image's id."""
    launch: Callable[[dict[str, Any]], Any] = ec2._ACTION_MAP["RunInstances"]

    def resolved(params: dict[str, Any]) -> Any:
        image = ec2._p(params, "ImageId")
        if not image.startswith(PREFIX):
            return launch(params)
        name = image.removeprefix(PREFIX)
        found, _ = ssm._select_parameter(name)
        if found is None:
            return _refused(f"The parameter {name} does not exist.")
        # AWS' own parameters, which belong to no account, have the type; ministack does not say so.
        own = found["ARN"].split(":")[4] == ""
        if not own and found.get("DataType", "text") != IMAGE:
            return _refused(
                f"Unsupported data type. The following parameter data types are supported: {IMAGE}"
            )
        return launch({**params, "ImageId": [found["Value"]]})

    ec2._ACTION_MAP["RunInstances"] = resolved


def _refused(message: str) -> Any:
    """Code and text of a refusal: https://github.com/aws/aws-cdk/issues/26712."""
    return ec2._error("SsmInvalidParameter", message, 400)
