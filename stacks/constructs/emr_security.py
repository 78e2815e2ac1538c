"""Who talks to whom in an EMR cluster in private subnets."""

from __future__ import annotations

from aws_cdk import Tags
from aws_cdk import aws_ec2 as ec2
from constructs import Construct

MANAGED_POLICY_TAG = "for-use-with-amazon-emr-managed-policies"
"""Tag (`true`) that AmazonEMRServicePolicy_v2 wants on clusters, subnets and security groups."""


class EmrSecurityGroups(Construct):
    """Security groups of the primary node, the core nodes and EMR's own access.

    They hold the very rules that EMR would otherwise add by itself when the first cluster starts: rules that
    CloudFormation made are revoked with the stack, rules that EMR added would keep the groups, and with them
    the VPC, from being deleted.
    https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-man-sec-groups.html
    """

    def __init__(self, scope: Construct, construct_id: str, *, vpc: ec2.IVpc) -> None:
        super().__init__(scope, construct_id)
        # Nodes reach S3, KMS and EMR's service over HTTPS at addresses that nobody can list.
        self.primary = ec2.SecurityGroup(
            self, "Primary", vpc=vpc, description="EMR primary node", allow_all_outbound=True
        )
        self.core = ec2.SecurityGroup(
            self, "Core", vpc=vpc, description="EMR core and task nodes", allow_all_outbound=True
        )
        self.service = ec2.SecurityGroup(
            self, "Service", vpc=vpc, description="EMR service access", allow_all_outbound=False
        )
        for target in (self.primary, self.core):
            for source in (self.primary, self.core):
                for port in (ec2.Port.all_tcp(), ec2.Port.all_udp(), ec2.Port.all_icmp()):
                    target.connections.allow_from(source, port, "nodes of one cluster")
            target.connections.allow_from(self.service, ec2.Port.tcp(8443), "cluster manager to node")
        self.service.connections.allow_from(
            self.primary, ec2.Port.tcp(9443), "primary node to cluster manager"
        )
        for group in (self.primary, self.core, self.service):
            Tags.of(group).add(MANAGED_POLICY_TAG, "true")
