"""What happens to an EMR cluster after RunJobFlow: it starts, runs its steps by their rules, and ends.

Each cluster has one thread that decides, and each running step one that waits for Spark. All of them change
records only under `changed`, the condition that is notified of every change.
"""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from local.services import emr_bootstrap, emr_runner, state
from local.services.clients import client

START_SECONDS = 0.4
END_SECONDS = 0.3
ENDED_CLUSTER = frozenset({"TERMINATED", "TERMINATED_WITH_ERRORS"})
ENDED_STEP = frozenset({"COMPLETED", "FAILED", "CANCELLED", "INTERRUPTED"})
REASONS = {
    "RUNNING": {"Message": "Running step"},
    "WAITING": {"Message": "Cluster ready after last step completed."},
}
MANAGED_POLICY = "arn:aws:iam::aws:policy/service-role/AmazonEMRServicePolicy_v2"
MANAGED_POLICY_TAG = "for-use-with-amazon-emr-managed-policies"

clusters: dict[str, dict[str, Any]] = state.register("emr", "clusters")
"""By id: the cluster as DescribeCluster tells it, its steps as DescribeStep does, and what EMR keeps."""
changed = threading.Condition(threading.RLock())

_cancellations: dict[str, threading.Event] = {}
"""What stops a running step, by step id."""


def launch(cluster_id: str) -> None:
    """Let the cluster live: on a thread of its own, from whatever state its record is in."""
    threading.Thread(target=_live, args=(cluster_id,), name=f"emr-{cluster_id}", daemon=True).start()


def resume() -> None:
    """Let the clusters of an earlier gateway live on. Steps that were running when it stopped have failed."""
    with changed:
        for cluster_id, record in clusters.items():
            if not alive(record):
                continue
            for step in record["steps"]:
                if step["Status"]["State"] in {"RUNNING", "CANCEL_PENDING"}:
                    failure = {
                        "Reason": "Unknown Error.",
                        "Message": "The embedded AWS was stopped meanwhile.",
                    }
                    end_step(record, step, "FAILED", failure)
            launch(cluster_id)


def alive(record: dict[str, Any]) -> bool:
    """Whether the cluster has not ended, nor begun to end."""
    return record["ending"] is None and record["cluster"]["Status"]["State"] not in ENDED_CLUSTER


def terminate(record: dict[str, Any], code: str, message: str, *, errors: bool = False) -> None:
    """Begin to end the cluster; nothing happens to one that ends already."""
    with changed:
        if alive(record):
            record["ending"] = {"code": code, "message": message, "errors": errors}
            changed.notify_all()


def cancel(step: dict[str, Any]) -> bool:
    """Cancel a step that waits or runs; whether there was something to cancel."""
    with changed:
        current = step["Status"]["State"]
        if current == "PENDING" and step["Id"] not in _cancellations:
            _set_step(step, "CANCELLED", {"Message": "Cancelled by user"})
        elif current in {"PENDING", "RUNNING"}:
            if current == "RUNNING":
                step["Status"]["State"] = "CANCEL_PENDING"
            _cancellations[step["Id"]].set()
        else:
            return False
        changed.notify_all()
        return True


def end_step(
    record: dict[str, Any], step: dict[str, Any], outcome: str, failure: dict[str, str] | None = None
) -> None:
    """Note how a step ended, and do what its ActionOnFailure asks for."""
    with changed:
        if outcome == "FAILED":
            step["Status"]["FailureDetails"] = failure or {"Reason": "Unknown Error."}
        _set_step(step, outcome, {})
        if outcome == "FAILED" and step["ActionOnFailure"] in {"TERMINATE_CLUSTER", "TERMINATE_JOB_FLOW"}:
            terminate(record, "STEP_FAILURE", "Shut down as step failed", errors=True)
        elif outcome == "FAILED" and step["ActionOnFailure"] == "CANCEL_AND_WAIT":
            _cancel_waiting(record, "Cancelled as an earlier step failed")
        changed.notify_all()


def _live(cluster_id: str) -> None:
    record = clusters[cluster_id]
    if record["cluster"]["Status"]["State"] in {"STARTING", "BOOTSTRAPPING"}:
        _wait_for_end(record, START_SECONDS)
        problem = None if not alive(record) else _network_problem(record)
        if problem is not None:
            terminate(record, "VALIDATION_ERROR", problem, errors=True)
        if alive(record):
            _set_cluster(record, "BOOTSTRAPPING")
            problem = emr_bootstrap.run(record)
            if problem is not None:
                terminate(record, "BOOTSTRAP_FAILURE", problem, errors=True)
        if alive(record):
            with changed:
                record["cluster"]["Status"]["Timeline"]["ReadyDateTime"] = datetime.now(UTC)
                record["cluster"]["MasterPublicDnsName"] = f"{record['node']}.{cluster_id.lower()}.internal"
    idle_since = time.monotonic()
    with changed:
        while alive(record):
            busy = _start_steps(record)
            if busy:
                idle_since = time.monotonic()
            _set_cluster(record, "RUNNING" if busy else "WAITING")
            if not busy and record["cluster"]["AutoTerminate"]:
                failed = any(step["Status"]["State"] == "FAILED" for step in record["steps"])
                terminate(record, "ALL_STEPS_COMPLETED", f"Steps completed{' with errors' if failed else ''}")
                break
            policy = record["auto_termination"]
            left = None
            if not busy and policy is not None:
                left = policy.get("IdleTimeout", 60) - (time.monotonic() - idle_since)
                if left <= 0:
                    terminate(
                        record, "USER_REQUEST", "Auto-terminated: idle for longer than the policy allows"
                    )
                    break
            changed.wait(left)
    _end(record)


