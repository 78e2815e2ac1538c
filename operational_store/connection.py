"""A connection to the operational store as one of its roles."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pg8000.native import Connection

TIMEOUT_SECONDS = 15


def credentials(secrets: Any, secret_arn: str) -> tuple[str, str]:
    """User and password, as the secret has them at this moment; `secrets` is a boto3 client."""
    secret = json.loads(secrets.get_secret_value(SecretId=secret_arn)["SecretString"])
    return str(secret["username"]), str(secret["password"])


def connect(host: str, port: int, database: str, user: str, password: str, *, application: str) -> Connection:
    """A connection, encrypted where the server offers it (RDS insists on it). Raises pg8000's errors.

    On TLS the password's exchange is bound to the server's certificate: nobody in between can pass it on.
    """
    return Connection(
        user,
        host=host,
        port=port,
        database=database,
        password=password,
        timeout=TIMEOUT_SECONDS,
        application_name=application,
    )


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
