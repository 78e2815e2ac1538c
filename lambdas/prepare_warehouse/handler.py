"""Prepare the warehouse: schemas, database roles, a database user for each IAM role that may load or read,
and a daily limit on what it may cost (CloudFormation has no type for that one).

Event `{}`. The Redshift user of an IAM caller is called `IAMR:<role name>` and has no right of its own; this
gives it a database role, so that no job needs the administrator. Runs through the Redshift Data API with the
namespace's managed secret; each statement is checked, and running it again changes nothing.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterator, Mapping
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from flights.sources.settings import SettingsError, required

LOADED = ("staging", "core")
MODELLED = ("dbt_staging", "marts", "snapshots", "seeds")
ROLES = ("loader", "transformer", "reader")
CREATES = {"loader": LOADED, "transformer": MODELLED}
"""Schemas in which a role makes tables. They belong to the user who made them."""
READS = {"loader": ("marts",), "transformer": LOADED, "reader": ("core", "marts")}
"""Schemas of others that a role reads."""
SHARES = {"loader": "SELECT, INSERT, UPDATE, DELETE, TRUNCATE"}
"""What the users of a role may do with each other's tables."""
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS, SPARE_SECONDS = 0.1, 2.0, 5.0

WORKGROUP, NAMESPACE, DATABASE, _GRANTS = required(os.environ, "WORKGROUP", "NAMESPACE", "DATABASE", "GRANTS")
DATA = boto3.client("redshift-data")
SERVERLESS = boto3.client("redshift-serverless")
logger = Logger(service="prepare_warehouse")


class StatementError(Exception):
    """A statement did not succeed; the message holds it and the warehouse's answer."""


def grants(text: str) -> dict[str, str]:
    """IAM role name → database role, from GRANTS; SettingsError if a name is not allowed in IAM or here."""
    try:
        wanted: dict[str, str] = dict(json.loads(text))
    except (TypeError, ValueError) as error:
        raise SettingsError(f"GRANTS is {text!r}, not a JSON object of IAM role to database role") from error
    for iam_role, role in wanted.items():
        if not re.fullmatch(r"[\w+=,.@-]{1,64}", iam_role, re.ASCII) or role not in ROLES:
            raise SettingsError(f"GRANTS gives {iam_role!r} the role {role!r}, not one of {', '.join(ROLES)}")
    return wanted


def usage_limit(environment: Mapping[str, str]) -> dict[str, Any] | None:
    """The daily limit as CreateUsageLimit takes it; None if no WORKGROUP_ARN is set."""
    if not environment.get("WORKGROUP_ARN"):
        return None
    arn, hours, action = required(environment, "WORKGROUP_ARN", "USAGE_LIMIT_RPU_HOURS", "USAGE_LIMIT_ACTION")
    try:
        amount = int(hours)
    except ValueError:
        raise SettingsError(f"USAGE_LIMIT_RPU_HOURS is {hours!r}, not a whole number of RPU-hours") from None
    limited = {"resourceArn": arn, "usageType": "serverless-compute", "period": "daily"}
    return {**limited, "amount": amount, "breachAction": action}


GRANTS = grants(_GRANTS)
USAGE_LIMIT = usage_limit(os.environ)


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """Bring schemas, roles, users, grants and the limit to what the settings say; return what was done."""
    namespace = SERVERLESS.get_namespace(namespaceName=NAMESPACE)["namespace"]
    secret = namespace.get("adminPasswordSecretArn")
    if not secret:
        raise StatementError(f"the namespace {NAMESPACE} has no managed administrator secret")
    deadline = time.monotonic() + context.get_remaining_time_in_millis() / 1000 - SPARE_SECONDS
    roles = names("SELECT role_name FROM svv_roles", secret, deadline)
    users = names("SELECT usename FROM pg_user", secret, deadline)
    count = 0
    for sql in statements(GRANTS, roles, users):
        run(sql, secret, deadline)
        count += 1
    users_of_roles = {user_of(iam_role): role for iam_role, role in GRANTS.items()}
    result = {"statements": count, "users": users_of_roles, "usage_limit": limit_usage(USAGE_LIMIT)}
    logger.info("warehouse prepared", extra=result)
    return result


