"""Who called what: every call is logged with its principal, and policies are evaluated in record-only mode.

ministack evaluates each call against the deployed policies. Here its verdict is only recorded: a call that
AWS would refuse is appended to would_deny.jsonl and let through. Wrong or expired credentials are refused.
"""

from __future__ import annotations

import contextvars
import json
import re
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ministack import app as ministack_app
from ministack.core import iam_actions, iam_evaluator, responses
from ministack.services import athena, sts

from local import faults, protocol_errors
from local.conditions import OWN_USER_ID, Context, conditions, implied_calls, log_stream, metric_namespace
from local.layout import ACCOUNT, REGION, home
from local.services.service import SERVICES, Request

_request_id: contextvars.ContextVar[str] = contextvars.ContextVar("request_id", default="")
_action: contextvars.ContextVar[str] = contextvars.ContextVar("iam_action", default="")
_conditions: contextvars.ContextVar[dict[str, Any] | None] = contextvars.ContextVar(
    "conditions", default=None
)
_implied: contextvars.ContextVar[tuple[tuple[str, str, Context], ...]] = contextvars.ContextVar(
    "implied", default=()
)
_alternatives: contextvars.ContextVar[tuple[str, ...]] = contextvars.ContextVar("alternatives", default=())


SAME_PERMISSION = {
    "glue:BatchGetDataQualityResult": "glue:GetDataQualityResult",
    "sqs:SendMessageBatch": "sqs:SendMessage",
}
"""Action of a call → the other action that allows it, for calls without a permission of their own."""
POLICY_VARIABLE = re.compile(r"\$\{([a-zA-Z-]+:[^}]+)\}")


class Journal:
    """A file of JSON lines that many threads append to; each line is written whole."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("a", buffering=1)
        self._lock = threading.Lock()

    def append(self, entry: dict[str, Any]) -> None:
        """Add one entry."""
        line = json.dumps(entry, default=str) + "\n"
        with self._lock:
            self._file.write(line)


def install() -> None:
    """Put the recording around ministack's authorisation and dispatch; once, after services are imported."""
    for service in SERVICES.values():
        iam_actions.SERVICE_TO_IAM_NAMESPACE.setdefault(service.key, service.key)
    _record_denials(Journal(home() / "would_deny.jsonl"))
    _record_calls(Journal(home() / "callers.jsonl"))
    _name_resources()
    _let_services_assume_roles()
    _count_loopback_as_encrypted()
    _fill_policy_variables()


def call_context() -> tuple[str, str, str, str]:
    """Account, region, caller's ARN and request id of the call that is being answered."""
    return (
        responses.get_account_id(),
        responses.get_region(),
        iam_evaluator.caller_arn(),
        _request_id.get(),
    )


def leave_request() -> None:
    """Go on outside the call that started this work: what follows has a request id of its own."""
    _request_id.set("")


def _record_denials(journal: Journal) -> None:
    enforce = iam_evaluator.enforce

    def record_only(
        access_key_id: str,
        iam_action: str,
        service: str,
        region: str,
        resource_arn: str = "*",
        service_context: dict[str, Any] | None = None,
    ) -> Any:
        def verdict_on(action: str, resource: str, context: dict[str, Any]) -> Any:
            return enforce(
                access_key_id, action, service, region, resource_arn=resource, service_context=context
            )

        fault = faults.due(iam_action, resource_arn, iam_evaluator.caller_arn())
        if fault is not None and fault.code == protocol_errors.INTERNAL:
            raise RuntimeError(fault.message)
        if fault is not None:
            return iam_evaluator.AuthError(fault.code, fault.message)
        own = {**(service_context or {}), **_filled(access_key_id)}
        checks = [(iam_action, resource_arn, own)]
        if any(verdict_on(iam_action, other, own) is None for other in _alternatives.get()):
            checks = []
        checks += _implied.get()
        _implied.set(())
        _alternatives.set(())
        for action, resource, context in checks:
            verdict = verdict_on(action, resource, context)
            if isinstance(verdict, iam_evaluator.AuthError):
                return verdict
            if verdict is not None:
                journal.append(
                    {
                        "time": time.time(),
                        "caller": verdict.principal_arn,
                        "action": action,
                        "resource": resource,
                        "decision": verdict.decision,
                        "request_id": _request_id.get(),
                    }
                )
        return None

    iam_evaluator.enforce = record_only


def _filled(access_key_id: str) -> dict[str, Any]:
    """The call's condition keys, with the caller's own user id where it belongs."""
    own = sts._sessions.get(access_key_id, {}).get("UserId", "")
    found = _conditions.get() or {}
    return {key: own if value is OWN_USER_ID else value for key, value in found.items()}


