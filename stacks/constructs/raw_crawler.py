"""The crawler that infers tables from the raw objects."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import Aws
from aws_cdk import aws_glue as glue
from aws_cdk import aws_iam as iam
from constructs import Construct

from stacks.constructs.data_bucket import DataBucket, grant_read_objects
from stacks.nag import acknowledge_wildcard


class RawCrawler(Construct):
    """A crawler over folders of the raw bucket that writes to a database of its own.

    It only infers: the declared tables are not its business, and who writes a day registers the partition.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        name: str,
        bucket: DataBucket,
        folders: Sequence[str],
        database: str,
        database_arns: Sequence[str],
        security_configuration: str,
        schedule: str | None,
    ) -> None:
        super().__init__(scope, construct_id)
        role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("glue.amazonaws.com"),
            description="The crawler over the raw objects",
        )
        grant_read_objects(
            bucket,
            role,
            *(f"{folder}/" for folder in folders),
            reason="A crawler samples whatever objects there are.",
        )
        tables = f"arn:{Aws.PARTITION}:glue:{Aws.REGION}:{Aws.ACCOUNT_ID}:table/{database}/*"
        role.add_to_policy(
            iam.PolicyStatement(
                actions=[
                    "glue:BatchCreatePartition",
                    "glue:BatchGetPartition",
                    "glue:BatchUpdatePartition",
                    "glue:CreatePartition",
                    "glue:CreateTable",
                    "glue:GetDatabase",
                    "glue:GetPartition",
                    "glue:GetPartitions",
                    "glue:GetTable",
                    "glue:GetTables",
                    "glue:UpdatePartition",
                    "glue:UpdateTable",
                ],
                resources=[*database_arns, tables],
            )
        )
        # Glue dictates the group's name, and the crawlers of an account share it.
        log_group = f"arn:{Aws.PARTITION}:logs:{Aws.REGION}:{Aws.ACCOUNT_ID}:log-group:/aws-glue/crawlers*"
        role.add_to_policy(
            iam.PolicyStatement(
                actions=[
                    "logs:AssociateKmsKey",
                    "logs:CreateLogGroup",
                    "logs:CreateLogStream",
                    "logs:PutLogEvents",
                ],
                resources=[log_group],
            )
        )
        acknowledge_wildcard(
            role,
            tables,
            log_group,
            reason="A crawler names the tables that it infers, and Glue the log group that crawlers share.",
        )
        crawler = glue.CfnCrawler(
            self,
            "Crawler",
            name=name,
            description="Infers the schema of the raw objects, to compare with the declared tables",
            role=role.role_arn,
            database_name=database,
            targets=glue.CfnCrawler.TargetsProperty(
                s3_targets=[
                    glue.CfnCrawler.S3TargetProperty(
                        path=f"s3://{bucket.bucket_name}/{folder}/", sample_size=10
                    )
                    for folder in folders
                ]
            ),
            schema_change_policy=glue.CfnCrawler.SchemaChangePolicyProperty(
                update_behavior="UPDATE_IN_DATABASE", delete_behavior="LOG"
            ),
            crawler_security_configuration=security_configuration,
            schedule=None
            if schedule is None
            else glue.CfnCrawler.ScheduleProperty(schedule_expression=schedule),
        )
        crawler.node.add_dependency(role)
