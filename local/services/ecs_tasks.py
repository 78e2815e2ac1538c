"""Tasks of ECS: run, watched, stopped; each is a process of its image's entry point."""

from __future__ import annotations

import copy
import threading
import uuid
from typing import Any

from local.engines.container import run
from local.services.ecs import (
    cluster_named,
    definition_named,
    invalid,
    keep_tags,
    now,
    service,
    tag_list,
    tasks,
)
from local.services.ecs_start import StartError, start
from local.services.service import Request

KEPT = 1000
"""Ended tasks that are still described; AWS forgets them after an hour."""

_lock = threading.RLock()
_stops: dict[str, threading.Event] = {}
"""What stops a task that is active, by ARN."""


@service.resource("RunTask")
def definition_arn(request: Request) -> str:
    """ARN of the task definition that is to run."""
    return str(definition_named(request.params["taskDefinition"])["taskDefinitionArn"])


@service.resource("DescribeTasks", "StopTask")
def task_arn(request: Request) -> str:
    """ARN of the (first) task that the call names."""
    named = request.params.get("task") or (request.params.get("tasks") or ["*"])[0]
    cluster = str(request.params.get("cluster", "default")).rpartition("/")[2]
    return f"arn:aws:ecs:{request.region}:{request.account}:task/{cluster}/{named.rpartition('/')[2]}"


@service.operation("RunTask")
def run_task(request: Request) -> dict[str, Any]:
    given = request.params
    cluster = cluster_named(given.get("cluster"))
    definition = definition_named(given["taskDefinition"])
    if definition["status"] != "ACTIVE":
        raise service.error("ClientException", "TaskDefinition is inactive")
    if given.get("launchType", "FARGATE") != "FARGATE":
        raise invalid("No Container Instances were found in your cluster.")
    if not given.get("networkConfiguration", {}).get("awsvpcConfiguration", {}).get("subnets"):
        raise invalid("Network Configuration must be provided when networkMode 'awsvpc' is specified.")
    names = {each["name"] for each in definition["containerDefinitions"]}
    for override in given.get("overrides", {}).get("containerOverrides", []):
        if override.get("name") not in names:
            raise invalid(
                f"Override for container named {override.get('name')} is not a container in the "
                "TaskDefinition."
            )
    made = [_run(request, cluster, definition) for _ in range(given.get("count", 1))]
    return {"tasks": made, "failures": []}


def _run(request: Request, cluster: dict[str, Any], definition: dict[str, Any]) -> dict[str, Any]:
    """Record a task and let it go; what RunTask answers."""
    given = request.params
    identifier = uuid.uuid4().hex
    arn = f"arn:aws:ecs:{request.region}:{request.account}:task/{cluster['clusterName']}/{identifier}"
    [container] = definition["containerDefinitions"]
    task = {
        "taskArn": arn,
        "clusterArn": cluster["clusterArn"],
        "taskDefinitionArn": definition["taskDefinitionArn"],
        "containers": [
            {
                "containerArn": f"{arn.replace(':task/', ':container/')}/{uuid.uuid4()}",
                "taskArn": arn,
                "name": container["name"],
                "image": container["image"],
                "lastStatus": "PENDING",
                "networkInterfaces": [],
                # The health check is for the first process of a container, which is not one here.
                "healthStatus": "UNKNOWN",
                "cpu": str(container.get("cpu", 0)),
            }
        ],
        "attributes": [],
        "attachments": [],
        "lastStatus": "PROVISIONING",
        "desiredStatus": "RUNNING",
        "cpu": definition["cpu"],
        "memory": definition["memory"],
        "launchType": "FARGATE",
        "platformVersion": "1.4.0",
        "platformFamily": "Linux",
        "group": given.get("group", f"family:{definition['family']}"),
        "startedBy": given.get("startedBy", ""),
        "overrides": given.get("overrides", {}),
        "enableExecuteCommand": False,
        "healthStatus": "UNKNOWN",
        "availabilityZone": f"{request.region}a",
        "version": 1,
        "createdAt": now(),
    }
    with _lock:
        tasks[arn] = task
        _stops[arn] = threading.Event()
        keep_tags(arn, given.get("tags", []))
        _forget()
    answer = copy.deepcopy(task)
    threading.Thread(
        target=_execute, args=(task, copy.deepcopy(definition)), name=identifier[:12], daemon=True
    ).start()
    return answer


