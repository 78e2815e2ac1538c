"""What COPY and UNLOAD share: the IAM role that a statement names, S3 as that role, and how both fail."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import botocore.exceptions

from local.services.clients import client

INTERNAL = "XX000"
SESSION_NAME = "RedshiftIamRoleSession"


class TransferError(Exception):
    """A COPY or UNLOAD that Redshift refuses: its message, a sentence that says why, and an SQLSTATE."""

    def __init__(self, message: str, sentence: str, sqlstate: str = INTERNAL) -> None:
        super().__init__(f"{message}. {sentence}")
        self.message = message
        self.sentence = sentence
        self.sqlstate = sqlstate


@dataclass(frozen=True)
class Namespace:
    """What a transfer has to know of the namespace: its associated roles, and how S3 is called as one."""

    roles: Callable[[], tuple[list[str], str | None]]
    """ARNs of the associated roles, and of the default one."""
    s3: Callable[[str], Any]
    """An S3 client with credentials of the role."""


def embedded_namespace(name: str) -> Namespace:
    """The namespace `name` of the embedded AWS."""

    def roles() -> tuple[list[str], str | None]:
        found = client("redshift-serverless").get_namespace(namespaceName=name)["namespace"]
        return [_role_arn(item) for item in found.get("iamRoles", [])], found.get("defaultIamRoleArn")

    return Namespace(roles=roles, s3=lambda role: client("s3", role_arn=role, session_name=SESSION_NAME))


def role_of(role_arn: str | None, namespace: Namespace) -> str:
    """The role that a statement means, None being IAM_ROLE DEFAULT; it must be associated. TransferError."""
    associated, default = namespace.roles()
    role = role_arn or default
    if role is None:
        raise TransferError(
            "No default IAM role is set for the namespace", "Name the role's ARN in IAM_ROLE."
        )
    if "," in role:
        raise TransferError(
            "Chained IAM roles are not emulated", "Name one role that reaches the bucket.", "0A000"
        )
    if role not in associated:
        raise TransferError(
            f"User is not authorized to assume IAM Role {role}", "Associate the role with the namespace."
        )
    return role


def bucket_and_key(url: str) -> tuple[str, str]:
    """The bucket and the key, or the prefix of keys, of an s3:// URL."""
    bucket, _, key = url.removeprefix("s3://").partition("/")
    return bucket, key


def service_error(error: botocore.exceptions.ClientError, role: str) -> TransferError:
    """A refusal of S3 or STS as Redshift reports it."""
    code = error.response["Error"].get("Code", "Unknown")
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if error.operation_name == "AssumeRole":
        return TransferError(f"Not authorized to get credentials of role {role}", str(error))
    if code == "NoSuchBucket":
        return TransferError(
            "S3ServiceException:The specified bucket does not exist", f"Status {status},Error {code}."
        )
    return TransferError(
        f"S3ServiceException:{error.response['Error'].get('Message', code)}",
        f"Status {status},Error {code}, as role {role}.",
    )


def _role_arn(item: str) -> str:
    """The ARN in a namespace's role, which the API shows as `IamRole(applyStatus=…, iamRoleArn=arn:…)`."""
    return item.partition("iamRoleArn=")[2].rstrip(")") or item
