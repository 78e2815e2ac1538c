"""CreationPolicy of an instance: the signals that CloudFormation awaits of a machine that never boots here.

Nothing runs the user data, so it is read: it is to be a script that Bash can parse, and to send the signal
of this resource of this stack. What does, signals success; what does not, fails the resource at once, as a
passed timeout does on AWS. SignalResource from outside is not awaited.

A planned fault of `cloudformation:SignalResource` on `<stack>/<logical id>` stands for a machine that booted
and is not well: with the code FAILURE it says so, with any other it never signals.
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-creationpolicy.html
"""

from __future__ import annotations

import re
import subprocess
from typing import Any

from ministack.services.cloudformation import provisioners, stacks, wait_conditions

from local import faults
from local.resources.provisioner import Context

SIGNAL = re.compile(r"cfn-signal (?P<options>[^\n|;&]+)")
"""How a script signals: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cfn-signal.html"""
NO_SIGNAL = "Failed to receive {count} resource signal(s) within the specified duration"


def await_signal(context: Context, kind: str, instance_id: str, user_data: str) -> None:
    """Send what the instance would signal, if the resource has a CreationPolicy.

    Raises RuntimeError, in CloudFormation's words, when that is not a success for each signal awaited.
    """
    definition = provisioners._cfn_wait_condition_definition(context.stack_name, context.logical_id)
    policy: dict[str, Any] = definition.get("CreationPolicy", {})
    if "ResourceSignal" not in policy:
        return
    count = wait_conditions.validate_count(policy["ResourceSignal"].get("Count"), context.logical_id)
    wait_conditions.validate_resource_signal_timeout(
        policy["ResourceSignal"].get("Timeout"), context.logical_id
    )
    fault = faults.due(
        "cloudformation:SignalResource", f"{context.stack_name}/{context.logical_id}", instance_id
    )
    if fault is not None and fault.code == "FAILURE":
        raise RuntimeError(f"Received FAILURE signal with UniqueId {instance_id}")
    if fault is not None or count > 1 or not _signals(user_data, context):
        raise RuntimeError(NO_SIGNAL.format(count=count))
    stacks._add_event(
        provisioners._cr_stack_id(context.stack_name),
        context.stack_name,
        context.logical_id,
        kind,
        "CREATE_IN_PROGRESS",
        f"Received SUCCESS signal with UniqueId {instance_id}",
        instance_id,
    )


def _signals(user_data: str, context: Context) -> bool:
    """Whether the script can be parsed and signals for the resource that waits."""
    wanted = {"--stack": context.stack_name, "--resource": context.logical_id, "--region": context.region}
    parsed = subprocess.run(["bash", "-n"], input=user_data, text=True, capture_output=True, check=False)
    return parsed.returncode == 0 and any(
        all(f"{option} {value} " in f"{found['options']} " for option, value in wanted.items())
        for found in SIGNAL.finditer(user_data)
    )
