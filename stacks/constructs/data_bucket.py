"""The lake's buckets: private, versioned, TLS-only, encrypted, known to EventBridge; and who may use them."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import Aws, Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from stacks.constructs.deletion import removal_policy
from stacks.nag import acknowledge_wildcard
from stacks.settings import Settings

ACCESS_LOGS = "access"
"""Prefix of the buckets' access logs in the bucket of logs."""


class DataBucket(s3.Bucket):
    """A bucket that is secure by construction.

    With `key` it is encrypted by that KMS key, without it by S3's own: the target of access logs can have no
    other. `access_logs` is the bucket that records its requests.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        key: kms.IKey | None,
        access_logs: s3.IBucket | None,
        lifecycle_rules: Sequence[s3.LifecycleRule] = (),
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            encryption=s3.BucketEncryption.S3_MANAGED if key is None else s3.BucketEncryption.KMS,
            encryption_key=key,
            bucket_key_enabled=None if key is None else True,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            versioned=True,
            removal_policy=removal_policy(settings),
            lifecycle_rules=[
                s3.LifecycleRule(
                    id="overwritten-versions",
                    abort_incomplete_multipart_upload_after=Duration.days(7),
                    noncurrent_version_expiration=Duration.days(settings.lake.noncurrent_versions_after_days),
                    expired_object_delete_marker=True,
                ),
                *lifecycle_rules,
            ],
        )
        resource = self.node.default_child
        assert isinstance(resource, s3.CfnBucket)
        if access_logs is not None:
            # The construct's own switch lets S3 write for any account, where the two are in different stacks.
            resource.logging_configuration = s3.CfnBucket.LoggingConfigurationProperty(
                destination_bucket_name=access_logs.bucket_name,
                log_file_prefix=f"{ACCESS_LOGS}/{construct_id.lower()}/",
            )
        if key is not None:
            # The construct's own switch is a custom resource with a Lambda function; the property is S3's.
            resource.notification_configuration = s3.CfnBucket.NotificationConfigurationProperty(
                event_bridge_configuration=s3.CfnBucket.EventBridgeConfigurationProperty(
                    event_bridge_enabled=True
                )
            )
        self.data_key = key
        """The KMS key that encrypts the objects; None for S3's own."""


def allow_access_logs(bucket: DataBucket) -> None:
    """Let S3 write the access logs of this account's buckets into `bucket`."""
    bucket.add_to_resource_policy(
        iam.PolicyStatement(
            sid="AccessLogsOfThisAccount",
            principals=[iam.ServicePrincipal("logging.s3.amazonaws.com")],
            actions=["s3:PutObject"],
            resources=[bucket.arn_for_objects(f"{ACCESS_LOGS}/*")],
            conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}},
        )
    )


def grant_read_objects(bucket: DataBucket, role: iam.Role, *prefixes: str, reason: str) -> None:
    """Let `role` list `bucket` and read the objects under `prefixes` (all objects without any).

    `reason` says why it needs every object there; it acknowledges cdk-nag's finding about the `*`.
    """
    _grant(bucket, role, ["s3:GetObject"], ["kms:Decrypt"], prefixes, reason)


def grant_write_objects(bucket: DataBucket, role: iam.Role, *prefixes: str, reason: str) -> None:
    """Let `role` list `bucket` and write, overwrite and delete, but not read, objects under `prefixes`."""
    _grant(bucket, role, _WRITE, _ENCRYPT, prefixes, reason)


def grant_put_objects(bucket: DataBucket, role: iam.Role, *prefixes: str, reason: str) -> None:
    """Let `role` put objects under `prefixes` of `bucket`, and nothing else: no list, read or delete."""
    patterns = _patterns(bucket, prefixes)
    role.add_to_policy(iam.PolicyStatement(actions=_PUT, resources=patterns))
    _grant_key(bucket, role, _ENCRYPT)
    acknowledge_wildcard(role, *patterns, reason=reason)


def grant_read_put_objects(bucket: DataBucket, role: iam.Role, *prefixes: str, reason: str) -> None:
    """Let `role` list `bucket`, read the objects under `prefixes` and put new ones, but delete none."""
    _grant(bucket, role, ["s3:GetObject", *_PUT], _ENCRYPT, prefixes, reason)


def grant_read_write_objects(bucket: DataBucket, role: iam.Role, *prefixes: str, reason: str) -> None:
    """Let `role` list `bucket` and read, write and delete the objects under `prefixes`."""
    _grant(bucket, role, ["s3:GetObject", *_WRITE], _ENCRYPT, prefixes, reason)


def grant_scratch_objects(bucket: DataBucket, role: iam.Role, prefix: str, *, reason: str) -> None:
    """Let `role` list, read, write (in parts as well) and delete what is under `prefix`, and list no more."""
    patterns = _patterns(bucket, [prefix])
    role.add_to_policy(iam.PolicyStatement(actions=["s3:GetObject", *_WRITE], resources=patterns))
    role.add_to_policy(
        iam.PolicyStatement(
            actions=["s3:ListBucket"],
            resources=[bucket.bucket_arn],
            conditions={"StringLike": {"s3:prefix": f"{prefix}*"}},
        )
    )
    _grant_key(bucket, role, _ENCRYPT)
    acknowledge_wildcard(role, *patterns, reason=reason)


_PUT = ["s3:AbortMultipartUpload", "s3:PutObject"]
_WRITE = ["s3:AbortMultipartUpload", "s3:DeleteObject", "s3:ListMultipartUploadParts", "s3:PutObject"]
# A multipart upload decrypts its parts, so who writes needs both.
_ENCRYPT = ["kms:Decrypt", "kms:GenerateDataKey"]


def _grant(
    bucket: DataBucket,
    role: iam.Role,
    object_actions: list[str],
    key_actions: list[str],
    prefixes: Sequence[str],
    reason: str,
) -> None:
    patterns = _patterns(bucket, prefixes)
    role.add_to_policy(iam.PolicyStatement(actions=object_actions, resources=patterns))
    role.add_to_policy(
        iam.PolicyStatement(actions=["s3:GetBucketLocation", "s3:ListBucket"], resources=[bucket.bucket_arn])
    )
    _grant_key(bucket, role, key_actions)
    acknowledge_wildcard(role, *patterns, reason=reason)


def _patterns(bucket: DataBucket, prefixes: Sequence[str]) -> list[str]:
    return [bucket.arn_for_objects(f"{prefix}*") for prefix in prefixes or ("",)]


def _grant_key(bucket: DataBucket, role: iam.Role, actions: list[str]) -> None:
    if bucket.data_key is not None:
        role.add_to_policy(iam.PolicyStatement(actions=actions, resources=[bucket.data_key.key_arn]))
