"""Prepare the operational store: a role of its own for each job, the schemas, and the live board's table.

Any event. Runs as the master user, whose secret only this function reads; each role's password is what its
secret says, so running it after a change of a secret puts the new one in force. Again changes nothing.
"""

from __future__ import annotations

import json
import os
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from flights.sources.settings import SettingsError, required
from operational_store.connection import connect, credentials
from operational_store.roles import prepare

HOST, PORT, DATABASE, ADMIN_SECRET_ARN, _ROLES = required(
    os.environ, "DATABASE_HOST", "DATABASE_PORT", "DATABASE_NAME", "ADMIN_SECRET_ARN", "ROLE_SECRET_ARNS"
)
ROLE_SECRET_ARNS: list[str] = json.loads(_ROLES)
SECRETS = boto3.client("secretsmanager")
logger = Logger(service="prepare_database")


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """Bring roles, schemas and grants to what the settings say; return the roles."""
    passwords = dict(credentials(SECRETS, arn) for arn in ROLE_SECRET_ARNS)
    admin, admin_password = credentials(SECRETS, ADMIN_SECRET_ARN)
    if admin in passwords:
        raise SettingsError(f"{admin} is the master user: a job's role must be another")
    connection = connect(HOST, int(PORT), DATABASE, admin, admin_password, application="prepare_database")
    try:
        roles = prepare(connection, passwords)
    finally:
        connection.close()
    logger.info("operational store prepared", extra={"roles": roles})
    return {"roles": roles}
