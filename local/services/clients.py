"""Clients of the embedded AWS itself: as root, or with the temporary credentials of a role.

Everything that a job does must go through its own role: `role_environment` is the environment of a job's
process, `client(service, role_arn=...)` what an engine does in the job's name. Root is for the emulation's
own work, such as a CloudFormation type that calls the service behind it.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config

from local.layout import REGION, gateway_url

ROOT_KEY = "test"
ROOT_SECRET = "test"  # noqa: S105 - what every local emulator takes
"""Credentials of the account's root user."""
SESSION_SECONDS = 12 * 3600
RENEW_BEFORE_SECONDS = 600.0

_CONFIG = Config(
    inject_host_prefix=False,
    retries={"total_max_attempts": 3, "mode": "standard"},
    s3={"addressing_style": "path"},
    connect_timeout=10,
    read_timeout=900,
    max_pool_connections=50,
)


@dataclass(frozen=True)
class Credentials:
    """Temporary credentials of an assumed role; `expires` in seconds since the epoch."""

    access_key: str
    secret_key: str
    token: str
    expires: float


_lock = threading.Lock()
_sessions: dict[tuple[str, str, str], Credentials] = {}
_clients: dict[tuple[str, ...], Any] = {}


def client(service: str, *, role_arn: str | None = None, session_name: str = "refstack") -> Any:
    """A boto3 client of the gateway: root's, or with a session of `role_arn` called `session_name`.

    Raises botocore's ClientError when the role does not exist.
    """
    if role_arn is None:
        return _make(service, ROOT_KEY, ROOT_SECRET, None)
    credentials = assume(role_arn, session_name)
    return _make(service, credentials.access_key, credentials.secret_key, credentials.token)


def role_environment(role_arn: str, session_name: str) -> dict[str, str]:
    """Environment variables with which a child process calls the gateway as `role_arn` and nobody else."""
    credentials = assume(role_arn, session_name)
    return {
        "AWS_ACCESS_KEY_ID": credentials.access_key,
        "AWS_SECRET_ACCESS_KEY": credentials.secret_key,
        "AWS_SESSION_TOKEN": credentials.token,
        **endpoint_environment(),
    }


def endpoint_environment() -> dict[str, str]:
    """Environment variables that point any AWS SDK at the gateway and away from a machine's own settings."""
    return {
        "AWS_ENDPOINT_URL": gateway_url(),
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
    }


def assume(role_arn: str, session_name: str) -> Credentials:
    """Credentials of a session of the role, as the AWS service that runs the job would get them.

    Shared by the calls of one session name; renewed ten minutes before they expire.
    """
    key = (gateway_url(), role_arn, session_name)
    with _lock:
        known = _sessions.get(key)
    if known is not None and known.expires - time.time() > RENEW_BEFORE_SECONDS:
        return known
    answer = client("sts").assume_role(
        RoleArn=role_arn, RoleSessionName=session_name, DurationSeconds=SESSION_SECONDS
    )["Credentials"]
    credentials = Credentials(
        answer["AccessKeyId"],
        answer["SecretAccessKey"],
        answer["SessionToken"],
        answer["Expiration"].timestamp(),
    )
    with _lock:
        _sessions[key] = credentials
    return credentials


def _make(service: str, access_key: str, secret_key: str, token: str | None) -> Any:
    key = (gateway_url(), service, access_key)
    with _lock:
        if key not in _clients:
            _clients[key] = boto3.session.Session().client(  # type: ignore[call-overload]
                service,
                endpoint_url=gateway_url(),
                region_name=REGION,
                aws_access_key_id=access_key,
                aws_secret_access_key=secret_key,
                aws_session_token=token,
                config=_CONFIG,
            )
        return _clients[key]
