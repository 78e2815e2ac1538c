"""Lambda functions: workers that see their bundle only, and asynchronous events that wait in line."""

from __future__ import annotations

import contextvars
import json
import logging
import re
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ministack.core import lambda_runtime, responses
from ministack.services import eventbridge, lambda_svc

from local import identity
from local.layout import ROOT

log = logging.getLogger("refstack.lambda")

ASYNC_CONCURRENCY = 4
"""Asynchronous invocations that run at once; the rest waits. AWS would run a thousand."""

_OWN_ENVIRONMENT_ONLY = f"""
import os as _os, sys as _sys
# A function sees its bundle and the runtime's own packages, never this checkout.
_sys.path[:] = [_p for _p in _sys.path if _os.path.abspath(_p or ".") != {str(ROOT)!r}]
for _name in list(_os.environ):
    if _name in ("PYTHONPATH", "GATEWAY_PORT", "STATE_DIR", "AUTH"):
        del _os.environ[_name]
    elif _name.startswith(("REFSTACK_", "MINISTACK_")):
        del _os.environ[_name]
_os.environ.setdefault("AWS_EXECUTION_ENV", "AWS_Lambda_python3.13")
"""

_queue = ThreadPoolExecutor(ASYNC_CONCURRENCY, thread_name_prefix="lambda-async")


def install() -> None:
    """Put this module's ways into ministack's Lambda."""
    lambda_runtime._PYTHON_WORKER_SCRIPT = _OWN_ENVIRONMENT_ONLY + lambda_runtime._PYTHON_WORKER_SCRIPT
    lambda_svc.invoke_async_with_retry = invoke_later
    eventbridge._dispatch_to_lambda = _from_event_bridge
    _log_under_the_answered_request()
    _name_the_class_of_errors()


def _log_under_the_answered_request() -> None:
    """Let a function that is waited for see, and log, the request id that its caller gets."""
    dispatch = lambda_svc._execute_function_dispatch

    def with_the_callers_id(
        func: dict[str, Any], config: dict[str, Any], event: Any, request_id: str, started: float
    ) -> dict[str, Any]:
        answered = identity.call_context()[3]
        result: dict[str, Any] = dispatch(func, config, event, answered or request_id, started)
        return result

    lambda_svc._execute_function_dispatch = with_the_callers_id


def _name_the_class_of_errors() -> None:
    """Answer a handler's exception as Lambda's runtime of Python does: its class, request id and trace.

    https://docs.aws.amazon.com/lambda/latest/dg/python-exceptions.html. ministack calls each of them
    Runtime.HandlerError, and has the trace at the end of its log.
    """
    execute = lambda_svc._execute_function_warm

    def with_class(func: dict[str, Any], event: Any, request_id: str) -> dict[str, Any]:
        result: dict[str, Any] = execute(func, event, request_id)
        body = result.get("body")
        if result.get("error") and isinstance(body, dict) and body.get("errorType") == "Runtime.HandlerError":
            result["body"] = {**body, **_raised(body["errorMessage"], result.get("log", ""), request_id)}
        return result

    lambda_svc._execute_function_warm = with_class


def _raised(message: str, log_text: str, request_id: str) -> dict[str, Any]:
    """What else an answer says of an exception whose traceback ends the log; nothing without one."""
    _, found, trace = log_text.rpartition("Traceback (most recent call last):\n")
    said = f": {re.escape(message)}" if message else ""
    named = re.search(rf"^(?:[\w.]+\.)?(\w+){said}\s*\Z", trace, re.MULTILINE)
    if not found or named is None:
        return {}
    frames = re.findall(r"^  File .*\n(?:    .*\n)*", trace[: named.start()], re.MULTILINE)
    # The first one is of ministack's worker, in the place of the runtime, which leaves itself out.
    return {"errorType": named[1], "requestId": request_id, "stackTrace": frames[1:]}


def invoke(arn: str, event: Any) -> dict[str, Any]:
    """Run a function and wait: its `body`, and `error` or `throttle` where it failed. For threads of ours."""
    _, _, _, region, account, *_ = arn.split(":")
    responses._request_account_id.set(account)
    responses._request_region.set(region)
    identity.leave_request()
    function, config, name = lambda_svc._get_func_record_for_ref(arn)
    if not function or not config:
        raise LookupError(f"the function {name} does not exist")
    record = lambda_svc._execution_record_for_config(function, config)
    result: dict[str, Any] = lambda_svc._execute_function(record, event)
    return result


def invoke_later(function: dict[str, Any], event: Any) -> None:
    """Queue an asynchronous invocation: retried as the function says, then sent to its failure target.

    ministack starts a thread and a worker process for each event at once: hundreds of Python processes for
    a burst of hundreds of objects.
    """
    context = contextvars.copy_context()
    _queue.submit(context.run, _invoke, function, event)


def _invoke(function: dict[str, Any], event: Any) -> None:
    config = function.get("config") or function
    name = config.get("FunctionName", "unknown")
    try:
        account, region = lambda_runtime._account_region_from_function_config(config)
        responses._request_account_id.set(account)
        responses._request_region.set(region)
        # The event's own request was answered long ago; this invocation gets an id of its own.
        identity.leave_request()
        settings = (
            function.get("event_invoke_config")
            or (function.get("event_invoke_configs") or {}).get("$LATEST")
            or {}
        )
        retries = settings.get("MaximumRetryAttempts")
        result: dict[str, Any] = {}
        for attempt in range(1 + (2 if retries is None else int(retries))):
            time.sleep(min(2.0**attempt - 1, 30.0))
            result = lambda_svc._execute_function(function, event)
            if not result.get("error") and not result.get("throttle"):
                return
        log.error("%s failed on an event: %s", name, json.dumps(result.get("body"))[:500])
        target = (
            (settings.get("DestinationConfig") or {}).get("OnFailure", {}).get("Destination")
            or (config.get("DeadLetterConfig") or {}).get("TargetArn")
            or ""
        )
        if target:
            lambda_svc._route_async_failure(target, name, event, result)
    except Exception:
        log.exception("an event for %s was lost", name)


def _from_event_bridge(arn: str, payload: str) -> None:
    function, config, name = lambda_svc._get_func_record_for_ref(arn)
    if not function or not config:
        log.error("an EventBridge rule targets %s, which does not exist", name)
        return
    invoke_later(lambda_svc._execution_record_for_config(function, config), json.loads(payload))


def stop() -> None:
    """Drop queued events and end the worker processes."""
    _queue.shutdown(wait=False, cancel_futures=True)
    lambda_runtime.reset()
