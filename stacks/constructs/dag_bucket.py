"""The bucket that MWAA reads: DAGs, and the requirements file by version."""

from __future__ import annotations

from pathlib import Path

from aws_cdk import Fn, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_s3_assets as assets
from aws_cdk import aws_s3_deployment as deployment
from constructs import Construct

from stacks.constructs.data_bucket import DataBucket, grant_read_write_objects
from stacks.constructs.logs import PlatformLogGroup
from stacks.nag import acknowledge
from stacks.settings import Settings

DAGS = "dags"
REQUIREMENTS = "requirements"
COPY_FUNCTION = "Custom::CDKBucketDeployment8693BB64968944B69AAFB0CC9EB8756C"
"""Id that the CDK gives to the one function that carries out a stack's bucket deployments."""
NOT_FOR_DAGS = ["requirements.txt", "**/__pycache__/**", "**/*.pyc"]


class DagBucket(Construct):
    """Versioned bucket with the content of `mwaa_dags/`.

    MWAA takes changed DAGs by itself, but installs requirements only when the environment names a new version
    of the file; the version that the deployment wrote is handed on as `requirements_version`.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        source: Path,
        key: kms.Key,
        logs_key: kms.Key,
        access_logs: s3.IBucket,
    ) -> None:
        super().__init__(scope, construct_id)
        self.bucket = DataBucket(self, "Bucket", settings=settings, key=key, access_logs=access_logs)
        dags = assets.Asset(self, "Dags", path=str(source), exclude=NOT_FOR_DAGS)
        requirements = assets.Asset(self, "Requirements", path=str(source / "requirements.txt"))
        role = self._role(dags, requirements)
        log_group = PlatformLogGroup(self, "DeploymentLog", settings=settings, key=logs_key)
        log_group.grant_write(role)
        # What the construct would grant are wildcards over two buckets; the role has exactly what it needs.
        exact = role.without_policy_updates()
        self.dags = deployment.BucketDeployment(
            self,
            "DagsDeployment",
            sources=[deployment.Source.bucket(dags.bucket, dags.s3_object_key)],
            destination_bucket=self.bucket,
            destination_key_prefix=DAGS,
            role=exact,
            log_group=log_group,
        )
        written = deployment.BucketDeployment(
            self,
            "RequirementsDeployment",
            sources=[deployment.Source.bucket(requirements.bucket, requirements.s3_object_key)],
            destination_bucket=self.bucket,
            destination_key_prefix=REQUIREMENTS,
            extract=False,
            # The environment may need the file before this one again, to roll back.
            prune=False,
            role=exact,
            log_group=log_group,
        )
        for each in (self.dags, written):
            each.node.add_dependency(role)
        self.requirements_path = f"{REQUIREMENTS}/{requirements.s3_object_key}"
        """Key of the requirements file: its name is the hash of its content."""
        self.requirements_version = Fn.select(0, written.object_version_ids)
        """Version of the requirements file that the deployment wrote."""
        acknowledge(
            Stack.of(self).node.find_child(COPY_FUNCTION),
            "L1",
            reason="The CDK chooses the runtime of its own function; a newer one comes with a newer CDK.",
        )

    def _role(self, *sources: assets.Asset) -> iam.Role:
        role = iam.Role(
            self,
            "DeploymentRole",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            description="Copies DAGs and requirements to the bucket of MWAA",
        )
        role.add_to_policy(
            iam.PolicyStatement(
                actions=["s3:GetObject"],
                resources=[each.bucket.arn_for_objects(each.s3_object_key) for each in sources],
            )
        )
        grant_read_write_objects(
            self.bucket,
            role,
            f"{DAGS}/",
            f"{REQUIREMENTS}/",
            reason="The deployment writes, and removes, whatever files the DAG folder has.",
        )
        role.add_to_policy(
            iam.PolicyStatement(actions=["s3:GetBucketTagging"], resources=[self.bucket.bucket_arn])
        )
        return role
