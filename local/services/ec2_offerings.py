"""EC2's instance types: their vCPUs, and the zones that offer them (a test may take some away)."""

from __future__ import annotations

import re
from typing import Any

from local import account
from local.services.ec2 import service
from local.services.service import Request

ZONE_LETTERS = "abc"
"""Of the zones that DescribeAvailabilityZones answers."""
VCPUS = {"nano": 2, "micro": 2, "small": 2, "medium": 2, "large": 2, "xlarge": 4}
"""By size, of the burstable families t3, t3a and t4g. Others have 1 for medium, and then the same.

https://docs.aws.amazon.com/ec2/latest/instancetypes/instance-types.html
"""


@service.operation("DescribeInstanceTypes")
def describe_instance_types(request: Request) -> dict[str, Any]:
    """Family, size and vCPUs of the types that are asked for by name."""
    names = request.params.get("InstanceTypes")
    if not names:
        raise service.error("InvalidParameterValue", "name the instance types: the list of all is not here")
    return {"InstanceTypes": [_described(name) for name in names]}


def _described(name: str) -> dict[str, Any]:
    family, _, size = name.partition(".")
    multiple = re.fullmatch(r"(\d+)xlarge", size)
    vcpus = 4 * int(multiple[1]) if multiple else VCPUS.get(size)
    if re.fullmatch(r"[cmr]\d+[a-z]*", family):
        vcpus = 1 if size == "medium" else None if size in ("nano", "micro", "small") else vcpus
    elif family not in ("t3", "t3a", "t4g"):
        vcpus = None
    if vcpus is None:
        raise service.error(
            "InvalidInstanceType", f"The following supplied instance types do not exist: [{name}]"
        )
    return {"InstanceType": name, "CurrentGeneration": True, "VCpuInfo": {"DefaultVCpus": vcpus}}


@service.operation("DescribeInstanceTypeOfferings")
def describe_instance_type_offerings(request: Request) -> dict[str, Any]:
    """The locations that offer the types of the filter `instance-type`.

    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstanceTypeOfferings.html
    """
    location_type = request.params.get("LocationType", "region")
    filters = {each["Name"]: each["Values"] for each in request.params.get("Filters", [])}
    if "instance-type" not in filters or set(filters) - {"instance-type", "location"}:
        raise service.error("InvalidParameterValue", "only the filters instance-type and location are here")
    if location_type not in ("region", "availability-zone"):
        raise service.error("InvalidParameterValue", f"the location type {location_type} is not here")
    zones = (
        [f"{request.region}{letter}" for letter in ZONE_LETTERS]
        if location_type == "availability-zone"
        else [request.region]
    )
    lacking = account.planted().not_offered
    return {
        "InstanceTypeOfferings": [
            {"InstanceType": kind, "LocationType": location_type, "Location": place}
            for kind in filters["instance-type"]
            for place in filters.get("location", zones)
            if place in zones and place not in lacking.get(kind, ())
        ]
    }