def limit_usage(wanted: dict[str, Any] | None) -> str:
    """Set the workgroup's daily limit: "created", "updated", "unchanged", or "none" if none is wanted."""
    if wanted is None:
        return "none"
    of_workgroup = {name: wanted[name] for name in ("resourceArn", "usageType")}
    for page in SERVERLESS.get_paginator("list_usage_limits").paginate(**of_workgroup):
        for limit in page.get("usageLimits", []):
            if limit.get("period", "monthly") == wanted["period"]:
                change = {name: wanted[name] for name in ("amount", "breachAction")}
                if all(limit.get(name) == value for name, value in change.items()):
                    return "unchanged"
                SERVERLESS.update_usage_limit(usageLimitId=limit["usageLimitId"], **change)
                return "updated"
    SERVERLESS.create_usage_limit(**wanted)
    return "created"


def user_of(iam_role: str) -> str:
    """Database user that a caller with this IAM role gets."""
    return f"IAMR:{iam_role}"


def statements(wanted: dict[str, str], roles: set[str], users: set[str]) -> Iterator[str]:
    """The SQL, in order, given the roles and users that exist (lower case, as Redshift folds identifiers).

    They are needed because Redshift's CREATE ROLE and CREATE USER have no IF NOT EXISTS.
    """
    yield from (f"CREATE SCHEMA IF NOT EXISTS {schema}" for schema in (*LOADED, *MODELLED))
    yield from (f"CREATE ROLE {role}" for role in ROLES if role not in roles)
    for role, schemas in CREATES.items():
        yield f"GRANT USAGE, CREATE ON SCHEMA {', '.join(schemas)} TO ROLE {role}"
        if role in SHARES:
            yield f"GRANT {SHARES[role]} ON ALL TABLES IN SCHEMA {', '.join(schemas)} TO ROLE {role}"
    for role, schemas in READS.items():
        yield f"GRANT USAGE ON SCHEMA {', '.join(schemas)} TO ROLE {role}"
        yield f"GRANT SELECT ON ALL TABLES IN SCHEMA {', '.join(schemas)} TO ROLE {role}"
    # For the documentation that dbt makes: sizes, distribution and sort keys.
    yield "GRANT SELECT ON svv_table_info TO ROLE transformer"
    for iam_role, role in wanted.items():
        user = user_of(iam_role)
        if user.lower() not in users:
            yield f'CREATE USER "{user}" PASSWORD DISABLE'
        yield f'GRANT ROLE {role} TO "{user}"'
        yield from _tables_to_come(user, role)


def _tables_to_come(user: str, role: str) -> Iterator[str]:
    """What the others may do with the tables that this user is going to make."""
    created = CREATES.get(role, ())
    shared = [(role, created, SHARES[role])] if role in SHARES else []
    read = [
        (reader, [each for each in schemas if each in created], "SELECT") for reader, schemas in READS.items()
    ]
    for other, schemas, rights in (*shared, *read):
        if schemas:
            yield (
                f'ALTER DEFAULT PRIVILEGES FOR USER "{user}" IN SCHEMA {", ".join(schemas)} '
                f"GRANT {rights} ON TABLES TO ROLE {other}"
            )


def names(query: str, secret: str, deadline: float) -> set[str]:
    """First column of a query's rows, in lower case."""
    pages = DATA.get_paginator("get_statement_result").paginate(Id=run(query, secret, deadline))
    return {row[0]["stringValue"].lower() for page in pages for row in page["Records"]}


def run(sql: str, secret: str, deadline: float) -> str:
    """Run one statement as the administrator and wait for it, at most until `deadline` (monotonic seconds).

    Returns its id; raises StatementError if it failed, was aborted or did not end in time.
    """
    started = DATA.execute_statement(WorkgroupName=WORKGROUP, Database=DATABASE, SecretArn=secret, Sql=sql)
    statement: str = started["Id"]
    wait = FIRST_WAIT_SECONDS
    while True:
        status = DATA.describe_statement(Id=statement)
        state = status["Status"]
        if state == "FINISHED":
            return statement
        if state in ("FAILED", "ABORTED"):
            raise StatementError(f"{state}: `{sql}`: {status.get('Error', 'no reason given')}")
        if time.monotonic() + wait > deadline:
            raise StatementError(f"still {state} when the function's time ran out: `{sql}`")
        time.sleep(wait)
        wait = min(wait * 2, LONGEST_WAIT_SECONDS)