def _record_calls(journal: Journal) -> None:
    dispatch = ministack_app._dispatch_service_request
    extract_action = iam_actions.extract_iam_action

    def remember_action(*args: Any, **kwargs: Any) -> str | None:
        action: str | None = extract_action(*args, **kwargs)
        action = SAME_PERMISSION.get(action or "", action)
        _action.set(action or "")
        _conditions.set(metric_namespace(args[4]) if action == "cloudwatch:PutMetricData" else None)
        return action

    async def recorded(
        method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any], request_id: str
    ) -> Any:
        _request_id.set(request_id)
        _action.set("")
        _implied.set(())
        _alternatives.set(())
        started = time.time()
        answer = await dispatch(method, path, headers, body, query, request_id)
        service, _, operation = _action.get().partition(":")
        journal.append(
            {
                "time": started,
                "service": service or "-",
                "operation": operation or f"{method} {path}",
                "caller": iam_evaluator.caller_arn(),
                "request_id": request_id,
                "status": answer[0],
            }
        )
        return answer

    iam_actions.extract_iam_action = remember_action
    ministack_app._dispatch_service_request = recorded


def _count_loopback_as_encrypted() -> None:
    """Evaluate aws:SecureTransport as on AWS' own endpoints, reached by TLS, not as on plain loopback."""
    pin = ministack_app.pin_request_origin
    ministack_app.pin_request_origin = lambda address, _encrypted: pin(address, True)


def _fill_policy_variables() -> None:
    """Put the call's own values for `${aws:userid}` and the like in the conditions of policies."""
    met, resolve = iam_evaluator._conditions_met, iam_evaluator._resolve_condition_key

    def with_variables(conditions: dict[str, Any], context: Any) -> bool:
        def filled(value: Any) -> Any:
            if isinstance(value, str):
                return POLICY_VARIABLE.sub(lambda found: str(resolve(found[1], context) or found[0]), value)
            if isinstance(value, list):
                return [filled(each) for each in value]
            return {key: filled(each) for key, each in value.items()} if isinstance(value, dict) else value

        return bool(met(filled(conditions), context))

    iam_evaluator._conditions_met = with_variables


def _name_resources() -> None:
    """Let our services say which ARN an operation's policies are held against."""
    extract: Callable[..., str] = iam_actions.extract_resource_arn

    def resource_arn(
        service: str,
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes,
        query: dict[str, Any],
        region: str,
        account: str,
    ) -> str:
        ours = SERVICES.get(service)
        matched = ours.match(method, path, headers, body, query) if ours else None
        if ours is None or matched is None:
            named = extract(service, method, path, headers, body, query, region, account)
            if service == "athena":
                return _workgroup(named, body)
            return log_stream(named, body) if service == "logs" else named
        operation, uri_params, http = matched
        try:
            params = ours.parse(operation, uri_params, http)
            request = Request(operation.name, params, account, region, iam_evaluator.caller_arn(), "")
            _conditions.set(conditions(service, request))
            _implied.set(tuple(implied_calls(service, request)))
            if ours.names_resource(operation.name):
                named, *others = ours.resource_arns(operation, request)
                _alternatives.set(tuple(others))
                return named
        except Exception:
            # A malformed request is refused by the service itself, which sees it next.
            return "*"
        return extract(service, method, path, headers, body, query, region, account)

    iam_actions.extract_resource_arn = resource_arn


def _workgroup(arn: str, body: bytes) -> str:
    """ARN that a call of Athena is held against: of one about a query, the query's workgroup."""
    query = re.search(rb'"QueryExecutionId"\s*:\s*"([^"]+)"', body)
    execution = athena._executions.get(query[1].decode()) if query else None
    return (
        arn if execution is None else f"arn:aws:athena:{REGION}:{ACCOUNT}:workgroup/{execution['WorkGroup']}"
    )


def _let_services_assume_roles() -> None:
    """Root stands for the AWS service that runs a job: it may take the role of any job that trusts a service.

    The conditions of such a trust (aws:SourceAccount and the like) describe the service's own request, which
    has no counterpart here.
    """
    evaluate = iam_evaluator.evaluate_trust_policy

    def trusts(trust_doc: Any, caller_arn: str, ctx: Any = None) -> bool:
        if caller_arn.endswith(":root") and _trusted_services(trust_doc):
            return True
        return bool(evaluate(trust_doc, caller_arn, ctx))

    iam_evaluator.evaluate_trust_policy = trusts


def _trusted_services(trust_doc: Any) -> list[str]:
    document = json.loads(trust_doc) if isinstance(trust_doc, str) else trust_doc
    statements = document.get("Statement", [])
    named: list[str] = []
    for statement in [statements] if isinstance(statements, dict) else statements:
        principal = statement.get("Principal", {})
        services = principal.get("Service", []) if isinstance(principal, dict) else []
        if statement.get("Effect") == "Allow":
            named += [services] if isinstance(services, str) else services
    return named
