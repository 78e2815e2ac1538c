"""AWS APIs written as plain functions.

Requests are routed, parsed and validated, and answers serialised, from botocore's own service models (by
moto's protocol code), so that every shape is right by construction and only behaviour is written here:

    service = Service("redshift-serverless")

    @service.operation("CreateNamespace")
    def create_namespace(request: Request) -> dict[str, Any]:
        raise service.error("ConflictException", "namespace x exists")
"""

from __future__ import annotations

import asyncio
import contextvars
import json
import logging
import traceback
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote, urlencode

from botocore.validate import ParamValidator
from moto.core.model import OperationModel, ServiceModel
from moto.core.parse import PROTOCOL_PARSERS
from moto.core.request import Request as HttpRequest
from moto.core.request import determine_request_protocol
from moto.core.routing import get_service_router
from moto.core.serialize import SerializationContext, get_serializer_class
from moto.core.utils import get_service_model
from werkzeug.exceptions import MethodNotAllowed, NotFound

from local.services import state
from local.services.validation import violations

log = logging.getLogger("refstack.service")

raw_path: contextvars.ContextVar[str] = contextvars.ContextVar("raw_path", default="")
"""The path as the client sent it: an encoded slash belongs to a label, as in /v1/clusters/<ARN>/nodes."""

Answer = tuple[int, dict[str, str], bytes]
"""Status, headers and body of an HTTP answer."""
RawHandler = Callable[[str, str, dict[str, str], bytes, dict[str, Any]], Awaitable[Answer]]
"""(method, path, headers, body, query) → answer: how ministack calls a service."""


@dataclass(frozen=True)
class Request:
    """One call: its operation, its parameters as the model parses them, and who made it where."""

    operation: str
    params: dict[str, Any]
    account: str
    region: str
    caller: str
    """ARN of the calling principal, e.g. arn:aws:sts::000000000000:assumed-role/<role>/<session>."""
    request_id: str


class ServiceError(Exception):
    """An error that the service's model knows; `code` is its shape's name, `fields` its other members."""

    def __init__(self, code: str, message: str, **fields: Any) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.Message = message
        for name, value in fields.items():
            setattr(self, name, value)


class NotOursError(Exception):
    """Raised by a handler of a service with `fallback`: ministack is to answer this call."""


Handler = Callable[[Request], Mapping[str, Any] | None]
ResourceArn = Callable[[Request], str | tuple[str, ...]]

SERVICES: dict[str, Service] = {}
"""Services by the key under which the gateway routes them: the name that requests are signed for."""


