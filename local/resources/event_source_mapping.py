"""Lambda's event source mappings, of whatever source."""

from __future__ import annotations

from typing import Any

from local.resources.provisioner import Context, Created, Properties, ResourceType, call, resource_type, tags
from local.services.clients import client


@resource_type("AWS::Lambda::EventSourceMapping")
class EventSourceMapping(ResourceType):
    """A mapping; its source, topics and starting position are for good."""

    create_only = frozenset(
        {
            *("EventSourceArn", "Topics", "StartingPosition", "StartingPositionTimestamp"),
            *("AmazonManagedKafkaEventSourceConfig", "SelfManagedEventSource"),
        }
    )

    def create(self, props: Properties, context: Context) -> Created:
        labels = {each["Key"]: each["Value"] for each in tags(props.get("Tags"))}
        wanted = {**props, **({"Tags": labels} if labels else {})}
        return _created(call("lambda", "create_event_source_mapping", wanted))

    def update(self, physical_id: str, old: Properties, new: Properties, context: Context) -> Created:
        if any(old.get(name) != new.get(name) for name in self.create_only):
            return self.create(new, context)
        wanted = {name: value for name, value in new.items() if name not in (*self.create_only, "Tags")}
        changed = call("lambda", "update_event_source_mapping", {"UUID": physical_id, **wanted})
        before, after = (
            {each["Key"]: each["Value"] for each in tags(props.get("Tags"))} for props in (old, new)
        )
        arn = changed["EventSourceMappingArn"]
        if gone := sorted(set(before) - set(after)):
            client("lambda").untag_resource(Resource=arn, TagKeys=gone)
        if after:
            client("lambda").tag_resource(Resource=arn, Tags=after)
        return _created(changed)

    def delete(self, physical_id: str, props: Properties, context: Context) -> None:
        client("lambda").delete_event_source_mapping(UUID=physical_id)

    def describe(self, physical_id: str) -> dict[str, Any]:
        found: dict[str, Any] = client("lambda").get_event_source_mapping(UUID=physical_id)
        labels = client("lambda").list_tags(Resource=found["EventSourceMappingArn"])["Tags"]
        return {
            **found,
            "FunctionName": found["FunctionArn"],
            "Enabled": found["State"] != "Disabled",
            "Tags": [{"Key": key, "Value": value} for key, value in labels.items()],
        }


def _created(mapping: dict[str, Any]) -> Created:
    arn = mapping["EventSourceMappingArn"]
    return Created(mapping["UUID"], {"Id": mapping["UUID"], "EventSourceMappingArn": arn})
