"""The two roles of an EMR cluster: EMR's own, and that of the nodes and so of every step."""

from __future__ import annotations

from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from stacks.constructs.trust import on_our_behalf
from stacks.nag import acknowledge


def node_role(scope: Construct) -> iam.Role:
    """Role of the cluster's nodes; steps have no other. It can do what it is granted, nothing by default."""
    return iam.Role(
        scope,
        "NodeRole",
        assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"),
        description="Nodes and steps of the EMR clusters",
    )


def service_role(scope: Construct, *, nodes: iam.Role, disk_key: kms.IKey) -> iam.Role:
    """Role with which EMR starts and ends instances, gives them `nodes`, and encrypts their disks."""
    role = iam.Role(
        scope,
        "ServiceRole",
        assumed_by=on_our_behalf("elasticmapreduce", resource="*"),
        description="EMR, to start and end the instances of its clusters",
        managed_policies=[
            iam.ManagedPolicy.from_aws_managed_policy_name("service-role/AmazonEMRServicePolicy_v2")
        ],
    )
    acknowledge(
        role,
        "IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AmazonEMRServicePolicy_v2]",
        reason="EMR documents it for this role; it limits itself to resources that carry its tag.",
    )
    role.add_to_policy(
        iam.PolicyStatement(
            actions=["iam:PassRole"],
            resources=[nodes.role_arn],
            conditions={"StringLike": {"iam:PassedToService": "ec2.amazonaws.com*"}},
        )
    )
    # Local disks and EBS volumes: https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-encryption-enable.html
    for principal in (role, nodes):
        principal.add_to_policy(
            iam.PolicyStatement(
                actions=[
                    "kms:Decrypt",
                    "kms:DescribeKey",
                    "kms:Encrypt",
                    "kms:GenerateDataKey",
                    "kms:GenerateDataKeyWithoutPlaintext",
                    "kms:ReEncryptFrom",
                    "kms:ReEncryptTo",
                ],
                resources=[disk_key.key_arn],
            )
        )
    role.add_to_policy(
        iam.PolicyStatement(
            actions=["kms:CreateGrant", "kms:ListGrants", "kms:RevokeGrant"],
            resources=[disk_key.key_arn],
            conditions={"Bool": {"kms:GrantIsForAWSResource": "true"}},
        )
    )
    return role
