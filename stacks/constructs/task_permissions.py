"""What the tasks of the DAGs may do, beyond what MWAA itself needs: one function a service."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aws_cdk import Aws
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam

from stacks.constructs.athena_workgroup import RESULTS
from stacks.constructs.data_bucket import DataBucket
from stacks.constructs.fargate_task import FargateTask
from stacks.constructs.identity_names import identity_name
from stacks.constructs.stream_application import START_REQUEST, STREAM_ROLE
from stacks.nag import acknowledge_wildcard
from stacks.settings import Settings


def allow_glue_job(policy: iam.ManagedPolicy, job_arn: str) -> None:
    """Let tasks start, find, watch and stop the runs of one Glue job."""
    policy.add_statements(
        iam.PolicyStatement(
            actions=[
                "glue:BatchStopJobRun",
                "glue:GetJob",
                "glue:GetJobRun",
                "glue:GetJobRuns",
                "glue:StartJobRun",
            ],
            resources=[job_arn],
        )
    )


def allow_evaluations(role: iam.Role, *, ruleset_arn: str, passed: iam.Role) -> None:
    """Let tasks evaluate one data-quality ruleset with the `passed` role, and see what came of it.

    In a policy of its own: the role's inline policies may have 10,240 characters together.
    """
    iam.ManagedPolicy(
        role,
        "Evaluations",
        description="Airflow evaluates the rules of its quality gate",
        roles=[role],
        statements=[
            iam.PolicyStatement(
                actions=[
                    "glue:GetDataQualityResult",
                    "glue:GetDataQualityRuleset",
                    "glue:GetDataQualityRulesetEvaluationRun",
                    "glue:StartDataQualityRulesetEvaluationRun",
                ],
                resources=[ruleset_arn],
            ),
            iam.PolicyStatement(
                actions=["iam:PassRole"],
                resources=[passed.role_arn],
                conditions={"StringEquals": {"iam:PassedToService": "glue.amazonaws.com"}},
            ),
        ],
    )


def allow_statements(role: iam.Role, workgroup_arn: str) -> None:
    """Let tasks run SQL in a workgroup as the database user of `role`, and see their own statements."""
    role.add_to_policy(
        iam.PolicyStatement(
            actions=[
                "redshift-data:BatchExecuteStatement",
                "redshift-data:ExecuteStatement",
                "redshift-serverless:GetCredentials",
            ],
            resources=[workgroup_arn],
        )
    )
    # Statements are no resources, hence the `*`; the condition leaves the caller its own.
    role.add_to_policy(
        iam.PolicyStatement(
            actions=[
                "redshift-data:CancelStatement",
                "redshift-data:DescribeStatement",
                "redshift-data:GetStatementResult",
            ],
            resources=["*"],
            conditions={"StringEquals": {"redshift-data:statement-owner-iam-userid": "${aws:userid}"}},
        )
    )


def allow_clusters(role: iam.Role, *, passed: list[iam.Role], tags: Mapping[str, str]) -> None:
    """Let tasks start EMR clusters that carry `tags` and get the `passed` roles, and steer those that do."""
    wanted = {f"elasticmapreduce:RequestTag/{key}": value for key, value in tags.items()}
    carried = {f"elasticmapreduce:ResourceTag/{key}": value for key, value in tags.items()}
    clusters = f"arn:{Aws.PARTITION}:elasticmapreduce:{Aws.REGION}:{Aws.ACCOUNT_ID}:cluster/*"
    # A cluster is no resource before it runs, hence the `*`.
    role.add_to_policy(
        iam.PolicyStatement(
            actions=["elasticmapreduce:RunJobFlow"],
            resources=["*"],
            conditions={"StringEquals": wanted},
        )
    )
    # What the request carries is checked as calls of their own, before the cluster has a tag to match:
    # https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-auto-termination-policy.html
    role.add_to_policy(
        iam.PolicyStatement(
            actions=["elasticmapreduce:AddTags"], resources=[clusters], conditions={"StringEquals": wanted}
        )
    )
    role.add_to_policy(
        iam.PolicyStatement(
            actions=["elasticmapreduce:PutAutoTerminationPolicy", "elasticmapreduce:PutManagedScalingPolicy"],
            resources=[clusters],
        )
    )
    role.add_to_policy(
        iam.PolicyStatement(
            actions=[
                "elasticmapreduce:AddJobFlowSteps",
                "elasticmapreduce:DescribeCluster",
                "elasticmapreduce:DescribeStep",
                "elasticmapreduce:ListSteps",
                "elasticmapreduce:TerminateJobFlows",
            ],
            resources=[clusters],
            conditions={"StringEquals": carried},
        )
    )
    acknowledge_wildcard(
        role,
        clusters,
        reason="EMR names a cluster when it starts; the condition asks for this platform's tags.",
    )
    role.add_to_policy(
        iam.PolicyStatement(
            actions=["iam:PassRole"],
            resources=[each.role_arn for each in passed],
            conditions={
                "StringLike": {
                    "iam:PassedToService": ["elasticmapreduce.amazonaws.com*", "ec2.amazonaws.com*"]
                }
            },
        )
    )
    # The first cluster of an account makes the role with which EMR cleans up after clusters.
    service = "elasticmapreduce.amazonaws.com"
    role.add_to_policy(
        iam.PolicyStatement(
            actions=["iam:CreateServiceLinkedRole"],
            resources=[
                f"arn:{Aws.PARTITION}:iam::{Aws.ACCOUNT_ID}:role/aws-service-role/{service}/"
                "AWSServiceRoleForEMRCleanup"
            ],
            conditions={"StringEquals": {"iam:AWSServiceName": service}},
        )
    )


def allow_containers(role: iam.Role, *, cluster: ecs.Cluster, tasks: Sequence[FargateTask]) -> None:
    """Let tasks of a DAG run exactly these `tasks` on `cluster`, find, watch and stop them, and read their
    logs.
    """
    here = f"arn:{Aws.PARTITION}:ecs:{Aws.REGION}:{Aws.ACCOUNT_ID}"
    revisions = [f"{here}:task-definition/{task.definition.family}:*" for task in tasks]
    running = f"{here}:task/{cluster.cluster_name}/*"
    on_cluster = {"ArnEquals": {"ecs:cluster": cluster.cluster_arn}}
    role.add_to_policy(
        iam.PolicyStatement(actions=["ecs:RunTask"], resources=revisions, conditions=on_cluster)
    )
    # What lists tasks on Fargate is on no resource, hence the `*`; the condition leaves it one cluster.
    role.add_to_policy(iam.PolicyStatement(actions=["ecs:ListTasks"], resources=["*"], conditions=on_cluster))
    role.add_to_policy(
        iam.PolicyStatement(
            actions=["ecs:DescribeTasks", "ecs:StopTask"], resources=[running], conditions=on_cluster
        )
    )
    role.add_to_policy(
        iam.PolicyStatement(
            actions=["iam:PassRole"],
            resources=[each.role_arn for task in tasks for each in (task.role, task.execution_role)],
            conditions={"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}},
        )
    )
    for task in tasks:
        task.log_group.grant(role, "logs:GetLogEvents")
    acknowledge_wildcard(
        role,
        *revisions,
        running,
        reason="A deploy makes new revisions of these two families, and ECS names a task when it starts.",
    )


def allow_crawler(policy: iam.ManagedPolicy, name: str) -> None:
    """Let tasks start one Glue crawler and watch it."""
    crawler = f"arn:{Aws.PARTITION}:glue:{Aws.REGION}:{Aws.ACCOUNT_ID}:crawler/{name}"
    policy.add_statements(
        iam.PolicyStatement(actions=["glue:GetCrawler", "glue:StartCrawler"], resources=[crawler])
    )
    # The waiter asks for the metrics of a crawler by name; IAM knows no resource for that.
    policy.add_statements(iam.PolicyStatement(actions=["glue:GetCrawlerMetrics"], resources=["*"]))


def allow_partition_repair(policy: iam.ManagedPolicy, table_arns: list[str]) -> None:
    """Let tasks look at the partitions of tables and add missing ones.

    `table_arns` are those that a Glue call on the tables needs: catalog, database, tables.
    """
    policy.add_statements(
        iam.PolicyStatement(
            actions=["glue:BatchCreatePartition", "glue:GetPartitions", "glue:GetTable"], resources=table_arns
        )
    )


def allow_queries(
    policy: iam.ManagedPolicy, *, workgroup_arn: str, table_arns: list[str], data: str, results: DataBucket
) -> None:
    """Let tasks ask Athena for what lies at `data` (ARN of objects); answers come to `results`."""
    answers = results.arn_for_objects(f"{RESULTS}/*")
    policy.add_statements(
        iam.PolicyStatement(
            actions=[
                "athena:GetQueryExecution",
                "athena:GetQueryResults",
                "athena:StartQueryExecution",
                "athena:StopQueryExecution",
            ],
            resources=[workgroup_arn],
        ),
        iam.PolicyStatement(
            actions=["glue:GetDatabase", "glue:GetPartitions", "glue:GetTable"], resources=table_arns
        ),
        # Athena reads and writes S3 in the caller's name.
        iam.PolicyStatement(actions=["s3:GetObject"], resources=[data, answers]),
        iam.PolicyStatement(actions=["s3:AbortMultipartUpload", "s3:PutObject"], resources=[answers]),
        iam.PolicyStatement(
            actions=["s3:GetBucketLocation", "s3:ListBucket"], resources=[results.bucket_arn]
        ),
    )
    acknowledge_wildcard(
        policy, data, answers, reason="Spark names the files of the stream's tables, Athena those of answers."
    )


def allow_stream(policy: iam.ManagedPolicy, settings: Settings) -> None:
    """Let tasks start the streaming job with its role, and look at its runs.

    By names alone: the Spark stack could never drop what it has only for a stream if this stack imported it.
    """
    here = f"{Aws.REGION}:{Aws.ACCOUNT_ID}"
    applications = f"arn:{Aws.PARTITION}:emr-serverless:{here}:/applications/*"
    parameter = settings.parameter(*START_REQUEST)
    policy.add_statements(
        iam.PolicyStatement(
            actions=[
                "emr-serverless:GetApplication",
                "emr-serverless:GetJobRun",
                "emr-serverless:ListJobRuns",
                "emr-serverless:StartApplication",
                "emr-serverless:StartJobRun",
            ],
            resources=[applications],
        ),
        iam.PolicyStatement(
            actions=["iam:PassRole"],
            resources=[
                f"arn:{Aws.PARTITION}:iam::{Aws.ACCOUNT_ID}:role/{identity_name(settings, STREAM_ROLE)}"
            ],
            conditions={"StringEquals": {"iam:PassedToService": "emr-serverless.amazonaws.com"}},
        ),
        iam.PolicyStatement(
            actions=["ssm:GetParameter"], resources=[f"arn:{Aws.PARTITION}:ssm:{here}:parameter{parameter}"]
        ),
    )
    acknowledge_wildcard(
        policy, applications, reason="EMR Serverless names applications and job runs; the role is one."
    )


def allow_rest_api(policy: iam.ManagedPolicy, environment_name: str, airflow_role: str) -> None:
    """Let tasks call the REST API of an MWAA environment as one of Airflow's roles."""
    policy.add_statements(
        iam.PolicyStatement(
            actions=["airflow:InvokeRestApi"],
            resources=[
                f"arn:{Aws.PARTITION}:airflow:{Aws.REGION}:{Aws.ACCOUNT_ID}:"
                f"role/{environment_name}/{airflow_role}"
            ],
        )
    )
