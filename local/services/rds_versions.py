"""Changes of an RDS instance's PostgreSQL version: which ones RDS takes. No data are converted."""

from __future__ import annotations

from typing import Any

from ministack.services import rds as ministacks

from local.services.service import ServiceError


def check(instance: dict[str, Any], given: dict[str, Any]) -> None:
    """Raise InvalidParameterCombination, in RDS' words, unless the instance can get the version asked for.

    A new major version must be allowed, and needs a parameter group of its family:
    https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_ModifyDBInstance.html
    https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_UpgradeDBInstance.PostgreSQL.MajorVersion.html
    """
    old, new = instance["EngineVersion"], given.get("EngineVersion", instance["EngineVersion"])
    if _numbers(new) < _numbers(old):
        raise ServiceError("InvalidParameterCombination", f"Cannot upgrade postgres from {old} to {new}")
    if _numbers(new)[0] > _numbers(old)[0] and not given.get("AllowMajorVersionUpgrade"):
        raise ServiceError(
            "InvalidParameterCombination",
            "The AllowMajorVersionUpgrade flag must be present when upgrading to a new major version.",
        )
    [current] = instance["DBParameterGroups"]
    name = given.get("DBParameterGroupName", current["DBParameterGroupName"])
    group = ministacks._param_groups.get(name)
    family = f"postgres{_numbers(new)[0]}"
    if group is not None and group["DBParameterGroupFamily"] != family:
        raise ServiceError(
            "InvalidParameterCombination",
            f"The parameter group {name} with DBParameterGroupFamily {group['DBParameterGroupFamily']} "
            "can't be used for this instance. Please use a parameter group with DBParameterGroupFamily "
            f"{family}",
        )


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
