"""Airflow's own REST API, called as the environment's administrator."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

TIMEOUT_SECONDS = 60.0
TOKEN_SECONDS = 3600.0
"""How long a token is used again; Airflow's live for a day."""


class AirflowApi:
    """One Airflow's API server: where it answers, and who calls it."""

    def __init__(self, url: str, user: str, password: str) -> None:
        self.url = url
        self.user = user
        self._password = password
        self._known: tuple[str, float] | None = None

    def token(self) -> str:
        """A new bearer token of the user. Raises OSError when the server does not answer or refuses."""
        status, answer = self._send(
            "POST", "/auth/token", None, {"username": self.user, "password": self._password}, None
        )
        if status not in (200, 201):
            raise OSError(f"Airflow at {self.url} gave no token: {status} {answer}")
        return str(answer["access_token"])

    def healthy(self) -> bool:
        """Whether API server, scheduler and DAG processor say that they are well."""
        try:
            status, answer = self._send("GET", "/api/v2/monitor/health", None, None, None)
        except OSError:
            return False
        parts = ("metadatabase", "scheduler", "dag_processor")
        return status == 200 and all(answer[part]["status"] == "healthy" for part in parts)

    def call(
        self, method: str, path: str, query: dict[str, Any] | None = None, body: Any = None
    ) -> tuple[int, Any]:
        """Call `path` of the API's version 2, such as /dags; return the status and the document.

        Raises OSError when the server does not answer.
        """
        return self._send(method, f"/api/v2{path}", query, body, self._token())

    def _token(self) -> str:
        if self._known is None or time.monotonic() - self._known[1] > TOKEN_SECONDS:
            self._known = self.token(), time.monotonic()
        return self._known[0]

    def _send(
        self, method: str, path: str, query: dict[str, Any] | None, body: Any, token: str | None
    ) -> tuple[int, Any]:
        url = self.url + urllib.parse.quote(path, safe="/:@!$&'()*+,;=~%")
        if query:
            url += "?" + urllib.parse.urlencode(query, doseq=True)
        headers = {"Accept": "application/json"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        if body is not None:
            headers["Content-Type"] = "application/json"
        request = urllib.request.Request(  # noqa: S310 - an address of our own
            url, method=method, headers=headers, data=None if body is None else json.dumps(body).encode()
        )
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310
                return answer.status, _document(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, _document(error.read())


def _document(body: bytes) -> Any:
    if not body:
        return None
    try:
        return json.loads(body)
    except ValueError:
        return body.decode(errors="replace")
