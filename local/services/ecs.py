"""Amazon ECS: clusters and task definitions for Fargate. Tasks are in ecs_tasks.

There are no services and no container instances: their operations are not emulated, and say so.
"""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from typing import Any

from local.services.service import Request, Service

service = Service("ecs", validation_error="InvalidParameterException")
clusters: dict[str, dict[str, Any]] = service.state("clusters")
"""By name: what DescribeClusters tells of each cluster, its counts and tags apart."""
definitions: dict[str, dict[str, Any]] = service.state("definitions")
"""By `family:revision`: what DescribeTaskDefinition tells."""
tags: dict[str, dict[str, str]] = service.state("tags")
"""By ARN: tags of clusters, task definitions and tasks."""

tasks: dict[str, dict[str, Any]] = service.state("tasks")
"""By ARN: what DescribeTasks tells of each task."""

FARGATE_CPU = frozenset({"256", "512", "1024", "2048", "4096", "8192", "16384"})
OPTIONAL = {"CONFIGURATIONS": "configuration", "SETTINGS": "settings"}
"""Members of a cluster that DescribeClusters tells only when it is asked to."""


def now() -> datetime:
    """The present moment, in UTC."""
    return datetime.now(UTC)


def active(cluster_arn: str) -> list[dict[str, Any]]:
    """Tasks of a cluster that have not ended."""
    running = [task for task in list(tasks.values()) if task["lastStatus"] != "STOPPED"]
    return [task for task in running if task["clusterArn"] == cluster_arn]


def invalid(message: str) -> Exception:
    """The refusal of a request whose values make no sense."""
    return service.error("InvalidParameterException", message)


def cluster_named(reference: str | None) -> dict[str, Any]:
    """The cluster of a name or ARN. Raises ClusterNotFoundException."""
    name = (reference or "default").rpartition("/")[2]
    if name not in clusters:
        raise service.error("ClusterNotFoundException", "Cluster not found.")
    return clusters[name]


def definition_named(reference: str) -> dict[str, Any]:
    """The task definition of an ARN or `family:revision`, or a family's newest active one.

    Raises ClientException.
    """
    name = reference.rpartition("/")[2]
    if ":" in name:
        if name in definitions:
            return definitions[name]
    else:
        active = [each for each in _revisions(name) if each["status"] == "ACTIVE"]
        if active:
            return active[-1]
    raise service.error("ClientException", "Unable to describe task definition.")


def _revisions(family: str) -> list[dict[str, Any]]:
    found = [each for each in definitions.values() if each["family"] == family]
    return sorted(found, key=lambda each: int(each["revision"]))


def tag_list(arn: str) -> list[dict[str, str]]:
    """Tags of a resource as the API has them."""
    return [{"key": key, "value": value} for key, value in tags.get(arn, {}).items()]


def keep_tags(arn: str, given: list[dict[str, str]]) -> None:
    """Add tags to a resource."""
    if given:
        tags.setdefault(arn, {}).update({one["key"]: one.get("value", "") for one in given})


@service.resource("DeleteCluster", "UpdateCluster")
def cluster_arn(request: Request) -> str:
    """ARN of the cluster that the call names."""
    name = str(request.params.get("cluster", "default")).rpartition("/")[2]
    return f"arn:aws:ecs:{request.region}:{request.account}:cluster/{name}"


@service.operation("CreateCluster")
def create_cluster(request: Request) -> dict[str, Any]:
    """Creating a cluster that is there answers with it, as on AWS."""
    given = request.params
    name = given.get("clusterName", "default")
    if name not in clusters:
        arn = f"arn:aws:ecs:{request.region}:{request.account}:cluster/{name}"
        clusters[name] = {"clusterArn": arn, "clusterName": name, "status": "ACTIVE", **_settings(given)}
        keep_tags(arn, given.get("tags", []))
    return {"cluster": _cluster(clusters[name], {"SETTINGS", "TAGS"})}


@service.operation("UpdateCluster")
def update_cluster(request: Request) -> dict[str, Any]:
    cluster = cluster_named(request.params["cluster"])
    cluster.update(_settings({**cluster, **request.params}))
    return {"cluster": _cluster(cluster, {"SETTINGS", "TAGS"})}


def _settings(given: dict[str, Any]) -> dict[str, Any]:
    return {
        "settings": given.get("settings") or [{"name": "containerInsights", "value": "disabled"}],
        "configuration": given.get("configuration", {}),
        "capacityProviders": given.get("capacityProviders", []),
        "defaultCapacityProviderStrategy": given.get("defaultCapacityProviderStrategy", []),
    }


@service.operation("DescribeClusters")
def describe_clusters(request: Request) -> dict[str, Any]:
    asked = request.params.get("clusters") or ["default"]
    names = [each.rpartition("/")[2] for each in asked]
    include = set(request.params.get("include", []))
    missing = [each for each, name in zip(asked, names, strict=True) if name not in clusters]
    return {
        "clusters": [_cluster(clusters[name], include) for name in names if name in clusters],
        "failures": [{"arn": each, "reason": "MISSING"} for each in missing],
    }


