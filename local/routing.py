"""Puts our services in front of ministack's own."""

from __future__ import annotations

import re
from typing import Any

from ministack import app as ministack_app

from local.identity import call_context
from local.services.service import SERVICES

_CREDENTIAL_SCOPE = re.compile(r"Credential=[^/]+/[^/]+/[^/]+/([^/]+)/")


def install() -> None:
    """Route requests that are signed for one of our services, or carry its target prefix, to it."""
    targets = {
        f"{service.target_prefix}.": key
        for key, service in SERVICES.items()
        if service.target_prefix is not None
    }
    detect = ministack_app.detect_service

    def detect_service(method: str, path: str, headers: dict[str, str], query: dict[str, Any]) -> str:
        target = headers.get("x-amz-target", "")
        for prefix, key in targets.items():
            if target.startswith(prefix):
                return key
        scope = _CREDENTIAL_SCOPE.search(headers.get("authorization", ""))
        if scope is not None and scope[1] in SERVICES:
            return scope[1]
        return str(detect(method, path, headers, query))

    for key, service in SERVICES.items():
        ministacks = ministack_app.SERVICE_HANDLERS.get(key)
        ministack_app.SERVICE_HANDLERS[key] = service.asgi_handler(ministacks, call_context)
    ministack_app.detect_service = detect_service