def _forget() -> None:
    """Drop the oldest tasks that have ended."""
    ended = [arn for arn, task in tasks.items() if task["lastStatus"] == "STOPPED"]
    for arn in ended[: max(0, len(ended) - KEPT)]:
        del tasks[arn]


def _execute(task: dict[str, Any], definition: dict[str, Any]) -> None:
    """Take a task from its start to its end."""
    [container] = task["containers"]
    stop = _stops[task["taskArn"]]
    try:
        _note(task, "PENDING", pullStartedAt=now())
        started = start(task, definition)
        container["imageDigest"] = started.digest
        _note(task, "RUNNING", pullStoppedAt=now(), startedAt=now(), connectivity="CONNECTED")
        try:
            container["exitCode"] = run(started.container, stop, started.write)
        finally:
            started.close()
        code, reason = "EssentialContainerExited", "Essential container in task exited"
    except StartError as problem:
        code, reason = "TaskFailedToStart", str(problem)
        container["reason"] = reason
    except Exception as problem:
        code, reason = "TaskFailedToStart", f"{type(problem).__name__}: {problem}"
        container["reason"] = reason
    with _lock:
        del _stops[task["taskArn"]]
    _end(task, code, reason)


def _note(task: dict[str, Any], status: str, **fields: Any) -> None:
    with _lock:
        task.update(lastStatus=status, version=task["version"] + 1, **fields)
        task["containers"][0]["lastStatus"] = status


def _end(task: dict[str, Any], code: str, reason: str) -> None:
    """Note the end; a stop that somebody asked for keeps that one's code and reason."""
    with _lock:
        task.setdefault("stopCode", code)
        task.setdefault("stoppedReason", reason)
        moment = now()
        _note(task, "STOPPED", executionStoppedAt=moment, stoppedAt=moment, desiredStatus="STOPPED")
        task.setdefault("stoppingAt", moment)


@service.operation("DescribeTasks")
def describe_tasks(request: Request) -> dict[str, Any]:
    cluster = cluster_named(request.params.get("cluster"))
    tagged = "TAGS" in request.params.get("include", [])
    found, failures = [], []
    with _lock:
        for reference in request.params["tasks"]:
            task = _known(cluster, reference)
            if task is None:
                failures.append({"arn": reference, "reason": "MISSING"})
            else:
                shown = copy.deepcopy(task)
                found.append({**shown, "tags": tag_list(task["taskArn"])} if tagged else shown)
    return {"tasks": found, "failures": failures}


def _known(cluster: dict[str, Any], reference: str) -> dict[str, Any] | None:
    arn = f"{cluster['clusterArn'].replace(':cluster/', ':task/')}/{reference.rpartition('/')[2]}"
    return tasks.get(arn)


@service.operation("ListTasks")
def list_tasks(request: Request) -> dict[str, Any]:
    given = request.params
    cluster = cluster_named(given.get("cluster"))
    family, started_by = given.get("family"), given.get("startedBy")
    with _lock:
        found = [
            task["taskArn"]
            for task in tasks.values()
            if task["clusterArn"] == cluster["clusterArn"]
            and task["desiredStatus"] == given.get("desiredStatus", "RUNNING")
            and family in (None, task["taskDefinitionArn"].rpartition("/")[2].partition(":")[0])
            and started_by in (None, task["startedBy"])
        ]
    return {"taskArns": found}


@service.operation("StopTask")
def stop_task(request: Request) -> dict[str, Any]:
    task = _known(cluster_named(request.params.get("cluster")), request.params["task"])
    if task is None:
        raise invalid("The referenced task was not found.")
    with _lock:
        stop = _stops.get(task["taskArn"])
        if stop is not None:
            task.update(desiredStatus="STOPPED", stopCode="UserInitiated", stoppingAt=now())
            task["stoppedReason"] = request.params.get("reason") or "Task stopped by user"
            stop.set()
        return {"task": copy.deepcopy(task)}


@service.on_restore
def resume() -> None:
    """Tasks that were active when an earlier gateway stopped have ended with it."""
    for task in tasks.values():
        if task["lastStatus"] != "STOPPED":
            _end(task, "TerminationNotice", "The embedded AWS was stopped meanwhile.")