class Service:
    """The API of one AWS service, or, with `fallback`, the operations of it that ministack lacks.

    `validation_error` is the code under which the service refuses malformed parameters.
    """

    def __init__(
        self, name: str, *, fallback: bool = False, validation_error: str = "ValidationException"
    ) -> None:
        self.name = name
        self.fallback = fallback
        self.model: ServiceModel = get_service_model(name)
        self.key = str(self.model.metadata.get("signingName") or self.model.endpoint_prefix)
        self._validation_error = validation_error
        self._router = get_service_router(name)
        self._handlers: dict[str, Handler] = {}
        self._resource_arns: dict[str, ResourceArn] = {}
        if self.key in SERVICES:
            raise RuntimeError(f"two Service objects answer requests signed for {self.key!r}")
        SERVICES[self.key] = self

    @property
    def operations(self) -> frozenset[str]:
        """Names of the operations that are implemented here."""
        return frozenset(self._handlers)

    @property
    def target_prefix(self) -> str | None:
        """What precedes the operation's name in X-Amz-Target, for JSON services."""
        prefix = self.model.metadata.get("targetPrefix")
        return None if prefix is None else str(prefix)

    def operation(self, name: str) -> Callable[[Handler], Handler]:
        """Register the function that answers the operation `name`; it runs on a worker thread."""
        if name not in self.model.operation_names:
            raise ValueError(f"{self.name} has no operation {name}")

        def register(handler: Handler) -> Handler:
            if name in self._handlers:
                raise RuntimeError(f"{self.name} {name} has two handlers")
            self._handlers[name] = handler
            return handler

        return register

    def resource(self, *names: str) -> Callable[[ResourceArn], ResourceArn]:
        """Register the function that names the ARN which IAM policies are held against, for operations.

        It names several where the right to any of them is enough.
        """

        def register(function: ResourceArn) -> ResourceArn:
            self._resource_arns.update(dict.fromkeys(names, function))
            return function

        return register

    def state(self, name: str) -> dict[Any, Any]:
        """A dict of plain data that outlives the gateway's process; the same one for the same name."""
        return state.register(self.name, name)

    def on_restore(self, hook: Callable[[], None]) -> Callable[[], None]:
        """Run `hook` after an earlier gateway's state is back and this one answers, to restart engines."""
        state.HOOKS.append((self.name, hook))
        return hook

    def error(self, code: str, message: str, **fields: Any) -> ServiceError:
        """The exception to raise for the model's error `code`."""
        return ServiceError(code, message, **fields)

    def match(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes, query: Mapping[str, Any]
    ) -> tuple[OperationModel, dict[str, Any], HttpRequest] | None:
        """The operation that an HTTP request calls, and its URI parameters; None when there is none."""
        raw = raw_path.get()
        encoded = raw if unquote(raw) == path else quote(path, safe="/:")
        url = f"http://{headers.get('host', 'localhost')}{encoded}"
        if query:
            url += "?" + urlencode(dict(query), doseq=True)
        http = HttpRequest.from_primitives(method, url, headers, body)
        try:
            operation, uri_params = self._router.match(http)
        except (NotFound, MethodNotAllowed, NotImplementedError):
            return None
        return operation, uri_params, http

    def names_resource(self, operation: str) -> bool:
        """Whether the operation has a registered ARN."""
        return operation in self._resource_arns

    def resource_arns(self, operation: OperationModel, request: Request) -> tuple[str, ...]:
        """The ARNs that policies of the call's operation are held against; `*` unless registered."""
        function = self._resource_arns.get(operation.name)
        named = "*" if function is None else function(request)
        return (named,) if isinstance(named, str) else named

    def parse(
        self, operation: OperationModel, uri_params: dict[str, Any], http: HttpRequest
    ) -> dict[str, Any]:
        """The request's parameters, typed as the model says; absent ones are left out."""
        protocol = determine_request_protocol(self.model, http.content_type)
        parsed = PROTOCOL_PARSERS[protocol](operation).parse(
            {
                "method": http.method,
                "values": http.values,
                "headers": http.headers,
                "body": http.get_data(),
                "url_path": http.path,
                "url_params": uri_params,
            }
        )
        members = operation.input_shape.members if operation.input_shape else {}
        # A list that the query does not have comes out empty.
        asked = {
            name for name, member in members.items() if member.serialization.get("location") == "querystring"
        }
        return {
            name: value
            for name, value in parsed.items()
            if value is not None and not (value == [] and name in asked)
        }

    def handle(self, operation: OperationModel, request: Request, content_type: str | None) -> Answer | None:
        """Validate, call the registered function, serialise what it returns or raises; None if the call is
        ministack's.
        """
        result: Any
        try:
            problems = violations(request.params, operation.input_shape, ParamValidator())
            if problems:
                raise ServiceError(self._validation_error, problems)
            result = self._handlers[operation.name](request) or {}
        except ServiceError as error:
            result = error
        except NotOursError:
            return None
        except Exception as error:
            log.exception("%s %s failed", self.name, operation.name)
            return _failure(500, "InternalFailure", f"{type(error).__name__}: {error}")
        return self._serialise(operation, result, request.request_id, content_type)

    def _serialise(
        self, operation: OperationModel, result: Any, request_id: str, content_type: str | None
    ) -> Answer:
        protocol = determine_request_protocol(self.model, content_type)
        serializer = get_serializer_class(self.name, protocol)(
            operation, context=SerializationContext(request_id)
        )
        try:
            answer = serializer.serialize(result)
        except Exception as error:
            log.error(
                "%s %s answered what its model cannot hold\n%s",
                self.name,
                operation.name,
                traceback.format_exc(),
            )
            return _failure(500, "InternalFailure", f"{operation.name}: {error}")
        body = answer["body"]
        return (
            answer["status_code"],
            {name: str(value) for name, value in answer["headers"].items()},
            body.encode() if isinstance(body, str) else body,
        )

    def asgi_handler(
        self, ministack: RawHandler | None, context: Callable[[], tuple[str, str, str, str]]
    ) -> RawHandler:
        """The handler that replaces ministack's; `context` gives account, region, caller and request id."""

        async def handler(
            method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]
        ) -> Answer:
            matched = self.match(method, path, headers, body, query)
            name = matched[0].name if matched else None
            if matched is None or name not in self._handlers:
                if self.fallback and ministack is not None:
                    return await ministack(method, path, headers, body, query)
                return _failure(
                    501,
                    "NotImplementedException",
                    f"{self.name} {name or f'{method} {path}'} is not emulated here",
                )
            operation, uri_params, http = matched
            account, region, caller, request_id = context()
            try:
                params = self.parse(operation, uri_params, http)
            except Exception as error:
                return self._serialise(
                    operation,
                    ServiceError("SerializationException", str(error)),
                    request_id,
                    http.content_type,
                )
            request = Request(operation.name, params, account, region, caller, request_id)
            answer = await asyncio.to_thread(self.handle, operation, request, http.content_type)
            if answer is None:
                assert ministack is not None
                return await ministack(method, path, headers, body, query)
            return answer

        return handler


def _failure(status: int, code: str, message: str) -> Answer:
    body = json.dumps({"__type": code, "message": message}).encode()
    return status, {"Content-Type": "application/json", "X-Amzn-Errortype": code}, body
