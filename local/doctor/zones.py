"""Whether the availability zones have what the stacks put into them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from local.doctor.finding import Clients, Findings, fine, missing, unknown
from local.doctor.quotas import instance_types
from stacks.settings import Settings

ZONES = 3
"""How many zones the VPC has, and Redshift Serverless wants."""


def check(clients: Clients, settings: Settings, templates: Mapping[str, dict[str, Any]]) -> Findings:
    """The zones themselves, then instance types, the database and interface endpoints in them."""
    if not settings.stacks.network:
        return
    ec2 = clients("ec2")
    try:
        described = ec2.describe_availability_zones(
            Filters=[{"Name": "zone-type", "Values": ["availability-zone"]}]
        )["AvailabilityZones"]
    except ClientError as error:
        yield unknown("availability zones", error)
        return
    there = sorted(each["ZoneName"] for each in described if each["State"] == "available")
    region = ec2.meta.region_name
    chosen = [f"{region}{zone}" if len(zone) == 1 else zone for zone in settings.network.zones]
    zones = chosen or there[:ZONES]
    absent = sorted(set(zones) - set(there))
    if absent or len(zones) < ZONES:
        yield missing(
            f"{', '.join(absent)} is not a zone of {region}: {', '.join(there)}"
            if absent
            else f"{region} has fewer than three zones for this account: {', '.join(there)}",
            "choose three others with network.zones, or another region",
        )
        return
    yield fine(f"zones {', '.join(zones)}")
    yield from _instances(clients, settings, templates, zones)
    yield from _database(clients, settings, zones)
    yield from _endpoints(clients, settings, zones)


def _instances(
    clients: Clients, settings: Settings, templates: Mapping[str, dict[str, Any]], zones: list[str]
) -> Findings:
    wanted = set(instance_types(templates))
    if settings.stacks.spark:
        wanted |= {settings.spark.primary_instance_type, settings.spark.core_instance_type}
    for kind in sorted(wanted):
        try:
            pages = (
                clients("ec2")
                .get_paginator("describe_instance_type_offerings")
                .paginate(
                    LocationType="availability-zone",
                    Filters=[{"Name": "instance-type", "Values": [kind]}],
                )
            )
            offered = {each["Location"] for page in pages for each in page["InstanceTypeOfferings"]}
        except ClientError as error:
            yield unknown(f"zones with {kind}", error)
            continue
        without = [zone for zone in zones if zone not in offered]
        if without:
            yield missing(
                f"{', '.join(without)} does not offer {kind}",
                "choose other zones with network.zones, or another instance type",
            )
        else:
            yield fine(f"every zone offers {kind}")


def _database(clients: Clients, settings: Settings, zones: list[str]) -> Findings:
    if not settings.stacks.database:
        return
    kind, version = f"db.{settings.database.instance_type}", settings.database.engine_version
    try:
        options = clients("rds").describe_orderable_db_instance_options(
            Engine="postgres", EngineVersion=version, DBInstanceClass=kind, Vpc=True
        )["OrderableDBInstanceOptions"]
    except ClientError as error:
        yield unknown(f"PostgreSQL {version} on {kind}", error)
        return
    offered = {zone["Name"] for each in options for zone in each["AvailabilityZones"]}
    if offered & set(zones):
        yield fine(f"RDS offers PostgreSQL {version} on {kind}")
    else:
        yield missing(
            f"RDS does not offer PostgreSQL {version} on {kind} in {', '.join(zones)}",
            "choose another database.engine_version or database.instance_type",
        )


def _endpoints(clients: Clients, settings: Settings, zones: list[str]) -> Findings:
    names = settings.network.interface_endpoints
    if not names:
        return
    services = clients("ec2").describe_vpc_endpoint_services()["ServiceDetails"]
    offered = {each["ServiceName"].split(".", 3)[-1]: each["AvailabilityZones"] for each in services}
    for name in names:
        without = [zone for zone in zones if zone not in offered.get(name, ())]
        if without:
            yield missing(
                f"{', '.join(without)} has no interface endpoint for {name}",
                "choose other zones with network.zones, or leave the endpoint out",
            )
