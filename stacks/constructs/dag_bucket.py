"""The bucket that MWAA reads: DAGs, and by version the files that its machines are made of."""

from __future__ import annotations

from dataclasses import dataclass
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
from stacks.constructs.wheels import Wheels
from stacks.nag import acknowledge
from stacks.settings import Settings

DAGS = "dags"
REQUIREMENTS, STARTUP, PLUGINS = "requirements", "startup", "plugins"
STARTUP_SCRIPT = "startup.sh"
COPY_FUNCTION = "Custom::CDKBucketDeployment8693BB64968944B69AAFB0CC9EB8756C"
"""Id that the CDK gives to the one function that carries out a stack's bucket deployments."""
NOT_FOR_DAGS = ["requirements.txt", STARTUP_SCRIPT, "**/__pycache__/**", "**/*.pyc"]


@dataclass(frozen=True)
class PinnedFile:
    """A file as an MWAA environment names it."""

    path: str
    """Its key: its name is the hash of its content."""
    version: str
    """Version of the object that the deployment wrote."""


class DagBucket(Construct):
    """Versioned bucket with the content of `source`: DAGs, requirements.txt, and startup.sh if there is one.

    MWAA takes changed DAGs by itself, but makes its machines anew only when the environment names another
    version of the requirements, the startup script or the plugins.

    With `wheels` the environment installs from them, shipped as plugins, and asks no package index.
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
        wheels: Wheels | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        self.bucket = DataBucket(self, "Bucket", settings=settings, key=key, access_logs=access_logs)
        dags = assets.Asset(self, "Dags", path=str(source), exclude=NOT_FOR_DAGS)
        files = {REQUIREMENTS: source / "requirements.txt"}
        if wheels is not None:
            files |= {REQUIREMENTS: wheels.requirements, PLUGINS: wheels.archive}
        if (source / STARTUP_SCRIPT).exists():
            files[STARTUP] = source / STARTUP_SCRIPT
        pinned = {
            prefix: assets.Asset(self, prefix.title(), path=str(path)) for prefix, path in files.items()
        }
        role = self._role(dags, pinned)
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
        self.dags.node.add_dependency(role)
        self._files: dict[str, PinnedFile] = {}
        for prefix, asset in pinned.items():
            written = deployment.BucketDeployment(
                self,
                f"{prefix.title()}Deployment",
                sources=[deployment.Source.bucket(asset.bucket, asset.s3_object_key)],
                destination_bucket=self.bucket,
                destination_key_prefix=prefix,
                extract=False,
                # The environment may need the file before this one again, to roll back.
                prune=False,
                role=exact,
                log_group=log_group,
            )
            written.node.add_dependency(role)
            self._files[prefix] = PinnedFile(
                f"{prefix}/{asset.s3_object_key}", Fn.select(0, written.object_version_ids)
            )
        acknowledge(
            Stack.of(self).node.find_child(COPY_FUNCTION),
            "L1",
            reason="The CDK chooses the runtime of its own function; a newer one comes with a newer CDK.",
        )

    @property
    def requirements(self) -> PinnedFile:
        """What MWAA installs beside its own packages."""
        return self._files[REQUIREMENTS]

    @property
    def startup(self) -> PinnedFile | None:
        """What each machine runs before it installs anything; None without such a script."""
        return self._files.get(STARTUP)

    @property
    def plugins(self) -> PinnedFile | None:
        """What MWAA unpacks beside the DAGs; None without."""
        return self._files.get(PLUGINS)

    def _role(self, dags: assets.Asset, pinned: dict[str, assets.Asset]) -> iam.Role:
        role = iam.Role(
            self,
            "DeploymentRole",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            description="Copies DAGs and requirements to the bucket of MWAA",
        )
        role.add_to_policy(
            iam.PolicyStatement(
                actions=["s3:GetObject"],
                resources=[
                    each.bucket.arn_for_objects(each.s3_object_key) for each in (dags, *pinned.values())
                ],
            )
        )
        grant_read_write_objects(
            self.bucket,
            role,
            f"{DAGS}/",
            *(f"{prefix}/" for prefix in pinned),
            reason="The deployment writes, and removes, whatever files the DAG folder has.",
        )
        role.add_to_policy(
            iam.PolicyStatement(actions=["s3:GetBucketTagging"], resources=[self.bucket.bucket_arn])
        )
        return role
