"""What every other stack builds on: keys, the alerts topic, people's groups, the limit of every role."""

from __future__ import annotations

from aws_cdk import Aws, Duration
from aws_cdk import aws_accessanalyzer as accessanalyzer
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from constructs import Construct

from stacks.constructs.deletion import removal_policy
from stacks.constructs.identity_names import identity_name
from stacks.constructs.stack import PlatformStack
from stacks.nag import acknowledge
from stacks.settings import PROJECT, Settings

QUALIFIER = "hnb659fds"
"""What `cdk bootstrap` puts into the names of its roles unless told otherwise."""
SAME_ACCOUNT = {"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}}


class SecurityStack(PlatformStack):
    """KMS keys, the alerts topic, IAM groups with MFA, the permissions boundary, the access analyzer."""

    def __init__(self, scope: Construct, construct_id: str, *, settings: Settings) -> None:
        super().__init__(
            scope, construct_id, settings=settings, description="Keys, alerts topic, groups, role boundary"
        )
        self.logs_key = self._key("LogsKey", "logs")
        _allow_log_groups(self.logs_key, "*")
        self.data_key = self._key("DataKey", "data")
        # MWAA encrypts the log groups that it makes with its environment's key, and names them airflow-*.
        _allow_log_groups(self.data_key, "airflow-*")
        self.data_key.add_to_resource_policy(
            iam.PolicyStatement(
                sid="AlarmsOfThisAccount",
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=["kms:Decrypt", "kms:GenerateDataKey"],
                resources=["*"],
                conditions=SAME_ACCOUNT,
            )
        )
        self.alerts_topic = self._alerts_topic()
        self.boundary = self._boundary()
        self.engineers = iam.Group(self, "Engineers", group_name=identity_name(settings, "engineers"))
        self.analysts = iam.Group(self, "Analysts", group_name=identity_name(settings, "analysts"))
        self._require_mfa(self.engineers, self.analysts)
        self._allow_deploying(self.engineers)
        if settings.environment.account_singletons:
            accessanalyzer.CfnAnalyzer(
                self,
                "AccessAnalyzer",
                type="ACCOUNT",
                analyzer_name=f"{PROJECT}-{settings.name}",
            )

    def _key(self, construct_id: str, alias: str) -> kms.Key:
        return kms.Key(
            self,
            construct_id,
            alias=f"{PROJECT}/{self.settings.name}/{alias}",
            description=f"Encrypts the {alias} of {PROJECT} {self.settings.name}",
            enable_key_rotation=True,
            pending_window=Duration.days(7),
            removal_policy=removal_policy(self.settings),
        )

    def _alerts_topic(self) -> sns.Topic:
        """The topic that alarms and jobs publish to.

        Rules do not: for EventBridge neither the topic nor its key may ask whose rule it is, so either every
        account's could publish, or none. A rule puts its event into a queue with an alarm instead:
        constructs/dead_letter_queue.py.
        https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html#compatibility-with-aws-services
        """
        topic = sns.Topic(self, "Alerts", master_key=self.data_key, enforce_ssl=True)
        topic.add_to_resource_policy(
            iam.PolicyStatement(
                sid="AlarmsOfThisAccount",
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=["sns:Publish"],
                resources=[topic.topic_arn],
                conditions=SAME_ACCOUNT,
            )
        )
        return topic

    def _boundary(self) -> iam.ManagedPolicy:
        """The most that any role of the platform can ever do, whatever its policies say."""
        boundary = iam.ManagedPolicy(
            self,
            "Boundary",
            description=f"Upper limit of every role of {PROJECT} {self.settings.name}",
            statements=[
                iam.PolicyStatement(sid="UpToItsPolicies", actions=["*"], resources=["*"]),
                iam.PolicyStatement(
                    sid="NoNewIdentities",
                    effect=iam.Effect.DENY,
                    actions=[
                        "account:*",
                        "iam:Add*",
                        "iam:Attach*",
                        "iam:CreateAccessKey",
                        "iam:CreateGroup",
                        "iam:CreateLoginProfile",
                        "iam:CreatePolicy*",
                        "iam:CreateRole",
                        "iam:CreateUser",
                        "iam:Delete*",
                        "iam:Detach*",
                        "iam:Put*",
                        "iam:Remove*",
                        "iam:Update*",
                        "organizations:*",
                    ],
                    resources=["*"],
                ),
                iam.PolicyStatement(
                    sid="NoLossOfKeysOrTrails",
                    effect=iam.Effect.DENY,
                    actions=[
                        "cloudtrail:DeleteTrail",
                        "cloudtrail:StopLogging",
                        "kms:DisableKey",
                        "kms:PutKeyPolicy",
                        "kms:ScheduleKeyDeletion",
                        "s3:DeleteBucket*",
                        "s3:PutBucketPolicy",
                    ],
                    resources=["*"],
                ),
            ],
        )
        for wildcard in ("Action::*", "Resource::*"):
            acknowledge(
                boundary,
                f"IAM5[{wildcard}]",
                reason="A boundary grants nothing: it limits the roles, whose own policies are narrow.",
            )
        return boundary

    def _require_mfa(self, *groups: iam.Group) -> None:
        """Without MFA a member can do nothing but set up MFA."""
        user = f"arn:{Aws.PARTITION}:iam::{Aws.ACCOUNT_ID}:user/${{aws:username}}"
        device = f"arn:{Aws.PARTITION}:iam::{Aws.ACCOUNT_ID}:mfa/${{aws:username}}"
        set_up = ["iam:CreateVirtualMFADevice", "iam:EnableMFADevice", "iam:ResyncMFADevice"]
        look = ["iam:GetUser", "iam:ListMFADevices"]
        iam.ManagedPolicy(
            self,
            "RequireMfa",
            description="Members set up MFA, and can do nothing else without it",
            groups=list(groups),
            statements=[
                iam.PolicyStatement(
                    sid="OwnDevice", actions=[*set_up, *look, "iam:ChangePassword"], resources=[user, device]
                ),
                iam.PolicyStatement(
                    sid="NothingElseWithoutMfa",
                    effect=iam.Effect.DENY,
                    not_actions=[*set_up, *look, "iam:ChangePassword", "sts:GetSessionToken"],
                    resources=["*"],
                    conditions={"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}},
                ),
            ],
        )

    def _allow_deploying(self, group: iam.Group) -> None:
        """Members may take the roles that `cdk bootstrap` made, by their names."""
        roles = ["deploy-role", "file-publishing-role", "image-publishing-role", "lookup-role"]
        iam.ManagedPolicy(
            self,
            "Deploy",
            description="Members deploy with the roles of the CDK bootstrap",
            groups=[group],
            statements=[
                iam.PolicyStatement(
                    actions=["sts:AssumeRole"],
                    resources=[
                        f"arn:{Aws.PARTITION}:iam::{Aws.ACCOUNT_ID}:role/"
                        f"cdk-{QUALIFIER}-{role}-{Aws.ACCOUNT_ID}-{Aws.REGION}"
                        for role in roles
                    ],
                )
            ],
        )


def _allow_log_groups(key: kms.Key, name: str) -> None:
    """Let CloudWatch Logs use `key` for this account's log groups called `name`.

    The encryption context holds the account, which takes the place of aws:SourceAccount:
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html
    """
    key.add_to_resource_policy(
        iam.PolicyStatement(
            sid="LogGroupsOfThisAccount",
            principals=[iam.ServicePrincipal(f"logs.{Aws.REGION}.amazonaws.com")],
            actions=[
                "kms:Decrypt",
                "kms:DescribeKey",
                "kms:Encrypt",
                "kms:GenerateDataKey*",
                "kms:ReEncrypt*",
            ],
            resources=["*"],
            conditions={
                "ArnLike": {
                    "kms:EncryptionContext:aws:logs:arn": (
                        f"arn:{Aws.PARTITION}:logs:{Aws.REGION}:{Aws.ACCOUNT_ID}:log-group:{name}"
                    )
                }
            },
        )
    )
