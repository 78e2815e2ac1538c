"""EMR's API for steps, instances, scaling and termination policies, security configurations."""

from __future__ import annotations

import copy
import json
from typing import Any

from local.services import emr_lifecycle as lifecycle
from local.services.emr import identifier, invalid, known, now, page, security_configurations, service
from local.services.emr_requests import (
    RequestError,
    check_auto_termination,
    check_managed_scaling,
    check_steps,
)
from local.services.service import Request

STEPS_AT_ONCE = 256
CANCELLABLE = frozenset({"PENDING", "RUNNING"})


def new_steps(
    given: list[dict[str, Any]], cluster: dict[str, Any], execution_role: str | None
) -> list[dict[str, Any]]:
    """Step records, as DescribeStep tells them, for step configurations as requests hold them."""
    steps = []
    for step in given:
        program = step["HadoopJarStep"]
        config: dict[str, Any] = {
            "Jar": program["Jar"],
            "Properties": {item["Key"]: item["Value"] for item in program.get("Properties", [])},
            "Args": program.get("Args", []),
        }
        if "MainClass" in program:
            config["MainClass"] = program["MainClass"]
        record = {
            "Id": identifier("s-"),
            "Name": step["Name"],
            "Config": config,
            "ActionOnFailure": step.get("ActionOnFailure", "CONTINUE"),
            "Status": {"State": "PENDING", "StateChangeReason": {}, "Timeline": {"CreationDateTime": now()}},
            **({"ExecutionRoleArn": execution_role} if execution_role else {}),
            **({"LogUri": cluster["LogUri"]} if "LogUri" in cluster else {}),
        }
        steps.append(record)
    return steps


@service.operation("AddJobFlowSteps")
def add_job_flow_steps(request: Request) -> dict[str, Any]:
    given = request.params
    with lifecycle.changed:
        record = lifecycle.clusters.get(given["JobFlowId"])
        if record is None:
            raise invalid("Specified job flow ID does not exist.")
        if not lifecycle.alive(record):
            raise invalid("A job flow that is shutting down, terminating, or finished may not be modified.")
        try:
            check_steps(given["Steps"], record["cluster"]["StepConcurrencyLevel"])
        except RequestError as problem:
            raise service.error(problem.code, str(problem)) from None
        unfinished = sum(step["Status"]["State"] not in lifecycle.ENDED_STEP for step in record["steps"])
        if unfinished + len(given["Steps"]) > STEPS_AT_ONCE:
            raise invalid(f"Maximum number of active steps for cluster exceeded: {STEPS_AT_ONCE}.")
        added = new_steps(given["Steps"], record["cluster"], given.get("ExecutionRoleArn"))
        record["steps"].extend(added)
        lifecycle.changed.notify_all()
        return {"StepIds": [step["Id"] for step in added]}


@service.operation("DescribeStep")
def describe_step(request: Request) -> dict[str, Any]:
    with lifecycle.changed:
        for step in known(request.params["ClusterId"])["steps"]:
            if step["Id"] == request.params["StepId"]:
                return {"Step": copy.deepcopy(step)}
    raise service.error("InvalidRequestException", f"Step id '{request.params['StepId']}' is not valid.")


@service.operation("ListSteps")
def list_steps(request: Request) -> dict[str, Any]:
    """The newest step first."""
    given = request.params
    states, ids = given.get("StepStates"), given.get("StepIds")
    with lifecycle.changed:
        listed = [
            copy.deepcopy({name: value for name, value in step.items() if name != "ExecutionRoleArn"})
            for step in reversed(known(given["ClusterId"])["steps"])
            if (not states or step["Status"]["State"] in states) and (not ids or step["Id"] in ids)
        ]
    return page(listed, given.get("Marker"), "Steps")


@service.operation("CancelSteps")
def cancel_steps(request: Request) -> dict[str, Any]:
    with lifecycle.changed:
        steps = {step["Id"]: step for step in known(request.params["ClusterId"])["steps"]}
        answers = []
        for step_id in request.params["StepIds"]:
            step = steps.get(step_id)
            if step is None:
                answers.append({"StepId": step_id, "Status": "FAILED", "Reason": "Step does not exist."})
            elif lifecycle.cancel(step):
                answers.append({"StepId": step_id, "Status": "SUBMITTED"})
            else:
                reason = f"Step is in state {step['Status']['State']} and cannot be cancelled."
                answers.append({"StepId": step_id, "Status": "FAILED", "Reason": reason})
    return {"CancelStepsInfoList": answers}


@service.operation("ListInstanceGroups")
def list_instance_groups(request: Request) -> dict[str, Any]:
    return {"InstanceGroups": _collection(request, "INSTANCE_GROUP")}


@service.operation("ListInstanceFleets")
def list_instance_fleets(request: Request) -> dict[str, Any]:
    return {"InstanceFleets": _collection(request, "INSTANCE_FLEET")}


