"""The event stream: MSK, provisioned or serverless, for IAM clients over TLS only, and its topics."""

from __future__ import annotations

import json
from collections.abc import Mapping

from aws_cdk import Fn, Token
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_msk as msk
from constructs import Construct

from stacks.constructs.alarms import PERIOD, alert_when
from stacks.constructs.bundle import ROOT
from stacks.constructs.deletion import removal_policy
from stacks.constructs.event_schema import EventSchema
from stacks.constructs.logs import PlatformLogGroup
from stacks.constructs.stack import PlatformStack
from stacks.network import NetworkStack
from stacks.security import SecurityStack
from stacks.settings import Settings
from streaming.events import LARGEST_DEAD_LETTER

IAM_PORT = 9098
DISK_PERCENT = 85
"""Use of a broker's disk from which on MSK advises to act."""
EVENTS, DEAD_LETTERS, ALERTS = "flight-events", "flight-events-dead-letter", "flight-alerts"
"""Topics: what flights do; what could not be read of it, with the reason; airports that run late."""


class StreamingStack(PlatformStack):
    """An MSK cluster in private subnets; clients open their own way in on port 9098."""

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
        # Lambda's pollers work from the cluster's subnets, and must get from there to Lambda and STS.
        private = network.vpc.select_subnets(subnet_group_name=network.private_subnets.subnet_group_name)
        subnets = private.subnet_ids[: settings.streaming.availability_zones]
        if settings.streaming.kind == "serverless":
            self.cluster_arn = self._serverless(subnets).attr_arn
        else:
            self.cluster_arn = self._provisioned(subnets, security).attr_arn
            # MSK makes topics on provisioned clusters only; on serverless ones a client makes them.
            self._topic("Events", EVENTS, settings.streaming.partitions)
            self._topic("DeadLetters", DEAD_LETTERS, 1, {"max.message.bytes": str(LARGEST_DEAD_LETTER)})
            self._topic("Alerts", ALERTS, 1)

        self.schema = EventSchema(
            self,
            "EventSchema",
            registry=self.cluster_name,
            name=EVENTS,
            versions=sorted((ROOT / "streaming" / "schemas").glob("flight_event_v*.avsc")),
        )
        """The registered schema of the flight events."""

    def grant_find_brokers(self, role: iam.Role) -> None:
        """Let `role` ask MSK for the brokers' addresses."""
        role.add_to_policy(
            iam.PolicyStatement(actions=["kafka:GetBootstrapBrokers"], resources=[self.cluster_arn])
        )

    def let_pollers_in(self) -> None:
        """Let event source mappings reach the brokers and AWS: their pollers are in the cluster's own group.

        https://docs.aws.amazon.com/lambda/latest/dg/with-msk-cluster-network.html
        """
        self.security_group.connections.allow_internally(self.port, "Pollers of Lambda to the brokers")
        self.security_group.add_egress_rule(
            ec2.Peer.any_ipv4(), ec2.Port.tcp(443), "Pollers of Lambda to Lambda and STS"
        )

    def grant_event_source(self, role: iam.Role, topic: str, *, group: str) -> None:
        """Let Lambda, as `role`, read a topic for an event source mapping in a consumer group."""
        self.grant_consume(role, topic, groups=(group,))
        role.add_to_policy(
            iam.PolicyStatement(
                actions=[
                    "kafka-cluster:DescribeClusterDynamicConfiguration",
                    "kafka:DescribeCluster",
                    "kafka:DescribeClusterV2",
                    "kafka:GetBootstrapBrokers",
                ],
                resources=[self.cluster_arn],
            )
        )

    def grant_produce(self, role: iam.Role, *topics: str) -> None:
        """Let `role` connect and write to topics, idempotently."""
        self._grant(role, "kafka-cluster:WriteDataIdempotently", resources=[self.cluster_arn])
        self._grant(
            role,
            "kafka-cluster:DescribeTopic",
            "kafka-cluster:WriteData",
            resources=[self._arn("topic", topic) for topic in topics],
        )

    def grant_consume(self, role: iam.Role, *topics: str, groups: tuple[str, ...] = ()) -> None:
        """Let `role` connect and read topics, as a member of consumer groups by name."""
        self._grant(
            role,
            "kafka-cluster:DescribeTopic",
            "kafka-cluster:ReadData",
            resources=[self._arn("topic", topic) for topic in topics],
        )
        if groups:
            self._grant(
                role,
                "kafka-cluster:AlterGroup",
                "kafka-cluster:DescribeGroup",
                resources=[self._arn("group", group) for group in groups],
            )

    def _grant(self, role: iam.Role, *actions: str, resources: list[str]) -> None:
        connect = iam.PolicyStatement(
            actions=["kafka-cluster:Connect", "kafka-cluster:DescribeCluster"], resources=[self.cluster_arn]
        )
        role.add_to_policy(connect)
        role.add_to_policy(iam.PolicyStatement(actions=list(actions), resources=resources))

    def _arn(self, kind: str, name: str) -> str:
        """ARN of a topic or a group: the cluster's, with the kind in its place and the name behind it."""
        region, account, path = (Fn.select(index, Fn.split(":", self.cluster_arn)) for index in (3, 4, 5))
        cluster, unique = (Fn.select(index, Fn.split("/", path)) for index in (1, 2))
        return f"arn:{self.partition}:kafka:{region}:{account}:{kind}/{cluster}/{unique}/{name}"

    def _topic(
        self, construct_id: str, name: str, partitions: int, more: Mapping[str, str] | None = None
    ) -> None:
        streaming = self.settings.streaming
        settings = {
            "cleanup.policy": "delete",
            "retention.ms": str(streaming.retention_hours * 3_600_000),
            # A record of the far future would never be deleted.
            "message.timestamp.after.max.ms": "3600000",
            **(more or {}),
        }
        topic = msk.CfnTopic(
            self,
            construct_id,
            cluster_arn=self.cluster_arn,
            topic_name=name,
            partition_count=partitions,
            replication_factor=streaming.availability_zones,
            # What MSK documents as "encoded as a Base64 string" is a JSON object of strings.
            configs=Fn.base64(json.dumps(settings, sort_keys=True)),
        )
        topic.apply_removal_policy(removal_policy(self.settings))

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
        self._alert_before_disks_are_full(cluster, security)
        return cluster

    def _alert_before_disks_are_full(self, cluster: msk.CfnCluster, security: SecurityStack) -> None:
        """An alarm for each broker: one with a full disk stops, and storage does not grow by itself."""
        for broker in range(1, round(cluster.number_of_broker_nodes) + 1):
            alert_when(
                self,
                f"Broker{broker}Disk",
                cloudwatch.Metric(
                    namespace="AWS/Kafka",
                    metric_name="KafkaDataLogsDiskUsed",
                    dimensions_map={"Cluster Name": self.cluster_name, "Broker ID": str(broker)},
                    period=PERIOD,
                    statistic="Maximum",
                ),
                says=f"Broker {broker} has used {DISK_PERCENT} % of its disk: raise volume_gb or keep less",
                topic=security.alerts_topic,
                threshold=DISK_PERCENT,
            )

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
