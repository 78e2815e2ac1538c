"""Glue: data-quality rulesets."""

from __future__ import annotations

from typing import Any

from local.resources.glue_jobs import glue_arn, retag, tagged
from local.resources.provisioner import Context, Created, Properties, ResourceType, call, resource_type
from local.services.clients import client


@resource_type("AWS::Glue::DataQualityRuleset")
class DataQualityRuleset(ResourceType):
    """Another name or target table makes another ruleset: UpdateDataQualityRuleset knows neither."""

    create_only = frozenset({"Name", "TargetTable"})

    def create(self, props: Properties, context: Context) -> Created:
        name = props.get("Name") or context.name(longest=255)
        call("glue", "create_data_quality_ruleset", {**tagged(props), "Name": name})
        return Created(name)

    def update(self, physical_id: str, old: Properties, new: Properties, context: Context) -> Created:
        if any(old.get(name) != new.get(name) for name in self.create_only):
            return self.create(new, context)
        changed = {name: new[name] for name in ("Description", "Ruleset") if name in new}
        client("glue").update_data_quality_ruleset(Name=physical_id, **changed)
        retag(f"dataQualityRuleset/{physical_id}", new)
        return Created(physical_id)

    def delete(self, physical_id: str, props: Properties, context: Context) -> None:
        client("glue").delete_data_quality_ruleset(Name=physical_id)

    def describe(self, physical_id: str) -> dict[str, Any]:
        found: dict[str, Any] = client("glue").get_data_quality_ruleset(Name=physical_id)
        arn = glue_arn(f"dataQualityRuleset/{physical_id}")
        return {**found, "Tags": client("glue").get_tags(ResourceArn=arn)["Tags"]}
