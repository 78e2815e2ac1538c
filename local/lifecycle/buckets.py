"""The buckets that go with their stacks: emptied, and no longer written to by access logs."""

from __future__ import annotations

from collections.abc import Iterable

from botocore.exceptions import ClientError

from local.errors import UserFacingError
from local.lifecycle.account import Account, Stack

GONE = frozenset({"NoSuchBucket", "404"})


def disposable(stack: Stack) -> list[str]:
    """Names of the buckets that CloudFormation deletes with the stack."""
    return stack.of_type("AWS::S3::Bucket", disposable=True)


def stop_access_logs(account: Account, names: Iterable[str]) -> None:
    """Switch the access logs of buckets off: S3 delivers them for hours, also of the emptying itself.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/ServerLogs.html
    """
    for name in names:
        try:
            account.client("s3").put_bucket_logging(Bucket=name, BucketLoggingStatus={})
        except ClientError as error:
            if error.response["Error"]["Code"] not in GONE:
                raise


def empty(account: Account, name: str) -> int:
    """Delete every version and delete marker of a bucket; how many there were, 0 when it does not exist."""
    s3 = account.client("s3")
    count = 0
    try:
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=name):
            found = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
            objects = [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in found]
            if not objects:
                continue
            answer = s3.delete_objects(Bucket=name, Delete={"Objects": objects, "Quiet": True})
            if refused := answer.get("Errors"):
                first = refused[0]
                raise UserFacingError(
                    f"{len(refused)} objects of {name} could not be deleted, the first of them "
                    f"{first.get('Key')}: {first.get('Code')} {first.get('Message')}"
                )
            count += len(objects)
    except ClientError as error:
        if error.response["Error"]["Code"] not in GONE:
            raise
    return count
