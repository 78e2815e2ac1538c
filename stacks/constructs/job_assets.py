"""Scripts, packages and reference files of the jobs as content-hashed assets, granted one by one."""

from __future__ import annotations

from pathlib import Path

from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3_assets as assets
from constructs import Construct


class JobAsset(Construct):
    """One file of the repository in CDK's assets bucket, under a key that is the hash of its content.

    `Asset.grant_read` opens the whole assets bucket, with wildcard actions; a job reads its own file only.
    """

    def __init__(self, scope: Construct, construct_id: str, *, path: Path) -> None:
        super().__init__(scope, construct_id)
        self._asset = assets.Asset(self, "Asset", path=str(path))

    @property
    def uri(self) -> str:
        """`s3://<assets bucket>/<hash>.<extension>`."""
        return self._asset.s3_object_url

    def grant_read(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let `grantee` read exactly this object.

        No key permission is needed: CDK's bootstrap encrypts the bucket with the account's own S3 key.
        """
        return iam.Grant.add_to_principal(
            grantee=grantee,
            actions=["s3:GetObject"],
            resource_arns=[self._asset.bucket.arn_for_objects(self._asset.s3_object_key)],
        )

    def grant_read_by_spark(self, role: iam.Role) -> None:
        """Let the Spark jobs of `role` read this object as data.

        Spark lists what it is told to read before it opens it; it may list this key, no other.
        """
        self.grant_read(role)
        key = self._asset.s3_object_key
        role.add_to_policy(
            iam.PolicyStatement(
                actions=["s3:ListBucket"],
                resources=[self._asset.bucket.bucket_arn],
                conditions={"StringEquals": {"s3:prefix": [key, f"{key}/"]}},
            )
        )
