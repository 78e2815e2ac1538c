"""Quality gates of the lake: a Glue Data Quality ruleset over a catalog table, and who evaluates it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from aws_cdk import Aws
from aws_cdk import aws_glue as glue
from aws_cdk import aws_iam as iam
from constructs import Construct

from stacks.nag import acknowledge_wildcard

LARGEST_RULESET_BYTES = 65_536
"""https://docs.aws.amazon.com/glue/latest/webapi/API_CreateDataQualityRuleset.html"""


class QualityGate(Construct):
    """The rules of one table, and a role that may evaluate them; what it may read is granted on `role`.

    `rules` is a file of DQDL. `tables` are the ARNs of the catalog's resources that an evaluation looks up.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        name: str,
        role_name: str,
        rules: Path,
        table: glue.CfnTable,
        database: str,
        table_name: str,
        tables: Sequence[str],
    ) -> None:
        super().__init__(scope, construct_id)
        self.ruleset_name = name
        """Name of the ruleset."""
        text = rules.read_text()
        if len(text.encode()) > LARGEST_RULESET_BYTES:
            raise ValueError(f"{rules} is larger than the {LARGEST_RULESET_BYTES} bytes that Glue takes.")
        ruleset = glue.CfnDataQualityRuleset(
            self,
            "Ruleset",
            name=name,
            description=f"What {database}.{table_name} must meet before it is loaded",
            ruleset=text,
            target_table=glue.CfnDataQualityRuleset.DataQualityTargetTableProperty(
                database_name=database, table_name=table_name
            ),
        )
        ruleset.node.add_dependency(table)
        base = f"arn:{Aws.PARTITION}:glue:{Aws.REGION}:{Aws.ACCOUNT_ID}:dataQualityRuleset"
        self.ruleset_arn = f"{base}/{name}"
        """ARN of the ruleset."""
        self.role = iam.Role(
            self,
            "Role",
            role_name=role_name,
            assumed_by=iam.ServicePrincipal("glue.amazonaws.com"),
            description=f"Evaluates the rules {name}",
        )
        """Role of the evaluation runs."""
        self._allow_evaluation(list(tables))

    def _allow_evaluation(self, tables: list[str]) -> None:
        """https://docs.aws.amazon.com/glue/latest/dg/data-quality-authorization.html, less the wildcards."""
        self.role.add_to_policy(
            iam.PolicyStatement(
                actions=["glue:GetDatabase", "glue:GetPartitions", "glue:GetTable"], resources=tables
            )
        )
        self.role.add_to_policy(
            iam.PolicyStatement(
                actions=[
                    "glue:GetDataQualityResult",
                    "glue:GetDataQualityRuleset",
                    "glue:GetDataQualityRulesetEvaluationRun",
                    "glue:PublishDataQuality",
                ],
                resources=[self.ruleset_arn],
            )
        )
        # Glue fetches the evaluation's own libraries with the role of the run.
        assets = f"arn:{Aws.PARTITION}:s3:::aws-glue-ml-data-quality-assets-{Aws.REGION}/*"
        self.role.add_to_policy(iam.PolicyStatement(actions=["s3:GetObject"], resources=[assets]))
        logs = f"arn:{Aws.PARTITION}:logs:{Aws.REGION}:{Aws.ACCOUNT_ID}:log-group:/aws-glue/*"
        self.role.add_to_policy(
            iam.PolicyStatement(
                actions=["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"], resources=[logs]
            )
        )
        self.role.add_to_policy(
            iam.PolicyStatement(
                actions=["cloudwatch:PutMetricData"],
                resources=["*"],
                conditions={"StringEquals": {"cloudwatch:namespace": "Glue Data Quality"}},
            )
        )
        acknowledge_wildcard(
            self.role,
            "*",
            assets,
            logs,
            reason="Glue's own libraries, its log groups, and PutMetricData, which the namespace limits.",
        )
