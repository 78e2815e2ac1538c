"""What MWAA itself needs of its execution role, before any task has a wish.

https://docs.aws.amazon.com/mwaa/latest/userguide/mwaa-create-role.html
"""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import Aws
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from constructs import Construct

from stacks.constructs.trust import on_our_behalf
from stacks.nag import acknowledge_wildcard


def airflow_role(
    scope: Construct,
    *,
    name: str,
    environment_name: str,
    bucket: s3.IBucket,
    key: kms.IKey,
    log_groups: Sequence[logs.LogGroup],
) -> iam.Role:
    """Execution role called `name` of the MWAA environment `environment_name`.

    It reads `bucket`, writes `log_groups`, and uses the queue that MWAA keeps in an account of its own.
    """
    here = f"{Aws.REGION}:{Aws.ACCOUNT_ID}"
    role = iam.Role(
        scope,
        "Role",
        role_name=name,
        assumed_by=iam.CompositePrincipal(
            *(
                on_our_behalf(service, arn_service="airflow", resource=f"environment/{environment_name}")
                for service in ("airflow-env", "airflow")
            )
        ),
        description="Airflow and its tasks",
    )
    environment = f"arn:{Aws.PARTITION}:airflow:{here}:environment/{environment_name}"
    role.add_to_policy(iam.PolicyStatement(actions=["airflow:PublishMetrics"], resources=[environment]))
    _read_bucket(role, bucket)
    for group in log_groups:
        group.grant(
            role,
            "logs:CreateLogGroup",
            "logs:CreateLogStream",
            "logs:GetLogEvents",
            "logs:GetLogGroupFields",
            "logs:GetLogRecord",
            "logs:GetQueryResults",
            "logs:PutLogEvents",
        )
    role.add_to_policy(
        iam.PolicyStatement(
            actions=["cloudwatch:PutMetricData", "logs:DescribeLogGroups", "s3:GetAccountPublicAccessBlock"],
            resources=["*"],
        )
    )
    queues = f"arn:{Aws.PARTITION}:sqs:{Aws.REGION}:*:airflow-celery-*"
    role.add_to_policy(
        iam.PolicyStatement(
            actions=[
                "sqs:ChangeMessageVisibility",
                "sqs:DeleteMessage",
                "sqs:GetQueueAttributes",
                "sqs:GetQueueUrl",
                "sqs:ReceiveMessage",
                "sqs:SendMessage",
            ],
            resources=[queues],
        )
    )
    role.add_to_policy(
        iam.PolicyStatement(
            actions=["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey"],
            resources=[key.key_arn],
        )
    )
    acknowledge_wildcard(
        role,
        "*",
        queues,
        reason="These calls know no resource, and MWAA's queue is in an account and under a name of its own.",
    )
    return role


def _read_bucket(role: iam.Role, bucket: s3.IBucket) -> None:
    """MWAA looks at the bucket's settings and reads whatever versions of files it holds."""
    objects = bucket.arn_for_objects("*")
    role.add_to_policy(
        iam.PolicyStatement(
            actions=["s3:GetObject", "s3:GetObjectVersion"],
            resources=[objects],
        )
    )
    role.add_to_policy(
        iam.PolicyStatement(
            actions=["s3:GetBucket*", "s3:GetEncryptionConfiguration", "s3:List*"],
            resources=[bucket.bucket_arn],
        )
    )
    acknowledge_wildcard(
        role,
        objects,
        "s3:GetBucket*",
        "s3:List*",
        reason="MWAA documents these for its role: it validates the bucket's settings, and syncs all files.",
    )
