"""The data lake: one bucket a zone."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from stacks.constructs.data_bucket import DataBucket, allow_access_logs
from stacks.constructs.stack import PlatformStack
from stacks.nag import acknowledge_wildcard
from stacks.security import SecurityStack
from stacks.settings import Settings

DOWNLOADS = "downloads/"
"""Prefix in the raw bucket of downloads that one invocation of a function did not end."""
SMALLEST_THAT_MOVES = 128 * 1024
"""Bytes from which on a colder class pays.

Infrequent access bills each object as 128 KB at least, and the move itself as a request. Since 2024 it is
also the default of S3, silently applied to a rule without sizes.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/lifecycle-transition-general-considerations.html
"""


class LakeStack(PlatformStack):
    """Buckets for raw data, curated data, warehouse loads, artifacts and logs."""

    def __init__(
        self, scope: Construct, construct_id: str, *, settings: Settings, security: SecurityStack
    ) -> None:
        super().__init__(
            scope, construct_id, settings=settings, description="One bucket a zone of the data lake"
        )
        key = security.data_key
        lake = settings.lake
        to_infrequent_access = s3.Transition(
            storage_class=s3.StorageClass.INFREQUENT_ACCESS,
            transition_after=Duration.days(lake.infrequent_access_after_days),
        )
        to_archive = s3.Transition(
            storage_class=s3.StorageClass.GLACIER_INSTANT_RETRIEVAL,
            transition_after=Duration.days(lake.archive_after_days),
        )
        self.logs = DataBucket(
            self,
            "Logs",
            settings=settings,
            key=None,
            access_logs=None,
            lifecycle_rules=[
                s3.LifecycleRule(id="old-logs", expiration=Duration.days(lake.logs_after_days)),
            ],
        )
        allow_access_logs(self.logs)
        self.raw = DataBucket(
            self,
            "Raw",
            settings=settings,
            key=key,
            access_logs=self.logs,
            lifecycle_rules=[
                _colder_classes(to_infrequent_access, to_archive),
                # Whoever downloads deletes them; what is left is of a source that nothing asks any more.
                s3.LifecycleRule(
                    id="downloads-in-progress",
                    prefix=DOWNLOADS,
                    expiration=Duration.days(7),
                    noncurrent_version_expiration=Duration.days(1),
                ),
            ],
        )
        self.curated = DataBucket(
            self,
            "Curated",
            settings=settings,
            key=key,
            access_logs=self.logs,
            lifecycle_rules=[_colder_classes(to_infrequent_access)],
        )
        self.warehouse = DataBucket(self, "Warehouse", settings=settings, key=key, access_logs=self.logs)
        self.artifacts = DataBucket(
            self,
            "Artifacts",
            settings=settings,
            key=key,
            access_logs=self.logs,
            lifecycle_rules=[
                s3.LifecycleRule(
                    id="query-results", prefix="athena/", expiration=Duration.days(lake.logs_after_days)
                )
            ],
        )
        self._let_analysts_read(security)

    def _let_analysts_read(self, security: SecurityStack) -> None:
        objects = self.curated.arn_for_objects("*")
        policy = iam.ManagedPolicy(
            self,
            "ReadCurated",
            description="Analysts read curated data",
            groups=[security.analysts],
            statements=[
                iam.PolicyStatement(actions=["s3:GetObject"], resources=[objects]),
                iam.PolicyStatement(
                    actions=["s3:GetBucketLocation", "s3:ListBucket"], resources=[self.curated.bucket_arn]
                ),
                iam.PolicyStatement(
                    actions=["kms:Decrypt"],
                    resources=[security.data_key.key_arn],
                    conditions={"StringEquals": {"kms:ViaService": f"s3.{self.region}.amazonaws.com"}},
                ),
            ],
        )
        acknowledge_wildcard(policy, objects, reason="Analysts may read every day of every curated table.")


def _colder_classes(*transitions: s3.Transition) -> s3.LifecycleRule:
    """Move what is large enough to be worth it; the rest stays in S3 Standard."""
    return s3.LifecycleRule(
        id="colder-classes",
        object_size_greater_than=SMALLEST_THAT_MOVES - 1,
        transitions=list(transitions),
    )
