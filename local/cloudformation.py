"""Puts our resource types into ministack's CloudFormation."""

from __future__ import annotations

from ministack.services.cloudformation import provisioners, stacks

from local.resources.provisioner import TYPES, handlers


def install() -> None:
    """Register every resource type of ours; they run on worker threads, so that they may call the gateway."""
    for name in TYPES:
        provisioners._RESOURCE_HANDLERS[name] = handlers(name)
    on_worker_thread = stacks._runs_on_worker_thread
    stacks._runs_on_worker_thread = lambda name: name in TYPES or on_worker_thread(name)
