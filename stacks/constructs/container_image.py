"""A container image of the repository: where it is kept, and what builds it without Docker at deploy."""

from __future__ import annotations

from pathlib import Path

from aws_cdk import Duration
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3_assets as assets
from constructs import Construct

from stacks.constructs.bundle import image_zip
from stacks.constructs.deletion import removal_policy
from stacks.constructs.logs import PlatformLogGroup
from stacks.constructs.trust import on_our_behalf
from stacks.nag import acknowledge_wildcard
from stacks.settings import Settings

BUILD_MINUTES = 30
BUILD = """
set -euo pipefail
if aws ecr describe-images --repository-name "$REPOSITORY" --image-ids "imageTag=$TAG" >/dev/null 2>&1; then
  echo "$REPOSITORY:$TAG is there already"
else
  aws ecr get-login-password | docker login --username AWS --password-stdin "${REPOSITORY_URI%%/*}"
  docker build --tag "$REPOSITORY_URI:$TAG" .
  docker push "$REPOSITORY_URI:$TAG"
fi
"""
"""What a build does; running it again changes nothing."""


class ContainerImage(Construct):
    """The image of `containers/<name>`: an ECR repository and the CodeBuild project that fills it.

    The image's tag is the hash of its build context, so a changed file is another tag, and the same files
    are never built twice. `folders` are staged beside the Dockerfile.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        name: str,
        folders: list[Path],
        data_key: kms.IKey,
        logs_key: kms.IKey,
    ) -> None:
        super().__init__(scope, construct_id)
        self._context = assets.Asset(self, "Context", path=str(image_zip(name, *folders)))
        self.tag = self._context.asset_hash
        self.repository = ecr.Repository(
            self,
            "Repository",
            repository_name=settings.physical_name(name),
            image_scan_on_push=True,
            image_tag_mutability=ecr.TagMutability.IMMUTABLE,
            encryption=ecr.RepositoryEncryption.KMS,
            encryption_key=data_key,
            lifecycle_rules=[
                ecr.LifecycleRule(
                    description="Old images go", max_image_count=settings.containers.images_kept
                )
            ],
            removal_policy=removal_policy(settings),
            empty_on_delete=settings.environment.remove_data_on_destroy,
        )
        self.project = self._project(settings, name, data_key, logs_key)

    @property
    def image(self) -> ecs.ContainerImage:
        """The image under its tag, for a container that runs it."""
        return ecs.ContainerImage.from_ecr_repository(self.repository, self.tag)

    def _project(
        self, settings: Settings, name: str, data_key: kms.IKey, logs_key: kms.IKey
    ) -> codebuild.Project:
        log_group = PlatformLogGroup(self, "Log", settings=settings, key=logs_key)
        project_name = settings.physical_name(name, "image")
        role = iam.Role(
            self,
            "Role",
            assumed_by=on_our_behalf("codebuild", resource=f"project/{project_name}"),
            description=f"Builds and pushes the image {name}",
        )
        self._allow_build(role, log_group)
        return codebuild.Project(
            self,
            "Project",
            project_name=project_name,
            description=f"Builds the image {name} from its staged folder, unless its tag is there already",
            source=codebuild.Source.s3(bucket=self._context.bucket, path=self._context.s3_object_key),
            environment=codebuild.BuildEnvironment(
                # The machine has the architecture that the tasks have.
                build_image=codebuild.LinuxArmBuildImage.AMAZON_LINUX_2023_STANDARD_3_0,
                compute_type=codebuild.ComputeType.SMALL,
                # Docker in a build needs it; the build runs this repository's own files.
                privileged=True,
            ),
            environment_variables={
                "REPOSITORY": codebuild.BuildEnvironmentVariable(value=self.repository.repository_name),
                "REPOSITORY_URI": codebuild.BuildEnvironmentVariable(value=self.repository.repository_uri),
                "TAG": codebuild.BuildEnvironmentVariable(value=self.tag),
            },
            build_spec=codebuild.BuildSpec.from_object(
                {
                    "version": "0.2",
                    "env": {"shell": "bash"},
                    "phases": {"build": {"commands": [BUILD.strip()]}},
                }
            ),
            encryption_key=data_key,
            logging=codebuild.LoggingOptions(
                cloud_watch=codebuild.CloudWatchLoggingOptions(log_group=log_group)
            ),
            timeout=Duration.minutes(BUILD_MINUTES),
            grant_report_group_permissions=False,
            # CDK's own grants would open the whole assets bucket, with wildcard actions.
            role=role.without_policy_updates(),
        )

    def _allow_build(self, role: iam.Role, log_group: PlatformLogGroup) -> None:
        log_group.grant_write(role)
        bucket = self._context.bucket
        for actions, resource in (
            (["s3:GetObject", "s3:GetObjectVersion"], bucket.arn_for_objects(self._context.s3_object_key)),
            (["s3:GetBucketLocation"], bucket.bucket_arn),
            (["ecr:GetAuthorizationToken"], "*"),
            (
                [
                    "ecr:BatchCheckLayerAvailability",
                    "ecr:BatchGetImage",
                    "ecr:CompleteLayerUpload",
                    "ecr:DescribeImages",
                    "ecr:GetDownloadUrlForLayer",
                    "ecr:InitiateLayerUpload",
                    "ecr:PutImage",
                    "ecr:UploadLayerPart",
                ],
                self.repository.repository_arn,
            ),
        ):
            role.add_to_policy(iam.PolicyStatement(actions=actions, resources=[resource]))
        acknowledge_wildcard(
            role, "*", reason="The login to a registry is for the account; IAM knows no resource for it."
        )
