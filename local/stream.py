"""The stream, driven as a person on AWS would: a task that produces, a job run that reads."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

from confluent_kafka import Consumer, TopicPartition

from local import runtime, summary
from local.errors import UserFacingError
from local.layout import home

TASK_SECONDS, JOB_SECONDS = 180, 300
POLL_SECONDS = 0.5
DEFECTS = {"late": 0.02, "duplicates": 0.03, "malformed": 0.01}
"""Shares of events that the demo has the producer publish late, twice, or followed by an unreadable value."""
ENDED = frozenset({"SUCCESS", "FAILED", "CANCELLED"})


@dataclass(frozen=True)
class Replayed:
    """A day on the stream: what the producer had acknowledged, and the key of the job run that read it."""

    day: date
    run_key: str
    sent: dict[str, Any]
    alerts_before: int


Say = Callable[[str], None]


def replay(day: date, say: Say = lambda _: None) -> Replayed:
    """Produce a day's events with defects, and have the streaming job read all of them.

    Raises UserFacingError when the producer or the job fails.
    """
    asked = request()
    first = end_offsets(argument(asked, "topic"))
    alerts = sum(end_offsets(argument(asked, "alert-topic")).values())
    run_key = f"{day:%Y%m%d}-{int(time.time())}"
    say("producing")
    sent = _produce(day)
    asked["jobDriver"]["sparkSubmit"]["entryPointArguments"] += [
        *("--run-key", run_key, "--starting-offsets", json.dumps(first), "--available-now"),
    ]
    _read(asked, lambda state: say(f"{sent['produced']:,} events sent; job {state.lower()}"))
    return Replayed(day, run_key, sent, alerts)


def request() -> dict[str, Any]:
    """The deployed StartJobRun request."""
    name = summary.deployment()["stream"]["request_parameter"]
    if name is None:
        raise UserFacingError("No streaming job is deployed: the stacks Streaming and Spark must be on.")
    found: dict[str, Any] = json.loads(runtime.client("ssm").get_parameter(Name=name)["Parameter"]["Value"])
    return found


def argument(asked: dict[str, Any], name: str) -> str:
    """What the request gives the job as `--name`."""
    arguments = asked["jobDriver"]["sparkSubmit"]["entryPointArguments"]
    return str(arguments[arguments.index(f"--{name}") + 1])


def _produce(day: date) -> dict[str, Any]:
    """Run the producer's task; what it says was acknowledged."""
    ecs = runtime.client("ecs")
    [cluster] = ecs.list_clusters()["clusterArns"]
    families = ecs.list_task_definitions()["taskDefinitionArns"]
    definition = next(arn for arn in families if "event_producer" in arn)
    command = ["--day", day.isoformat()]
    command += [part for name, share in DEFECTS.items() for part in (f"--{name}", str(share))]
    network = summary.deployment()["containers"]
    started = ecs.run_task(
        cluster=cluster,
        taskDefinition=definition,
        launchType="FARGATE",
        networkConfiguration={
            "awsvpcConfiguration": {
                "subnets": network["subnets"],
                "securityGroups": network["security_groups"],
            }
        },
        overrides={"containerOverrides": [{"name": "event_producer", "command": command}]},
    )
    task = started["tasks"][0]["taskArn"]
    deadline = time.monotonic() + TASK_SECONDS
    while True:
        [found] = ecs.describe_tasks(cluster=cluster, tasks=[task])["tasks"]
        if found["lastStatus"] == "STOPPED" or time.monotonic() > deadline:
            break
        time.sleep(POLL_SECONDS)
    said = _log(definition, task)
    if found["lastStatus"] != "STOPPED" or found["containers"][0].get("exitCode") != 0:
        raise UserFacingError(f"The event producer failed: {said[-1:] or found.get('stoppedReason')}.")
    sent: dict[str, Any] = json.loads(said[-1])
    return sent


def _read(asked: dict[str, Any], say: Say) -> None:
    """Run the streaming job to its end; `say` hears its state."""
    serverless = runtime.client("emr-serverless")
    run = serverless.start_job_run(**asked)
    identity = {"applicationId": run["applicationId"], "jobRunId": run["jobRunId"]}
    deadline = time.monotonic() + JOB_SECONDS
    while True:
        found = serverless.get_job_run(**identity)["jobRun"]
        say(found["state"])
        if found["state"] in ENDED or time.monotonic() > deadline:
            break
        time.sleep(POLL_SECONDS)
    if found["state"] != "SUCCESS":
        serverless.cancel_job_run(**identity)
        raise UserFacingError(
            f"The streaming job is {found['state']}: {found['stateDetails']} "
            f"(logs below {home() / 'emr-serverless'})."
        )


def _log(definition: str, task: str) -> list[str]:
    described = runtime.client("ecs").describe_task_definition(taskDefinition=definition)
    options = described["taskDefinition"]["containerDefinitions"][0]["logConfiguration"]["options"]
    name = f"{options['awslogs-stream-prefix']}/event_producer/{task.rpartition('/')[2]}"
    events = runtime.client("logs").get_log_events(
        logGroupName=options["awslogs-group"], logStreamName=name, startFromHead=True
    )["events"]
    return [event["message"] for event in events]


def bootstrap() -> str:
    """The brokers' addresses for the person at this machine."""
    [found] = json.loads((home() / "kafka" / "endpoints.json").read_text())
    return str(found["bootstrap"])


def topics() -> list[str]:
    """The stream's topics: events, dead letters, alerts."""
    asked = request()
    return [argument(asked, name) for name in ("topic", "dead-letter-topic", "alert-topic")]


def end_offsets(topic: str) -> dict[str, int]:
    """Offset behind the last record of each partition, from the brokers."""
    consumer = Consumer({"bootstrap.servers": bootstrap(), "group.id": "refstack-demo"})
    try:
        partitions = consumer.list_topics(topic, timeout=30).topics[topic].partitions
        return {
            str(number): consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=30)[1]
            for number in sorted(partitions)
        }
    finally:
        consumer.close()
