"""Which instance classes RDS offers for a PostgreSQL version, and in which zones."""

from __future__ import annotations

import re
from typing import Any

from local import account
from local.services import rds_offer
from local.services.ec2_offerings import ZONE_LETTERS
from local.services.rds import service
from local.services.service import Request

CLASS = re.compile(r"db\.(t3|t4g|m\d+[a-z]*|r\d+[a-z]*)\.[a-z0-9]+")
"""Classes of PostgreSQL that are offered here."""


@service.operation("DescribeOrderableDBInstanceOptions")
def describe_orderable_db_instance_options(request: Request) -> dict[str, Any]:
    """The zones that offer an instance class; no option at all where the version can no longer be created.

    https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DescribeOrderableDBInstanceOptions.html
    """
    params = request.params
    kind, version = params.get("DBInstanceClass"), params.get("EngineVersion", rds_offer.CURRENT)
    if params["Engine"] != "postgres" or not kind:
        raise service.error("InvalidParameterValue", "name a class of PostgreSQL: other lists are not here")
    lacking = account.planted().not_offered.get(kind, ())
    zones = [f"{request.region}{letter}" for letter in ZONE_LETTERS]
    there = [zone for zone in zones if zone not in lacking]
    if not there or version in rds_offer.NO_LONGER or not CLASS.fullmatch(kind):
        return {"OrderableDBInstanceOptions": []}
    return {
        "OrderableDBInstanceOptions": [
            {
                "Engine": "postgres",
                "EngineVersion": version,
                "DBInstanceClass": kind,
                "Vpc": True,
                "AvailabilityZones": [{"Name": zone} for zone in there],
            }
        ]
    }