def _cluster(cluster: dict[str, Any], include: set[str]) -> dict[str, Any]:
    hidden = {member for name, member in OPTIONAL.items() if name not in include}
    states = [task["lastStatus"] for task in active(cluster["clusterArn"])]
    shown = {name: value for name, value in copy.deepcopy(cluster).items() if name not in hidden}
    return {
        **shown,
        "registeredContainerInstancesCount": 0,
        "activeServicesCount": 0,
        "runningTasksCount": states.count("RUNNING"),
        "pendingTasksCount": len(states) - states.count("RUNNING"),
        "statistics": [],
        "tags": tag_list(cluster["clusterArn"]) if "TAGS" in include else [],
    }


@service.operation("ListClusters")
def list_clusters(request: Request) -> dict[str, Any]:
    return {"clusterArns": sorted(each["clusterArn"] for each in clusters.values())}


@service.operation("DeleteCluster")
def delete_cluster(request: Request) -> dict[str, Any]:
    cluster = cluster_named(request.params["cluster"])
    if active(cluster["clusterArn"]):
        raise service.error(
            "ClusterContainsTasksException", "The Cluster cannot be deleted while Tasks are active."
        )
    del clusters[cluster["clusterName"]]
    tags.pop(cluster["clusterArn"], None)
    return {"cluster": {**_cluster(cluster, set()), "status": "INACTIVE"}}


@service.operation("RegisterTaskDefinition")
def register_task_definition(request: Request) -> dict[str, Any]:
    given = {name: value for name, value in request.params.items() if name != "tags"}
    _check(given)
    family = given["family"]
    revision = max((int(each["revision"]) for each in _revisions(family)), default=0) + 1
    arn = f"arn:aws:ecs:{request.region}:{request.account}:task-definition/{family}:{revision}"
    definitions[f"{family}:{revision}"] = {
        **given,
        "taskDefinitionArn": arn,
        "revision": revision,
        "status": "ACTIVE",
        "compatibilities": ["EC2", "FARGATE"],
        "registeredAt": now(),
        "registeredBy": request.caller,
    }
    keep_tags(arn, request.params.get("tags", []))
    return {"taskDefinition": definitions[f"{family}:{revision}"], "tags": tag_list(arn)}


def _check(given: dict[str, Any]) -> None:
    """Refuse what Fargate refuses, and what is not emulated. Raises ClientException."""
    if given.get("requiresCompatibilities") != ["FARGATE"]:
        raise service.error(
            "ClientException", "Only task definitions that require FARGATE are emulated here."
        )
    if given.get("networkMode") != "awsvpc":
        raise service.error("ClientException", "Fargate only supports network mode 'awsvpc'.")
    if given.get("cpu") not in FARGATE_CPU or not given.get("memory"):
        raise service.error("ClientException", "No Fargate configuration exists for given values.")
    if len(given["containerDefinitions"]) != 1:
        raise service.error("ClientException", "Only tasks of one container are emulated here.")
    [container] = given["containerDefinitions"]
    driver = container.get("logConfiguration", {}).get("logDriver")
    if driver not in (None, "awslogs"):
        raise service.error("ClientException", f"The log driver {driver} is not emulated here; awslogs is.")
    if driver and not given.get("executionRoleArn"):
        raise service.error(
            "ClientException", "Fargate requires an execution role to support log driver awslogs."
        )


@service.operation("DescribeTaskDefinition")
def describe_task_definition(request: Request) -> dict[str, Any]:
    found = definition_named(request.params["taskDefinition"])
    answer: dict[str, Any] = {"taskDefinition": copy.deepcopy(found)}
    if "TAGS" in request.params.get("include", []):
        answer["tags"] = tag_list(found["taskDefinitionArn"])
    return answer


@service.operation("DeregisterTaskDefinition")
def deregister_task_definition(request: Request) -> dict[str, Any]:
    found = definition_named(request.params["taskDefinition"])
    found.update(status="INACTIVE", deregisteredAt=now())
    return {"taskDefinition": found}


@service.operation("ListTaskDefinitions")
def list_task_definitions(request: Request) -> dict[str, Any]:
    prefix, status = request.params.get("familyPrefix"), request.params.get("status", "ACTIVE")
    found = [
        each for each in definitions.values() if each["status"] == status and prefix in (None, each["family"])
    ]
    found.sort(
        key=lambda each: (each["family"], each["revision"]), reverse=request.params.get("sort") == "DESC"
    )
    return {"taskDefinitionArns": [each["taskDefinitionArn"] for each in found]}


@service.operation("ListTaskDefinitionFamilies")
def list_task_definition_families(request: Request) -> dict[str, Any]:
    prefix = request.params.get("familyPrefix", "")
    return {
        "families": sorted(
            {each["family"] for each in definitions.values() if each["family"].startswith(prefix)}
        )
    }


@service.operation("TagResource")
def tag_resource(request: Request) -> None:
    keep_tags(request.params["resourceArn"], request.params["tags"])


@service.operation("UntagResource")
def untag_resource(request: Request) -> None:
    kept = tags.get(request.params["resourceArn"], {})
    for key in request.params["tagKeys"]:
        kept.pop(key, None)


@service.operation("ListTagsForResource")
def list_tags_for_resource(request: Request) -> dict[str, Any]:
    return {"tags": tag_list(request.params["resourceArn"])}
