"""The public SSM parameters that AWS keeps for everyone: ids of the newest Amazon Linux images."""

from __future__ import annotations

import hashlib

from ministack.services import ssm

_FOLDER = "/aws/service/ami-amazon-linux-latest"
_IMAGES = tuple(
    f"{family}-{architecture}"
    for family in (
        "al2023-ami-kernel-default",
        "al2023-ami-kernel-6.1",
        "al2023-ami-kernel-6.12",
        "al2023-ami-minimal-kernel-default",
        "al2023-ami-minimal-kernel-6.1",
    )
    for architecture in ("arm64", "x86_64")
)


def install() -> None:
    """Serve the parameters that ministack does not know; the ids are made up, as nothing boots from them."""
    for image in _IMAGES:
        identifier = f"ami-{hashlib.sha256(image.encode()).hexdigest()[:17]}"
        ssm._PUBLIC_AMI_PARAMETERS.setdefault(f"{_FOLDER}/{image}", identifier)