def _collection(request: Request, kind: str) -> list[dict[str, Any]]:
    with lifecycle.changed:
        record = known(request.params["ClusterId"])
        if record["cluster"]["InstanceCollectionType"] != kind:
            asked = "instance groups" if kind == "INSTANCE_GROUP" else "instance fleets"
            raise service.error("InvalidRequestException", f"The cluster does not use {asked}.")
        return copy.deepcopy(list(record["collection"]))


@service.operation("ListInstances")
def list_instances(request: Request) -> dict[str, Any]:
    """The one machine that there is stands for the master node."""
    with lifecycle.changed:
        record = known(request.params["ClusterId"])
        part = record["collection"][0]
        member = "InstanceGroupId" if "InstanceGroupType" in part else "InstanceFleetId"
        running = "RUNNING" if lifecycle.alive(record) else "TERMINATED"
        instance = {
            "Id": f"ci-{record['node'][2:]}",
            "Ec2InstanceId": record["node"],
            "PrivateIpAddress": "127.0.0.1",
            "PrivateDnsName": "localhost",
            "Status": {"State": running, "StateChangeReason": {}, "Timeline": {}},
            member: part["Id"],
        }
    return {"Instances": [instance]}


@service.operation("ListBootstrapActions")
def list_bootstrap_actions(request: Request) -> dict[str, Any]:
    actions = known(request.params["ClusterId"])["bootstrap_actions"]
    listed = [
        {
            "Name": action["Name"],
            "ScriptPath": action["ScriptBootstrapAction"]["Path"],
            "Args": action["ScriptBootstrapAction"].get("Args", []),
        }
        for action in actions
    ]
    return page(listed, request.params.get("Marker"), "BootstrapActions")


@service.operation("PutAutoTerminationPolicy")
def put_auto_termination_policy(request: Request) -> None:
    _put_policy(request, "auto_termination", request.params.get("AutoTerminationPolicy"))


@service.operation("RemoveAutoTerminationPolicy")
def remove_auto_termination_policy(request: Request) -> None:
    _put_policy(request, "auto_termination", None)


@service.operation("GetAutoTerminationPolicy")
def get_auto_termination_policy(request: Request) -> dict[str, Any]:
    policy = known(request.params["ClusterId"])["auto_termination"]
    return {} if policy is None else {"AutoTerminationPolicy": policy}


@service.operation("PutManagedScalingPolicy")
def put_managed_scaling_policy(request: Request) -> None:
    _put_policy(request, "managed_scaling", request.params["ManagedScalingPolicy"])


@service.operation("RemoveManagedScalingPolicy")
def remove_managed_scaling_policy(request: Request) -> None:
    _put_policy(request, "managed_scaling", None)


@service.operation("GetManagedScalingPolicy")
def get_managed_scaling_policy(request: Request) -> dict[str, Any]:
    policy = known(request.params["ClusterId"])["managed_scaling"]
    return {} if policy is None else {"ManagedScalingPolicy": policy}


def _put_policy(request: Request, name: str, policy: dict[str, Any] | None) -> None:
    try:
        (check_auto_termination if name == "auto_termination" else check_managed_scaling)(policy)
    except RequestError as problem:
        raise service.error(problem.code, str(problem)) from None
    with lifecycle.changed:
        known(request.params["ClusterId"])[name] = policy
        lifecycle.changed.notify_all()


@service.operation("CreateSecurityConfiguration")
def create_security_configuration(request: Request) -> dict[str, Any]:
    name, text = request.params["Name"], request.params["SecurityConfiguration"]
    if name in security_configurations:
        raise service.error(
            "InvalidRequestException", f"Security configuration with name '{name}' already exists."
        )
    try:
        json.loads(text)
    except ValueError as problem:
        raise service.error(
            "InvalidRequestException", f"Security configuration is not valid JSON: {problem}"
        ) from None
    created = now()
    security_configurations[name] = {"Name": name, "SecurityConfiguration": text, "CreationDateTime": created}
    return {"Name": name, "CreationDateTime": created}


@service.operation("DescribeSecurityConfiguration")
def describe_security_configuration(request: Request) -> dict[str, Any]:
    return _security_configuration(request.params["Name"])


@service.operation("DeleteSecurityConfiguration")
def delete_security_configuration(request: Request) -> None:
    _security_configuration(request.params["Name"])
    del security_configurations[request.params["Name"]]


@service.operation("ListSecurityConfigurations")
def list_security_configurations(request: Request) -> dict[str, Any]:
    listed = [
        {name: configuration[name] for name in ("Name", "CreationDateTime")}
        for configuration in security_configurations.values()
    ]
    return page(listed, request.params.get("Marker"), "SecurityConfigurations")


def _security_configuration(name: str) -> dict[str, Any]:
    if name not in security_configurations:
        raise service.error(
            "InvalidRequestException", f"Security configuration with name '{name}' does not exist."
        )
    return security_configurations[name]
