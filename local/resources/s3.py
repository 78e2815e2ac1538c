"""S3: bucket properties that ministack's CloudFormation drops; the CDK's custom resources for buckets."""

from __future__ import annotations

from typing import Any

from local.resources.provisioner import (
    Context,
    Created,
    Properties,
    ResourceType,
    extend,
    resource_type,
    tags,
    to_shape,
)
from local.services.clients import client

_TRANSITION_NAMES = {"TransitionInDays": "Days", "TransitionDate": "Date"}


@extend("AWS::S3::Bucket")
def bucket_properties(physical_id: str, old: Properties | None, new: Properties) -> None:
    """Apply each property by the call that the console would make; take back those that were removed."""
    api = client("s3")
    before = old or {}
    for name, apply, remove in _APPLIED:
        if name in new:
            apply(api, physical_id, new[name])
        elif name in before and remove is not None:
            getattr(api, remove)(Bucket=physical_id)


def _encryption(api: Any, bucket: str, value: dict[str, Any]) -> None:
    rules = []
    for rule in value["ServerSideEncryptionConfiguration"]:
        converted: dict[str, Any] = {}
        if "ServerSideEncryptionByDefault" in rule:
            converted["ApplyServerSideEncryptionByDefault"] = rule["ServerSideEncryptionByDefault"]
        if "BucketKeyEnabled" in rule:
            converted["BucketKeyEnabled"] = rule["BucketKeyEnabled"]
        rules.append(converted)
    _put(api, "put_bucket_encryption", bucket, {"ServerSideEncryptionConfiguration": {"Rules": rules}})


def _versioning(api: Any, bucket: str, value: dict[str, Any]) -> None:
    _put(api, "put_bucket_versioning", bucket, {"VersioningConfiguration": value})


def _lifecycle(api: Any, bucket: str, value: dict[str, Any]) -> None:
    rules = [_lifecycle_rule(rule) for rule in value["Rules"]]
    _put(api, "put_bucket_lifecycle_configuration", bucket, {"LifecycleConfiguration": {"Rules": rules}})


def _lifecycle_rule(rule: dict[str, Any]) -> dict[str, Any]:
    converted: dict[str, Any] = {"Status": rule["Status"]}
    if "Id" in rule:
        converted["ID"] = rule["Id"]
    selection: dict[str, Any] = {}
    if "Prefix" in rule:
        selection["Prefix"] = rule["Prefix"]
    if rule.get("TagFilters"):
        selection["Tags"] = rule["TagFilters"]
    for key in ("ObjectSizeGreaterThan", "ObjectSizeLessThan"):
        if key in rule:
            selection[key] = rule[key]
    converted["Filter"] = {"And": selection} if len(selection) > 1 or "Tags" in selection else selection
    expiration: dict[str, Any] = {}
    if "ExpirationInDays" in rule:
        expiration["Days"] = rule["ExpirationInDays"]
    if "ExpiredObjectDeleteMarker" in rule:
        expiration["ExpiredObjectDeleteMarker"] = rule["ExpiredObjectDeleteMarker"]
    if expiration:
        converted["Expiration"] = expiration
    if "AbortIncompleteMultipartUpload" in rule:
        converted["AbortIncompleteMultipartUpload"] = rule["AbortIncompleteMultipartUpload"]
    if "NoncurrentVersionExpiration" in rule:
        converted["NoncurrentVersionExpiration"] = rule["NoncurrentVersionExpiration"]
    elif "NoncurrentVersionExpirationInDays" in rule:
        days = rule["NoncurrentVersionExpirationInDays"]
        converted["NoncurrentVersionExpiration"] = {"NoncurrentDays": days}
    if "Transitions" in rule:
        converted["Transitions"] = [
            {_TRANSITION_NAMES.get(key, key): value for key, value in one.items()}
            for one in rule["Transitions"]
        ]
    if "NoncurrentVersionTransitions" in rule:
        converted["NoncurrentVersionTransitions"] = [
            {("NoncurrentDays" if key == "TransitionInDays" else key): value for key, value in one.items()}
            for one in rule["NoncurrentVersionTransitions"]
        ]
    return converted


def _ownership(api: Any, bucket: str, value: dict[str, Any]) -> None:
    _put(api, "put_bucket_ownership_controls", bucket, {"OwnershipControls": value})


def _logging(api: Any, bucket: str, value: dict[str, Any]) -> None:
    enabled = {
        "TargetBucket": value.get("DestinationBucketName", bucket),
        "TargetPrefix": value.get("LogFilePrefix", ""),
    }
    if "TargetObjectKeyFormat" in value:
        enabled["TargetObjectKeyFormat"] = value["TargetObjectKeyFormat"]
    _put(api, "put_bucket_logging", bucket, {"BucketLoggingStatus": {"LoggingEnabled": enabled}})


def _tagging(api: Any, bucket: str, value: Any) -> None:
    _put(api, "put_bucket_tagging", bucket, {"Tagging": {"TagSet": tags(value)}})


def _put(api: Any, method: str, bucket: str, params: dict[str, Any]) -> None:
    operation = api.meta.service_model.operation_model(api.meta.method_to_api_mapping[method])
    getattr(api, method)(**to_shape({"Bucket": bucket, **params}, operation.input_shape))


_APPLIED = (
    ("BucketEncryption", _encryption, "delete_bucket_encryption"),
    ("VersioningConfiguration", _versioning, None),
    ("LifecycleConfiguration", _lifecycle, "delete_bucket_lifecycle"),
    ("OwnershipControls", _ownership, "delete_bucket_ownership_controls"),
    ("LoggingConfiguration", _logging, None),
    ("Tags", _tagging, "delete_bucket_tagging"),
)


@resource_type("Custom::S3BucketNotifications")
class BucketNotifications(ResourceType):
    """The CDK's way to set a bucket's notifications, done here without its function."""

    def create(self, props: Properties, context: Context) -> Created:
        api = client("s3")
        operation = api.meta.service_model.operation_model("PutBucketNotificationConfiguration")
        wanted = {
            "Bucket": props["BucketName"],
            "NotificationConfiguration": props["NotificationConfiguration"],
            "SkipDestinationValidation": props.get("SkipDestinationValidation", False),
        }
        api.put_bucket_notification_configuration(**to_shape(wanted, operation.input_shape))
        return Created(f"{context.stack_name}-{context.logical_id}")

    def update(self, physical_id: str, old: Properties, new: Properties, context: Context) -> Created:
        self.create(new, context)
        return Created(physical_id)

    def delete(self, physical_id: str, props: Properties, context: Context) -> None:
        client("s3").put_bucket_notification_configuration(
            Bucket=props["BucketName"], NotificationConfiguration={}
        )


@resource_type("Custom::S3AutoDeleteObjects")
class AutoDeleteObjects(ResourceType):
    """The CDK's way to empty a bucket before it is deleted, done here without its function."""

    def create(self, props: Properties, context: Context) -> Created:
        return Created(f"{context.stack_name}-{context.logical_id}")

    def update(self, physical_id: str, old: Properties, new: Properties, context: Context) -> Created:
        return Created(physical_id)

    def delete(self, physical_id: str, props: Properties, context: Context) -> None:
        empty(props["BucketName"])


def empty(bucket: str, prefix: str = "") -> None:
    """Remove every version of every object under `prefix` from a bucket, if it exists."""
    api = client("s3")
    try:
        pages = list(api.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix))
    except api.exceptions.NoSuchBucket:
        return
    for page in pages:
        found = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        objects = [{"Key": one["Key"], "VersionId": one["VersionId"]} for one in found]
        if objects:
            api.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True})
