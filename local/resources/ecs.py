"""CloudFormation types of Amazon ECS."""

from __future__ import annotations

from typing import Any

from local.resources.provisioner import (
    Context,
    Created,
    Properties,
    ResourceType,
    call,
    resource_type,
    tags,
)
from local.services.clients import client


@resource_type("AWS::ECS::Cluster")
class Cluster(ResourceType):
    """Its settings change in place, its name replaces it."""

    create_only = frozenset({"ClusterName"})

    def create(self, props: Properties, context: Context) -> Created:
        name = props.get("ClusterName") or context.name(longest=255)
        made = call("ecs", "create_cluster", {**_cluster(props), "clusterName": name, "tags": _tags(props)})
        return Created(name, {"Arn": made["cluster"]["clusterArn"]})

    def update(self, physical_id: str, old: Properties, new: Properties, context: Context) -> Created:
        if new.get("ClusterName", physical_id) != physical_id:
            return self.create(new, context)
        made = call("ecs", "update_cluster", {**_cluster(new), "cluster": physical_id})
        arn = made["cluster"]["clusterArn"]
        _retag(arn, old, new)
        return Created(physical_id, {"Arn": arn})

    def delete(self, physical_id: str, props: Properties, context: Context) -> None:
        client("ecs").delete_cluster(cluster=physical_id)

    def describe(self, physical_id: str) -> dict[str, Any]:
        found = client("ecs").describe_clusters(
            clusters=[physical_id], include=["CONFIGURATIONS", "SETTINGS", "TAGS"]
        )
        [cluster] = found["clusters"]
        return {**cluster, "ClusterSettings": cluster["settings"]}


@resource_type("AWS::ECS::TaskDefinition")
class TaskDefinition(ResourceType):
    """Tags change in place; any other change registers the family's next revision."""

    def create(self, props: Properties, context: Context) -> Created:
        family = props.get("Family") or context.name(longest=255)
        made = call("ecs", "register_task_definition", {**props, "Family": family, "Tags": _tags(props)})
        arn = made["taskDefinition"]["taskDefinitionArn"]
        return Created(arn, {"TaskDefinitionArn": arn})

    def update(self, physical_id: str, old: Properties, new: Properties, context: Context) -> Created:
        if {**old, "Tags": None} != {**new, "Tags": None}:
            return self.create(new, context)
        _retag(physical_id, old, new)
        return Created(physical_id, {"TaskDefinitionArn": physical_id})

    def delete(self, physical_id: str, props: Properties, context: Context) -> None:
        client("ecs").deregister_task_definition(taskDefinition=physical_id)

    def describe(self, physical_id: str) -> dict[str, Any]:
        found = client("ecs").describe_task_definition(taskDefinition=physical_id, include=["TAGS"])
        return {**found["taskDefinition"], "tags": found.get("tags", [])}


def _cluster(props: Properties) -> Properties:
    """CreateCluster's parameters of a template's, which has other names for two of them."""
    kept = {
        name: value for name, value in props.items() if name not in {"ClusterName", "ClusterSettings", "Tags"}
    }
    return {**kept, **({"settings": props["ClusterSettings"]} if "ClusterSettings" in props else {})}


def _tags(props: Properties) -> list[dict[str, str]]:
    return [{"key": one["Key"], "value": one["Value"]} for one in tags(props.get("Tags"))]


def _retag(arn: str, old: Properties, new: Properties) -> None:
    ecs = client("ecs")
    wanted = _tags(new)
    gone = {one["key"] for one in _tags(old)} - {one["key"] for one in wanted}
    if gone:
        ecs.untag_resource(resourceArn=arn, tagKeys=sorted(gone))
    if wanted:
        ecs.tag_resource(resourceArn=arn, tags=wanted)
