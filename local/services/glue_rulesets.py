"""Glue Data Quality: rulesets, their text parsed and checked when they are made."""

from __future__ import annotations

import copy
from typing import Any

from botocore.exceptions import ClientError

from local.engines import dqdl, dqdl_types
from local.services.clients import client
from local.services.glue import invalid, ministack_tags, not_found, now, page, service
from local.services.service import Request

rulesets: dict[str, dict[str, Any]] = service.state("rulesets")
"""By name: what GetDataQualityRuleset tells of each ruleset."""


def known_ruleset(name: str) -> dict[str, Any]:
    """The ruleset called `name`. Raises EntityNotFoundException."""
    if name not in rulesets:
        raise not_found(f"Data quality ruleset {name} not found.")
    return rulesets[name]


def rules_of(text: str) -> list[dqdl.AnyRule]:
    """The rules of a ruleset's text. Raises InvalidInputException."""
    try:
        rules = dqdl.parse(text)
        dqdl_types.check(rules)
    except dqdl.DqdlError as problem:
        raise invalid(f"DataQuality rules cannot be parsed: {problem}") from None
    return rules


def arn(request: Request, name: str) -> str:
    """ARN of a ruleset."""
    return f"arn:aws:glue:{request.region}:{request.account}:dataQualityRuleset/{name}"


@service.resource(
    *("CreateDataQualityRuleset", "GetDataQualityRuleset", "UpdateDataQualityRuleset"),
    *("DeleteDataQualityRuleset", "ListDataQualityRulesets"),
)
def ruleset_arn(request: Request) -> str:
    """ARN of the ruleset that the call names."""
    return arn(request, request.params.get("Name", "*"))


@service.operation("CreateDataQualityRuleset")
def create_ruleset(request: Request) -> dict[str, Any]:
    given = request.params
    name = given["Name"]
    if name in rulesets:
        raise service.error("AlreadyExistsException", f"Data quality ruleset {name} already exists.")
    if "DataQualitySecurityConfiguration" in given:
        raise invalid("DataQualitySecurityConfiguration is not emulated.")
    rules_of(given["Ruleset"])
    target = given.get("TargetTable")
    if target:
        try:
            client("glue").get_table(DatabaseName=target["DatabaseName"], Name=target["TableName"])
        except ClientError as problem:
            raise not_found(f"The target table of {name}: {problem.response['Error']['Message']}") from None
    moment = now()
    rulesets[name] = {
        **{member: given[member] for member in ("Name", "Description", "Ruleset") if member in given},
        **({"TargetTable": target} if target else {}),
        "CreatedOn": moment,
        "LastModifiedOn": moment,
    }
    if given.get("Tags"):
        ministack_tags()[arn(request, name)] = dict(given["Tags"])
    return {"Name": name}


@service.operation("UpdateDataQualityRuleset")
def update_ruleset(request: Request) -> dict[str, Any]:
    given = request.params
    ruleset = known_ruleset(given["Name"])
    if "Ruleset" in given:
        rules_of(given["Ruleset"])
    ruleset.update({member: given[member] for member in ("Description", "Ruleset") if member in given})
    ruleset["LastModifiedOn"] = now()
    return {member: ruleset[member] for member in ("Name", "Description", "Ruleset") if member in ruleset}


@service.operation("GetDataQualityRuleset")
def get_ruleset(request: Request) -> dict[str, Any]:
    return copy.deepcopy(known_ruleset(request.params["Name"]))


@service.operation("ListDataQualityRulesets")
def list_rulesets(request: Request) -> dict[str, Any]:
    """Those that the filter leaves, by name; by tags and times as well."""
    wanted = request.params.get("Filter", {})
    tags = request.params.get("Tags", {})
    found = []
    for name in sorted(rulesets):
        ruleset = rulesets[name]
        carried = ministack_tags().get(arn(request, name), {})
        if _passes(ruleset, wanted) and tags.items() <= carried.items():
            shown = {member: value for member, value in ruleset.items() if member != "Ruleset"}
            found.append({**copy.deepcopy(shown), "RuleCount": len(rules_of(ruleset["Ruleset"]))})
    return page(found, request.params, "Rulesets", 1000)


def _passes(ruleset: dict[str, Any], wanted: dict[str, Any]) -> bool:
    limits = [
        ("CreatedBefore", ruleset["CreatedOn"], True),
        ("CreatedAfter", ruleset["CreatedOn"], False),
        ("LastModifiedBefore", ruleset["LastModifiedOn"], True),
        ("LastModifiedAfter", ruleset["LastModifiedOn"], False),
    ]
    return (
        ruleset["Name"] == wanted.get("Name", ruleset["Name"])
        and ruleset.get("Description") == wanted.get("Description", ruleset.get("Description"))
        and ruleset.get("TargetTable") == wanted.get("TargetTable", ruleset.get("TargetTable"))
        and all((moment < wanted[limit]) == before for limit, moment, before in limits if limit in wanted)
    )


@service.operation("DeleteDataQualityRuleset")
def delete_ruleset(request: Request) -> None:
    name = known_ruleset(request.params["Name"])["Name"]
    del rulesets[name]
    ministack_tags().pop(arn(request, name), None)
