"""CloudFormation types of Amazon EMR."""

from __future__ import annotations

import time
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

READY_SECONDS = 300.0
GROUPS = {"MasterInstanceGroup": "MASTER", "CoreInstanceGroup": "CORE"}
FLEETS = {"MasterInstanceFleet": "MASTER", "CoreInstanceFleet": "CORE"}
CHANGEABLE = frozenset(
    {"ManagedScalingPolicy", "AutoTerminationPolicy", "StepConcurrencyLevel", "VisibleToAllUsers"}
)
READY_STATES = frozenset({"RUNNING", "WAITING"})
ENDED_STATES = frozenset({"TERMINATED", "TERMINATED_WITH_ERRORS"})


@resource_type("AWS::EMR::SecurityConfiguration")
class SecurityConfiguration(ResourceType):
    """Any change replaces it, as on AWS."""

    create_only = frozenset({"Name", "SecurityConfiguration"})

    def create(self, props: Properties, context: Context) -> Created:
        name = props.get("Name") or context.name(longest=255)
        text = props["SecurityConfiguration"]
        call("emr", "create_security_configuration", {"Name": name, "SecurityConfiguration": text})
        return Created(name)

    def delete(self, physical_id: str, props: Properties, context: Context) -> None:
        emr = client("emr")
        names = [found["Name"] for found in emr.list_security_configurations()["SecurityConfigurations"]]
        if physical_id in names:
            emr.delete_security_configuration(Name=physical_id)

    def describe(self, physical_id: str) -> dict[str, Any]:
        return call("emr", "describe_security_configuration", {"Name": physical_id})


@resource_type("AWS::EMR::Cluster")
class Cluster(ResourceType):
    """A cluster that stands until its stack goes: it has to be ready before the stack is."""

    def create(self, props: Properties, context: Context) -> Created:
        request = {
            name: value
            for name, value in props.items()
            if name not in {"Instances", "Configurations", "Tags"}
        }
        request["Instances"] = _instances(props["Instances"])
        if "Configurations" in props:
            request["Configurations"] = [_configuration(each) for each in props["Configurations"]]
        request["Tags"] = tags(props.get("Tags"))
        cluster_id = call("emr", "run_job_flow", request)["JobFlowId"]
        cluster = _wait(cluster_id, READY_STATES | ENDED_STATES)
        if cluster["Status"]["State"] in ENDED_STATES:
            reason = cluster["Status"]["StateChangeReason"].get("Message", "no reason given")
            raise RuntimeError(f"The cluster {cluster_id} ended while starting: {reason}")
        return Created(cluster_id, {"Id": cluster_id, "MasterPublicDNS": cluster["MasterPublicDnsName"]})

    def update(self, physical_id: str, old: Properties, new: Properties, context: Context) -> Created:
        """Scaling, termination and concurrency change in place, everything else replaces the cluster."""
        changed = {name for name in {*old, *new} if old.get(name) != new.get(name)}
        if not changed <= {
            "ManagedScalingPolicy",
            "AutoTerminationPolicy",
            "StepConcurrencyLevel",
            "VisibleToAllUsers",
        }:
            return self.create(new, context)
        emr = client("emr")
        for name in changed & {"ManagedScalingPolicy", "AutoTerminationPolicy"}:
            if name in new:
                call("emr", f"put_{_snake(name)}", {"ClusterId": physical_id, name: new[name]})
            else:
                getattr(emr, f"remove_{_snake(name)}")(ClusterId=physical_id)
        if "StepConcurrencyLevel" in changed:
            level = int(new.get("StepConcurrencyLevel", 1))
            emr.modify_cluster(ClusterId=physical_id, StepConcurrencyLevel=level)
        if "VisibleToAllUsers" in changed:
            visible = str(new.get("VisibleToAllUsers", True)).lower() == "true"
            emr.set_visible_to_all_users(JobFlowIds=[physical_id], VisibleToAllUsers=visible)
        cluster = emr.describe_cluster(ClusterId=physical_id)["Cluster"]
        return Created(physical_id, {"Id": physical_id, "MasterPublicDNS": cluster["MasterPublicDnsName"]})

    def delete(self, physical_id: str, props: Properties, context: Context) -> None:
        emr = client("emr")
        emr.set_termination_protection(JobFlowIds=[physical_id], TerminationProtected=False)
        emr.terminate_job_flows(JobFlowIds=[physical_id])
        _wait(physical_id, ENDED_STATES)

    def describe(self, physical_id: str) -> dict[str, Any]:
        return call("emr", "describe_cluster", {"ClusterId": physical_id})["Cluster"]  # type: ignore[no-any-return]


def _wait(cluster_id: str, wanted: frozenset[str]) -> dict[str, Any]:
    """The cluster once it is in a wanted state. Raises TimeoutError."""
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        cluster: dict[str, Any] = client("emr").describe_cluster(ClusterId=cluster_id)["Cluster"]
        if cluster["Status"]["State"] in wanted:
            return cluster
        time.sleep(0.2)
    raise TimeoutError(
        f"The cluster {cluster_id} did not become {' or '.join(sorted(wanted))} in {READY_SECONDS} s"
    )


def _instances(given: dict[str, Any]) -> dict[str, Any]:
    """RunJobFlow's Instances of CloudFormation's, which names each group or fleet by what it is for."""
    groups = [{**given[name], "InstanceRole": role} for name, role in GROUPS.items() if name in given]
    groups += [{**group, "InstanceRole": "TASK"} for group in given.get("TaskInstanceGroups", [])]
    fleets = [{**given[name], "InstanceFleetType": role} for name, role in FLEETS.items() if name in given]
    fleets += [{**fleet, "InstanceFleetType": "TASK"} for fleet in given.get("TaskInstanceFleets", [])]
    own = {*GROUPS, *FLEETS, "TaskInstanceGroups", "TaskInstanceFleets"}
    kept = {name: value for name, value in given.items() if name not in own}
    return {
        **kept,
        **({"InstanceGroups": groups} if groups else {}),
        **({"InstanceFleets": fleets} if fleets else {}),
    }


def _configuration(given: dict[str, Any]) -> dict[str, Any]:
    """A configuration of RunJobFlow; CloudFormation calls its properties ConfigurationProperties."""
    configuration: dict[str, Any] = {"Classification": given["Classification"]}
    if "ConfigurationProperties" in given:
        configuration["Properties"] = given["ConfigurationProperties"]
    if "Configurations" in given:
        configuration["Configurations"] = [_configuration(each) for each in given["Configurations"]]
    return configuration


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")
