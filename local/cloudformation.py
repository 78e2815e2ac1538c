"""Puts our resource types into ministack's CloudFormation."""

from __future__ import annotations

from ministack.services.cloudformation import provisioners, stacks

from local.resources.provisioner import EXTENSIONS, TYPES, extended, handlers


def install() -> None:
    """Register our resource types and extensions, on worker threads: they may call the gateway."""
    table = provisioners._RESOURCE_HANDLERS
    for name in TYPES:
        table[name] = handlers(name)
    for name in EXTENSIONS:
        table[name] = extended(name, table[name])
    ours = TYPES.keys() | EXTENSIONS.keys()
    on_worker_thread = stacks._runs_on_worker_thread
    stacks._runs_on_worker_thread = lambda name: name in ours or on_worker_thread(name)