def _wait_for_end(record: dict[str, Any], seconds: float) -> None:
    """Wait, but no longer than until somebody ends the cluster."""
    with changed:
        changed.wait_for(lambda: not alive(record), seconds)


def _start_steps(record: dict[str, Any]) -> bool:
    """Start as many waiting steps, in order, as may run at once; whether any step waits or runs."""
    active = [step for step in record["steps"] if step["Status"]["State"] not in ENDED_STEP]
    started = [step for step in active if step["Id"] in _cancellations]
    free = record["cluster"]["StepConcurrencyLevel"] - len(started)
    for step in [step for step in active if step["Id"] not in _cancellations][: max(0, free)]:
        _cancellations[step["Id"]] = threading.Event()
        threading.Thread(target=_run, args=(record, step), name=f"emr-{step['Id']}", daemon=True).start()
    return bool(active)


def _run(record: dict[str, Any], step: dict[str, Any]) -> None:
    """Run one step to its end."""

    def on_start() -> None:
        with changed:
            if step["Status"]["State"] == "PENDING":
                step["Status"]["State"] = "RUNNING"
                step["Status"]["Timeline"]["StartDateTime"] = datetime.now(UTC)

    try:
        with changed:
            record["applications_started"] += 1
        outcome, failure = emr_runner.run(record, step, _cancellations[step["Id"]], on_start)
    except Exception as error:
        outcome, failure = (
            "FAILED",
            {"Reason": "Unknown Error.", "Message": f"{type(error).__name__}: {error}"},
        )
    with changed:
        del _cancellations[step["Id"]]
        end_step(record, step, outcome, failure)


def _end(record: dict[str, Any]) -> None:
    """Cancel what is left of the steps and note the end, once none runs any more."""
    ending = record["ending"]
    with changed:
        reason = {"Code": ending["code"], "Message": ending["message"]}
        _set_cluster(record, "TERMINATING", reason)
        _cancel_waiting(record, "Job terminated")
        for step in record["steps"]:
            if step["Status"]["State"] not in ENDED_STEP:
                cancel(step)
        changed.wait_for(lambda: not any(step["Id"] in _cancellations for step in record["steps"]))
    time.sleep(END_SECONDS)
    with changed:
        _set_cluster(record, "TERMINATED_WITH_ERRORS" if ending["errors"] else "TERMINATED", reason)
        record["cluster"]["Status"]["Timeline"]["EndDateTime"] = datetime.now(UTC)
        for part in record["collection"]:
            part["Status"]["State"] = "TERMINATED"
            part.update({name: 0 for name in ("RunningInstanceCount",) if name in part})
        changed.notify_all()


def _cancel_waiting(record: dict[str, Any], message: str) -> None:
    for step in record["steps"]:
        if step["Status"]["State"] == "PENDING" and step["Id"] not in _cancellations:
            _set_step(step, "CANCELLED", {"Message": message})


def _set_cluster(record: dict[str, Any], current: str, reason: dict[str, str] | None = None) -> None:
    with changed:
        status = record["cluster"]["Status"]
        if status["State"] != current:
            status["State"] = current
            status["StateChangeReason"] = REASONS.get(current, {}) if reason is None else reason
            changed.notify_all()


def _set_step(step: dict[str, Any], current: str, reason: dict[str, str]) -> None:
    step["Status"]["State"] = current
    step["Status"]["StateChangeReason"] = reason
    if current in ENDED_STEP:
        step["Status"]["Timeline"]["EndDateTime"] = datetime.now(UTC)


def _network_problem(record: dict[str, Any]) -> str | None:
    """Why the cluster cannot start in its network, found as the service role, which is who looks; or None."""
    cluster = record["cluster"]
    attributes = cluster["Ec2InstanceAttributes"]
    role = cluster["ServiceRole"]
    arn = (
        role if role.startswith("arn:") else f"arn:aws:iam::{cluster['ClusterArn'].split(':')[4]}:role/{role}"
    )
    groups = [
        attributes[name]
        for name in (
            "EmrManagedMasterSecurityGroup",
            "EmrManagedSlaveSecurityGroup",
            "ServiceAccessSecurityGroup",
        )
        if name in attributes
    ]
    subnets = attributes["RequestedEc2SubnetIds"]
    try:
        ec2 = client("ec2", role_arn=arn, session_name="emr")
        found = ec2.describe_subnets(SubnetIds=subnets)["Subnets"] if subnets else []
        members = ec2.describe_security_groups(GroupIds=groups)["SecurityGroups"] if groups else []
        policies = client("iam").list_attached_role_policies(RoleName=arn.rpartition("/")[2])[
            "AttachedPolicies"
        ]
    except ClientError as problem:
        return str(problem.response["Error"]["Message"])
    if len(found) < len(set(subnets)):
        return f"The subnet IDs {subnets} do not all exist."
    if len(members) < len(set(groups)):
        return f"The security groups {groups} do not all exist."
    if found and any(group["VpcId"] != found[0]["VpcId"] for group in members):
        return "The security groups and the subnet belong to different VPCs."
    if any(policy["PolicyArn"] == MANAGED_POLICY for policy in policies):
        tagged = [cluster, *found, *members]
        if not all(any(tag["Key"] == MANAGED_POLICY_TAG for tag in part.get("Tags", [])) for part in tagged):
            return (
                "Service role has insufficient EC2 permissions: with AmazonEMRServicePolicy_v2 the cluster, "
                f"its subnet and its security groups need the tag {MANAGED_POLICY_TAG}."
            )
    return None
