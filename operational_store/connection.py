"""A connection to the operational store as one of its roles."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pg8000.exceptions import InterfaceError
from pg8000.native import Connection

TIMEOUT_SECONDS = 15
UNENCRYPTED = "Server refuses SSL"


def credentials(secrets: Any, secret_arn: str) -> tuple[str, str]:
    """User and password, as the secret has them at this moment; `secrets` is a boto3 client."""
    secret = json.loads(secrets.get_secret_value(SecretId=secret_arn)["SecretString"])
    return str(secret["username"]), str(secret["password"])


def connect(host: str, port: int, database: str, user: str, password: str, *, application: str) -> Connection:
    """A connection, encrypted where the server offers it (RDS insists on it). Raises pg8000's errors."""

    def attempt(encrypted: bool) -> Connection:
        return Connection(
            user,
            host=host,
            port=port,
            database=database,
            password=password,
            ssl_context=True if encrypted else None,
            timeout=TIMEOUT_SECONDS,
            application_name=application,
        )

    try:
        return attempt(encrypted=True)
    except InterfaceError as problem:
        if UNENCRYPTED not in str(problem):
            raise
        return attempt(encrypted=False)


@contextmanager
def transaction(connection: Connection) -> Iterator[None]:
    """All that is done inside, or none of it."""
    connection.run("START TRANSACTION")
    try:
        yield
    except BaseException:
        connection.run("ROLLBACK")
        raise
    connection.run("COMMIT")
