"""Who reaches the REST API behind a private web server: callers in a VPC, through MWAA's interface endpoint.

"While configuring a private webserver, the InvokeRestApi action cannot be invoked from outside of a Virtual
Private Cloud (VPC)": https://docs.aws.amazon.com/mwaa/latest/userguide/access-mwaa-apache-airflow-rest-api.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from local.services.clients import client

ENDPOINT = "airflow.env"
"""End of the name of the endpoint service that answers InvokeRestApi and the calls for tokens."""


def refusal(environment: Mapping[str, Any], caller: str) -> str | None:
    """Why the principal `caller` does not reach the environment's REST API, as a sentence; None when it does.

    A caller's network is that of the function or of the Airflow whose session it is.
    """
    if environment["WebserverAccessMode"] != "PRIVATE_ONLY":
        return None
    session = caller.rpartition("/")[2]
    inside = _subnets_of(session)
    if inside is None:
        return f"The web server of {environment['Name']} is private, and {caller} calls from outside of a VPC"
    endpoints = client("ec2").describe_vpc_endpoints()["VpcEndpoints"]
    if not any(
        each["VpcId"] == _vpc_of(inside[0]) and each["ServiceName"].endswith(f".{ENDPOINT}")
        for each in endpoints
    ):
        return (
            f"The web server of {environment['Name']} is private, and the VPC of {caller} has no interface "
            f"endpoint {ENDPOINT}: the call leaves it"
        )
    return None


def _subnets_of(session: str) -> list[str] | None:
    """Subnets of the function, or of the MWAA environment, that has a session of this name."""
    kind, _, name = session.partition("-")
    try:
        if kind == "AmazonMWAA":
            found = client("mwaa").get_environment(Name=name)["Environment"]["NetworkConfiguration"]
        else:
            found = client("lambda").get_function_configuration(FunctionName=session).get("VpcConfig", {})
    except ClientError:
        return None
    subnets: list[str] = found.get("SubnetIds", [])
    return subnets or None


def _vpc_of(subnet: str) -> str:
    return str(client("ec2").describe_subnets(SubnetIds=[subnet])["Subnets"][0]["VpcId"])
