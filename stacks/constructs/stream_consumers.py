"""What reads Kafka and is no job: the functions that keep the live board and tell alerts."""

from __future__ import annotations

from aws_cdk import Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from stacks.constructs.alarms import PERIOD, alert_when
from stacks.constructs.database_roles import allow_secrets
from stacks.constructs.dead_letter_queue import DeadLetterQueue
from stacks.constructs.deletion import removal_policy
from stacks.constructs.function import PlatformFunction, allow_network_interfaces
from stacks.database import FLIGHT_BOARD, DatabaseStack
from stacks.nag import acknowledge
from stacks.network import NetworkStack
from stacks.security import SecurityStack
from stacks.settings import Settings
from stacks.streaming import ALERTS, EVENTS, StreamingStack

BATCH, WINDOW_SECONDS = 500, 1
"""Most records of a batch, and how long it is gathered."""
BLOCKED_AFTER = Duration.minutes(15)
BEHIND = 10 * BATCH
"""Records that a group may be behind for a while."""


class StreamConsumers(Construct):
    """`flight_board` on the topic of events, `notify_alerts` on the topic of alerts.

    Both sort out by themselves what they cannot read. What fails besides is the store or AWS, so a failed
    batch is retried until it succeeds or Kafka deletes it: no destination takes it away after some attempts.
    One alarm tells when that goes on, another when a topic is read too slowly or not at all. The finer
    controls of Lambda's Kafka sources (retries, halving, partial responses, decoding by the registry) come
    with provisioned pollers only, which bill around the clock.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        security: SecurityStack,
        network: NetworkStack,
        database: DatabaseStack,
        streaming: StreamingStack,
    ) -> None:
        super().__init__(scope, construct_id)
        self._settings, self._security, self._streaming = settings, security, streaming
        self._sources: list[lambda_.CfnEventSourceMapping] = []
        streaming.let_pollers_in()
        self.dead_letters = DeadLetterQueue(
            self,
            "Unreadable",
            alerts_topic=security.alerts_topic,
            holds="Kafka records that are no events or alerts",
        )
        acknowledge(
            self.dead_letters,
            "SQS3",
            reason="It is the dead-letter queue itself: the functions send what they cannot read.",
        )
        self.flight_board = self._flight_board(network, database)
        self.told = self._told()
        self.notify_alerts = self._notify_alerts()
        # A small broker takes few new connections a second: the pollers start one after the other.
        self._sources[1].add_dependency(self._sources[0])

    def _flight_board(self, network: NetworkStack, database: DatabaseStack) -> PlatformFunction:
        group = ec2.SecurityGroup(
            self,
            "Group",
            vpc=network.vpc,
            description="flight_board: it calls, nobody calls it",
            allow_all_outbound=False,
        )
        group.add_egress_rule(ec2.Peer.any_ipv4(), ec2.Port.tcp(443), "APIs of AWS")
        group.connections.allow_to(database.security_group, database.port, "flight_board to PostgreSQL")
        secret = database.roles.secrets[FLIGHT_BOARD]
        function = self._function(
            "flight_board",
            "Adds flight events to the live board of the operational store",
            {
                "DATABASE_HOST": database.instance.db_instance_endpoint_address,
                "DATABASE_PORT": database.instance.db_instance_endpoint_port,
                "DATABASE_NAME": self._settings.database.name,
                "DATABASE_SECRET_ARN": secret.secret_arn,
                "SCHEMA_REGISTRY": self._streaming.schema.registry_name,
                "SCHEMA_NAME": self._streaming.schema.schema_name,
            },
            network=network,
            group=group,
        )
        allow_secrets(function.role, self._security.data_key, secret)
        self._streaming.schema.grant_read(function.role)
        self._map(function, EVENTS)
        return function

    def _told(self) -> dynamodb.Table:
        """The alerts that people have been told of."""
        return dynamodb.Table(
            self,
            "ToldAlerts",
            partition_key=dynamodb.Attribute(name="alert_id", type=dynamodb.AttributeType.STRING),
            time_to_live_attribute="expires",
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            encryption=dynamodb.TableEncryption.CUSTOMER_MANAGED,
            encryption_key=self._security.data_key,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            removal_policy=removal_policy(self._settings),
        )

    def _notify_alerts(self) -> PlatformFunction:
        topic, region = self._security.alerts_topic, Stack.of(self).region
        function = self._function(
            "notify_alerts",
            "Publishes each alert of the stream once",
            {"ALERTS_TOPIC_ARN": topic.topic_arn, "TABLE": self.told.table_name},
        )
        for actions_, resource, via in (
            (["sns:Publish"], topic.topic_arn, None),
            (["dynamodb:GetItem", "dynamodb:PutItem"], self.told.table_arn, None),
            (["kms:Decrypt", "kms:GenerateDataKey"], self._security.data_key.key_arn, "sns"),
            (["kms:Decrypt", "kms:DescribeKey"], self._security.data_key.key_arn, "dynamodb"),
        ):
            condition = {"StringEquals": {"kms:ViaService": f"{via}.{region}.amazonaws.com"}} if via else None
            function.role.add_to_policy(
                iam.PolicyStatement(actions=actions_, resources=[resource], conditions=condition)
            )
        # Lambda makes the interfaces of its pollers as the function, though this one needs none itself.
        allow_network_interfaces(function.role)
        self._map(function, ALERTS)
        return function

    def _function(
        self,
        name: str,
        description: str,
        environment: dict[str, str],
        *,
        network: NetworkStack | None = None,
        group: ec2.SecurityGroup | None = None,
    ) -> PlatformFunction:
        function = PlatformFunction(
            self,
            "".join(word.title() for word in name.split("_")),
            settings=self._settings,
            name=name,
            description=description,
            logs_key=self._security.logs_key,
            environment={**environment, "DEAD_LETTER_QUEUE_URL": self.dead_letters.queue_url},
            memory_mb=512,
            timeout_seconds=60,
            place=network.place(group) if network is not None and group is not None else None,
        )
        function.role.add_to_policy(
            iam.PolicyStatement(actions=["sqs:SendMessage"], resources=[self.dead_letters.queue_arn])
        )
        alert_when(
            self,
            f"{function.node.id}Blocked",
            function.function.metric_errors(period=PERIOD),
            says=f"{name} has failed for a while: its topic is not read on",
            topic=self._security.alerts_topic,
            threshold=1,
            lasting=BLOCKED_AFTER,
        )
        return function

    def _map(self, function: PlatformFunction, topic: str) -> None:
        """Have Lambda read `topic` for the function, as the consumer group that is called like it."""
        group = self._settings.physical_name(function.purpose)
        self._streaming.grant_event_source(function.role, topic, group=group)
        mapping = lambda_.CfnEventSourceMapping(
            self,
            f"{function.node.id}Source",
            function_name=function.function.function_arn,
            event_source_arn=self._streaming.cluster_arn,
            topics=[topic],
            starting_position="TRIM_HORIZON",
            batch_size=BATCH,
            maximum_batching_window_in_seconds=WINDOW_SECONDS,
            amazon_managed_kafka_event_source_config=(
                lambda_.CfnEventSourceMapping.AmazonManagedKafkaEventSourceConfigProperty(
                    consumer_group_id=group
                )
            ),
        )
        alert_when(
            self,
            f"{function.node.id}Behind",
            cloudwatch.Metric(
                namespace="AWS/Kafka",
                metric_name="SumOffsetLag",
                dimensions_map={
                    "Cluster Name": self._streaming.cluster_name,
                    "Consumer Group": group,
                    "Topic": topic,
                },
                period=PERIOD,
                statistic="Maximum",
            ),
            says=f"{function.purpose} is {BEHIND} records of {topic} behind: its mapping may have stopped",
            topic=self._security.alerts_topic,
            threshold=BEHIND,
            lasting=BLOCKED_AFTER,
        )
        # Lambda tries the function's rights when the mapping is made.
        mapping.node.add_dependency(function.role)
        self._sources.append(mapping)
