"""Credentials of a role over HTTP, as ECS tasks get them: any AWS SDK fetches them and renews them by itself.

For processes that outlive one session. Short jobs get their role's keys in the environment instead, see
`local.services.clients.role_environment`.
"""

from __future__ import annotations

import hmac
import json
import secrets
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from local.layout import HOST
from local.services.clients import assume, endpoint_environment

PATH = "/credentials"


class RoleCredentials:
    """Serves the credentials of one role on the loopback address, to who knows a token, until `close`."""

    def __init__(self, role_arn: str, session_name: str) -> None:
        self._role_arn = role_arn
        self._session_name = session_name
        self._token = secrets.token_urlsafe(32)
        self._server = ThreadingHTTPServer((HOST, 0), self._handler())
        self._server.daemon_threads = True
        threading.Thread(
            target=self._server.serve_forever, name=f"credentials of {session_name}", daemon=True
        ).start()

    def environment(self) -> dict[str, str]:
        """Environment variables with which a child process calls the gateway as the role."""
        return {
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"http://{HOST}:{self._server.server_port}{PATH}",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN": self._token,
            **endpoint_environment(),
        }

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()

    def _answer(self) -> dict[str, str]:
        credentials = assume(self._role_arn, self._session_name)
        return {
            "RoleArn": self._role_arn,
            "AccessKeyId": credentials.access_key,
            "SecretAccessKey": credentials.secret_key,
            "Token": credentials.token,
            "Expiration": datetime.fromtimestamp(credentials.expires, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        }

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        served = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                offered = self.headers.get("Authorization", "")
                if self.path != PATH or not hmac.compare_digest(offered, served._token):
                    self._send(403, {"code": "AccessDenied", "message": "wrong path or token"})
                    return
                try:
                    self._send(200, served._answer())
                except Exception as error:
                    self._send(500, {"code": type(error).__name__, "message": str(error)})

            def _send(self, status: int, document: dict[str, str]) -> None:
                body = json.dumps(document).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Quiet: the gateway logs each call that is made with the credentials."""

        return Handler
