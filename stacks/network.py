"""The network: one VPC over three availability zones."""

from __future__ import annotations

from aws_cdk import Aws, Fn, Tags
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from constructs import Construct

from stacks.constructs.function import Place
from stacks.constructs.logs import PlatformLogGroup
from stacks.constructs.nat_instance import ForwardingNatProvider
from stacks.constructs.stack import PlatformStack
from stacks.constructs.trust import on_our_behalf
from stacks.nag import acknowledge
from stacks.security import SecurityStack
from stacks.settings import Settings

ZONES = 3
EMR_MANAGED = "for-use-with-amazon-emr-managed-policies"
"""Tag that lets EMR's managed service role work in a VPC and its subnets."""


class NetworkStack(PlatformStack):
    """VPC with public, private (egress only with NAT) and isolated subnets, endpoints, flow logs."""

    def __init__(
        self, scope: Construct, construct_id: str, *, settings: Settings, security: SecurityStack
    ) -> None:
        super().__init__(
            scope, construct_id, settings=settings, description="VPC over three availability zones"
        )
        self.vpc = self._vpc(self._nat_provider())
        self.private_subnets = ec2.SubnetSelection(subnet_group_name="private")
        """Where jobs run: they reach the internet if the environment has NAT."""
        self.isolated_subnets = ec2.SubnetSelection(subnet_group_name="isolated")
        """Where data stores run: they reach nothing but the VPC."""
        for subnet in self.vpc.select_subnets(subnet_group_name="private").subnets:
            Tags.of(subnet).add(EMR_MANAGED, "true")
        self._endpoints()
        self._flow_logs(security)

    def place(self, group: ec2.SecurityGroup) -> Place:
        """Where functions run that reach into the VPC: in the private subnets, under `group`."""
        return Place(self.vpc, self.private_subnets, group)

    def _nat_provider(self) -> ec2.NatProvider | None:
        match self.settings.network.nat:
            case "gateway":
                return ec2.NatProvider.gateway()
            case "instance":
                return ForwardingNatProvider()
            case _:
                return None

    def _vpc(self, nat: ec2.NatProvider | None) -> ec2.Vpc:
        network = self.settings.network
        count = {"none": 0, "instance": 1, "gateway": network.nat_gateways}[network.nat]
        vpc = ec2.Vpc(
            self,
            "Vpc",
            ip_addresses=ec2.IpAddresses.cidr(network.cidr),
            availability_zones=self._zones(),
            nat_gateways=count,
            nat_gateway_provider=nat,
            # It would be emptied by a Lambda function of the CDK's; nothing of ours uses it.
            restrict_default_security_group=False,
            subnet_configuration=[
                ec2.SubnetConfiguration(
                    name="public", subnet_type=ec2.SubnetType.PUBLIC, map_public_ip_on_launch=False
                ),
                ec2.SubnetConfiguration(
                    name="private",
                    subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS
                    if count
                    else ec2.SubnetType.PRIVATE_ISOLATED,
                ),
                ec2.SubnetConfiguration(name="isolated", subnet_type=ec2.SubnetType.PRIVATE_ISOLATED),
            ],
        )
        Tags.of(vpc).add(EMR_MANAGED, "true", include_resource_types=["AWS::EC2::VPC"])
        if isinstance(nat, ForwardingNatProvider):
            nat.complete(network.cidr)
        return vpc

    def _zones(self) -> list[str]:
        """Names of the zones, known when the stack is deployed.

        An environment-agnostic stack would get two from max_azs=3.
        """
        chosen = self.settings.network.zones
        if not chosen:
            return [Fn.select(index, Fn.get_azs()) for index in range(ZONES)]
        return [f"{Aws.REGION}{zone}" if len(zone) == 1 else zone for zone in chosen]

    def _endpoints(self) -> None:
        self.vpc.add_gateway_endpoint("S3", service=ec2.GatewayVpcEndpointAwsService.S3)
        self.vpc.add_gateway_endpoint("DynamoDb", service=ec2.GatewayVpcEndpointAwsService.DYNAMODB)
        names = self.settings.network.interface_endpoints
        if not names:
            return
        group = ec2.SecurityGroup(
            self,
            "EndpointGroup",
            vpc=self.vpc,
            description="Interface endpoints of AWS services",
            allow_all_outbound=False,
        )
        group.add_ingress_rule(ec2.Peer.ipv4(self.settings.network.cidr), ec2.Port.tcp(443), "From the VPC")
        for name in names:
            self.vpc.add_interface_endpoint(
                "".join(part.title() for part in name.replace(".", "-").split("-")),
                service=ec2.InterfaceVpcEndpointAwsService(name),
                subnets=self.private_subnets,
                security_groups=[group],
                open=False,
            )

    def _flow_logs(self, security: SecurityStack) -> None:
        if not self.settings.network.flow_logs:
            acknowledge(
                self.vpc,
                "VPC7",
                reason="network.flow_logs is off in this environment, which no one's data passes through.",
            )
            return
        group = PlatformLogGroup(self, "FlowLogGroup", settings=self.settings, key=security.logs_key)
        role = iam.Role(
            self,
            "FlowLogRole",
            assumed_by=on_our_behalf("vpc-flow-logs", arn_service="ec2", resource="vpc-flow-log/*"),
            description="The VPC's flow logs",
        )
        self.vpc.add_flow_log("FlowLog", destination=ec2.FlowLogDestination.to_cloud_watch_logs(group, role))
