"""Errors in the form of the protocol that the client speaks, where an operation fails or is not emulated.

Such a refusal is written as JSON, because it comes from before anything that knows the service; a client that
reads XML shows a parser's complaint in its place. The forms: https://smithy.io/2.0/aws/protocols/ on query,
EC2 query and restXml; for S3 https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html.
"""

from __future__ import annotations

import json
import logging
import re
from typing import Any
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from ministack import app as ministack_app

from local.services.service import Answer

log = logging.getLogger("refstack.errors")

INTERNAL = "InternalFailure"
"""Of the errors that all services have; EC2 and S3 write InternalError."""
REST_XML = {"s3", "route53", "cloudfront"}
NOT_IN_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def install() -> None:
    """Put this around ministack's dispatch; before identity, which records how each call ended."""
    dispatch = ministack_app._dispatch_service_request

    async def in_protocol(
        method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any], request_id: str
    ) -> Answer:
        answer: Answer
        try:
            answer = await dispatch(method, path, headers, body, query, request_id)
        except Exception as error:
            log.exception("%s %s failed", method, path)
            described = {"__type": INTERNAL, "message": f"{type(error).__name__}: {error}"}
            answer = 500, {"Content-Type": "application/json"}, json.dumps(described).encode()
        status, _, content = answer
        if status < 400 or not content or content.lstrip().startswith(b"<"):
            return answer
        routed = {**_form(headers, body), **query}
        service = ministack_app.detect_service(method, path, headers, routed)
        return _converted(answer, service, "Action" in routed and "Version" in routed, request_id)

    ministack_app._dispatch_service_request = in_protocol


def _form(headers: dict[str, str], body: bytes) -> dict[str, list[str]]:
    if not headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return {}
    return parse_qs(body.decode(errors="replace"), keep_blank_values=True)


def _converted(answer: Answer, service: str, is_query: bool, request_id: str) -> Answer:
    """An error that is written as JSON, as XML if the call was a query or to a service that speaks XML."""
    if not is_query and service not in REST_XML:
        return answer
    status, _, content = answer
    code, message = _described(content)
    if code in {INTERNAL, "InternalError"}:
        code = "InternalError" if service in {"ec2", "s3"} else INTERNAL
    code, message, request = (escape(NOT_IN_XML.sub("�", text)) for text in (code, message, request_id))
    error = f"<Code>{code}</Code><Message>{message}</Message>"
    fault = f"<Type>{'Receiver' if status >= 500 else 'Sender'}</Type>"
    if service == "ec2":
        text = f"<Response><Errors><Error>{error}</Error></Errors><RequestID>{request}</RequestID></Response>"
    elif service == "s3":
        text = f"<Error>{error}<RequestId>{request}</RequestId></Error>"
    else:
        text = f"<ErrorResponse><Error>{fault}{error}</Error><RequestId>{request}</RequestId></ErrorResponse>"
    kind = "text/xml" if is_query else "application/xml"
    return status, {"Content-Type": kind}, f'<?xml version="1.0" encoding="UTF-8"?>\n{text}'.encode()


def _described(content: bytes) -> tuple[str, str]:
    """Code and message of an error in JSON, in any of the spellings that AWS has; of another text, itself."""
    text = content.decode(errors="replace")
    try:
        members = json.loads(text)
    except ValueError:
        return INTERNAL, text
    if not isinstance(members, dict):
        return INTERNAL, text
    code = str(members.get("__type") or members.get("code") or members.get("Code") or INTERNAL)
    message = members.get("message") or members.get("Message") or members.get("error") or text
    return code.rpartition("#")[2].partition(":")[0], str(message)
