"""The event stream: MSK, provisioned or serverless, for IAM clients over TLS only."""

from __future__ import annotations

from aws_cdk import Token
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_msk as msk
from constructs import Construct

from stacks.constructs.deletion import removal_policy
from stacks.constructs.logs import PlatformLogGroup
from stacks.constructs.stack import PlatformStack
from stacks.network import NetworkStack
from stacks.security import SecurityStack
from stacks.settings import Settings

IAM_PORT = 9098


class StreamingStack(PlatformStack):
    """An MSK cluster in isolated subnets; clients open their own way in on port 9098."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        security: SecurityStack,
        network: NetworkStack,
    ) -> None:
        super().__init__(scope, construct_id, settings=settings, description="MSK")
        self.cluster_name = settings.physical_name("streaming")
        self.port = ec2.Port.tcp(IAM_PORT)
        self.security_group = ec2.SecurityGroup(
            self,
            "Group",
            vpc=network.vpc,
            description="Kafka: clients open their own way in",
            allow_all_outbound=False,
        )
        isolated = network.vpc.select_subnets(subnet_group_name=network.isolated_subnets.subnet_group_name)
        subnets = isolated.subnet_ids[: settings.streaming.availability_zones]
        if settings.streaming.kind == "serverless":
            self.cluster_arn = self._serverless(subnets).attr_arn
        else:
            self.cluster_arn = self._provisioned(subnets, security).attr_arn

    def _serverless(self, subnets: list[str]) -> msk.CfnServerlessCluster:
        cluster = msk.CfnServerlessCluster(
            self,
            "ServerlessCluster",
            cluster_name=self.cluster_name,
            client_authentication=msk.CfnServerlessCluster.ClientAuthenticationProperty(
                sasl=msk.CfnServerlessCluster.SaslProperty(
                    iam=msk.CfnServerlessCluster.IamProperty(enabled=True)
                )
            ),
            vpc_configs=[
                msk.CfnServerlessCluster.VpcConfigProperty(
                    subnet_ids=subnets, security_groups=[self.security_group.security_group_id]
                )
            ],
        )
        cluster.apply_removal_policy(removal_policy(self.settings))
        return cluster

    def _provisioned(self, subnets: list[str], security: SecurityStack) -> msk.CfnCluster:
        streaming = self.settings.streaming
        log_group = PlatformLogGroup(
            self,
            "BrokerLog",
            settings=self.settings,
            key=security.logs_key,
            name=f"/aws/vendedlogs/msk/{self.cluster_name}",
        )
        configuration = self._configuration()
        cluster = msk.CfnCluster(
            self,
            "Cluster",
            cluster_name=self.cluster_name,
            kafka_version=streaming.kafka_version,
            number_of_broker_nodes=len(subnets) * streaming.brokers_per_zone,
            broker_node_group_info=msk.CfnCluster.BrokerNodeGroupInfoProperty(
                instance_type=streaming.broker_instance_type,
                client_subnets=subnets,
                security_groups=[self.security_group.security_group_id],
                storage_info=msk.CfnCluster.StorageInfoProperty(
                    ebs_storage_info=msk.CfnCluster.EBSStorageInfoProperty(volume_size=streaming.volume_gb)
                ),
            ),
            client_authentication=msk.CfnCluster.ClientAuthenticationProperty(
                sasl=msk.CfnCluster.SaslProperty(iam=msk.CfnCluster.IamProperty(enabled=True)),
                unauthenticated=msk.CfnCluster.UnauthenticatedProperty(enabled=False),
            ),
            encryption_info=msk.CfnCluster.EncryptionInfoProperty(
                encryption_at_rest=msk.CfnCluster.EncryptionAtRestProperty(
                    data_volume_kms_key_id=security.data_key.key_arn
                ),
                encryption_in_transit=msk.CfnCluster.EncryptionInTransitProperty(
                    client_broker="TLS", in_cluster=True
                ),
            ),
            configuration_info=msk.CfnCluster.ConfigurationInfoProperty(
                arn=configuration.attr_arn,
                revision=Token.as_number(configuration.get_att("LatestRevision.Revision")),
            ),
            enhanced_monitoring="DEFAULT",
            logging_info=msk.CfnCluster.LoggingInfoProperty(
                broker_logs=msk.CfnCluster.BrokerLogsProperty(
                    cloud_watch_logs=msk.CfnCluster.CloudWatchLogsProperty(
                        enabled=True, log_group=log_group.log_group_name
                    )
                )
            ),
        )
        cluster.apply_removal_policy(removal_policy(self.settings))
        return cluster

    def _configuration(self) -> msk.CfnConfiguration:
        streaming = self.settings.streaming
        # With a replica a zone, one zone may go down and writers still find a replica in sync.
        replicas = streaming.availability_zones
        properties = {
            "auto.create.topics.enable": "false",
            "default.replication.factor": replicas,
            "log.retention.hours": streaming.retention_hours,
            "min.insync.replicas": replicas - 1,
            "num.partitions": replicas * streaming.brokers_per_zone,
            "unclean.leader.election.enable": "false",
        }
        return msk.CfnConfiguration(
            self,
            "Configuration",
            name=self.cluster_name,
            description="Topics are made on purpose, replicated over the zones, and kept for a while",
            kafka_versions_list=[streaming.kafka_version],
            server_properties="".join(f"{key}={value}\n" for key, value in properties.items()),
        )
