"""Ingestion: the functions that fetch, register what arrived, prepare the warehouse, and read the stream."""

from __future__ import annotations

import json

from aws_cdk import Aws, Duration
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from flights import schema
from stacks.catalog import CatalogStack
from stacks.constructs.data_bucket import (
    grant_put_objects,
    grant_read_put_objects,
    grant_scratch_objects,
)
from stacks.constructs.dead_letter_queue import DeadLetterQueue
from stacks.constructs.deletion import removal_policy
from stacks.constructs.function import PlatformFunction
from stacks.constructs.identity_names import identity_name
from stacks.constructs.stack import PlatformStack
from stacks.constructs.stream_consumers import StreamConsumers
from stacks.database import DatabaseStack
from stacks.lake import DOWNLOADS, LakeStack
from stacks.nag import acknowledge_wildcard
from stacks.network import NetworkStack
from stacks.security import SecurityStack
from stacks.settings import Settings
from stacks.streaming import StreamingStack
from stacks.warehouse import WarehouseStack

SMALL_MEMORY_MB = 256
SMALL_TIMEOUT_SECONDS = 300
"""Enough for functions that only call AWS."""
GIVE_UP_AFTER = Duration.hours(2)
"""Age at which an event that could not be handled goes to a dead-letter queue."""


class IngestionStack(PlatformStack):
    """Lambda functions ingest_flights, ingest_weather, ingest_snapshots, register_object, prepare_warehouse.

    The DAG invokes the ingestion and the preparation, so no schedule is here; objects that arrive in the raw
    bucket register themselves. Where there is a stream and a database, its consumers are here as well.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        security: SecurityStack,
        lake: LakeStack,
        catalog: CatalogStack,
        warehouse: WarehouseStack,
        network: NetworkStack | None,
        database: DatabaseStack | None,
        streaming: StreamingStack | None,
    ) -> None:
        super().__init__(
            scope, construct_id, settings=settings, description="Ingestion and registration functions"
        )
        self._security = security
        self._lake = lake
        self.loader_role_name = identity_name(settings, "airflow")
        """IAM role that prepare_warehouse makes a loader: Airflow's. The stack that has it comes later and
        gives it this name; a name needs no reference, so nothing points back."""
        self.transformer_role_name = identity_name(settings, "dbt")
        """IAM role that prepare_warehouse makes a transformer: that of the dbt task."""
        self._client = self._client_settings()
        self.ingest_flights = self._ingest("flights", settings.ingestion.flights_source)
        self._let_downloads_go_on(self.ingest_flights, "flights")
        self.ingest_weather = self._ingest("weather", settings.ingestion.weather_source)
        self.ingest_snapshots = self._ingest_snapshots()
        self._let_downloads_go_on(self.ingest_snapshots, "snapshots")
        self.object_table = self._object_table()
        self.register_object = self._register_object(catalog)
        self.prepare_warehouse = self._prepare_warehouse(warehouse)
        if network and database and streaming:
            self.consumers = StreamConsumers(
                self,
                "Consumers",
                settings=settings,
                security=security,
                network=network,
                database=database,
                streaming=streaming,
            )

    @property
    def longest_invocation_seconds(self) -> int:
        """How long an invocation by a DAG may run."""
        invoked = (self.ingest_flights, self.ingest_weather, self.ingest_snapshots, self.prepare_warehouse)
        return max(each.timeout_seconds for each in invoked)

    def _ingest(self, dataset: str, source: str) -> PlatformFunction:
        """The function that fetches `dataset`; where from, it reads from a parameter at run time."""
        parameter = self._source(dataset, source)
        function = self._function(
            f"ingest_{dataset}",
            f"Fetches {dataset} of a range of days and stores one raw object a day",
            {
                "RAW_BUCKET": self._lake.raw.bucket_name,
                "AIRPORTS": ",".join(self.settings.ingestion.airports),
                f"{dataset.upper()}_SOURCE_PARAMETER": parameter.parameter_name,
                "CLIENT_PARAMETER": self._client.parameter_name,
            },
            memory_mb=self.settings.ingestion.memory_mb,
            timeout_seconds=self.settings.ingestion.timeout_seconds,
        )
        function.role.add_to_policy(
            iam.PolicyStatement(
                actions=["ssm:GetParameter"],
                resources=[parameter.parameter_arn, self._client.parameter_arn],
            )
        )
        grant_put_objects(
            self._lake.raw,
            function.role,
            f"{dataset}/",
            reason="The function writes one object for each day.",
        )
        return function

    def _ingest_snapshots(self) -> PlatformFunction:
        """The function that fetches the complete lists, and leaves those alone that are there already."""
        settings = self.settings.ingestion
        sources = {
            dataset: self._source(dataset, url)
            for dataset, url in (
                ("aircraft", settings.aircraft_source),
                ("airlines", settings.airlines_source),
            )
        }
        function = self._function(
            "ingest_snapshots",
            "Fetches the lists of aircraft and airlines and stores one raw object a list and day as of it",
            {
                "RAW_BUCKET": self._lake.raw.bucket_name,
                "CLIENT_PARAMETER": self._client.parameter_name,
                **{
                    f"{dataset.upper()}_SOURCE_PARAMETER": parameter.parameter_name
                    for dataset, parameter in sources.items()
                },
            },
            memory_mb=settings.memory_mb,
            timeout_seconds=settings.timeout_seconds,
        )
        function.role.add_to_policy(
            iam.PolicyStatement(
                actions=["ssm:GetParameter"],
                resources=[parameter.parameter_arn for parameter in (*sources.values(), self._client)],
            )
        )
        grant_read_put_objects(
            self._lake.raw,
            function.role,
            *(f"{folder}/" for folder in (*sources, "rejects")),
            reason="The function writes one object for each list and day, and asks first what is there.",
        )
        return function

    def _let_downloads_go_on(self, function: PlatformFunction, purpose: str) -> None:
        """Let a function keep a download that one invocation does not end, under a prefix of its own."""
        prefix = f"{DOWNLOADS}{purpose}/"
        function.function.add_environment("DOWNLOADS_PREFIX", prefix)
        grant_scratch_objects(
            self._lake.raw,
            function.role,
            prefix,
            reason="A download in progress is called by the hash of its URL.",
        )

    def _source(self, dataset: str, url: str) -> ssm.StringParameter:
        """The parameter that tells a function where it fetches `dataset` from."""
        return ssm.StringParameter(
            self,
            f"{dataset.title()}Source",
            parameter_name=self.settings.parameter("sources", dataset),
            description=f"URL of the {dataset} source",
            string_value=url,
        )

    def _client_settings(self) -> ssm.StringParameter:
        """The parameter with the headers of the requests: a site's rules change without a deploy."""
        settings = self.settings.ingestion
        given = {name: getattr(settings, name) for name in ("user_agent", "accept", "intermediates")}
        return ssm.StringParameter(
            self,
            "Client",
            parameter_name=self.settings.parameter("ingestion", "client"),
            description="Headers of the requests to the sources, and intermediate certificates",
            string_value=json.dumps({name: value for name, value in given.items() if value}),
        )

    def _object_table(self) -> dynamodb.Table:
        """What is known of each version of each raw object."""
        return dynamodb.Table(
            self,
            "Objects",
            partition_key=dynamodb.Attribute(name="key", type=dynamodb.AttributeType.STRING),
            sort_key=dynamodb.Attribute(name="version", type=dynamodb.AttributeType.STRING),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            encryption=dynamodb.TableEncryption.CUSTOMER_MANAGED,
            encryption_key=self._security.data_key,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            removal_policy=removal_policy(self.settings),
        )

    def _register_object(self, catalog: CatalogStack) -> PlatformFunction:
        """The function that each object created in the raw bucket invokes, and what catches its failures."""
        datasets = [table.name for table in schema.RAW]
        dead_letters = DeadLetterQueue(
            self,
            "UnregisteredObjects",
            alerts_topic=self._security.alerts_topic,
            holds="raw objects that could not be registered",
        )
        function = self._function(
            "register_object",
            "Records a raw object and registers its day as a partition",
            {"TABLE": self.object_table.table_name, "CATALOG_DATABASE": catalog.raw_database},
            dead_letters=dead_letters,
        )
        function.function.configure_async_invoke(retry_attempts=2, max_event_age=GIVE_UP_AFTER)
        function.role.add_to_policy(
            iam.PolicyStatement(actions=["dynamodb:PutItem"], resources=[self.object_table.table_arn])
        )
        function.role.add_to_policy(
            iam.PolicyStatement(
                actions=["kms:Decrypt", "kms:DescribeKey"],
                resources=[self._security.data_key.key_arn],
                conditions={"StringEquals": {"kms:ViaService": f"dynamodb.{self.region}.amazonaws.com"}},
            )
        )
        function.role.add_to_policy(
            iam.PolicyStatement(
                actions=["glue:CreatePartition", "glue:GetTable"],
                resources=catalog.glue_arns(catalog.raw_database, *datasets),
            )
        )
        events.Rule(
            self,
            "RawObjectCreated",
            description="Objects created in the raw bucket",
            event_pattern=events.EventPattern(
                source=["aws.s3"],
                detail_type=["Object Created"],
                detail={
                    "bucket": {"name": [self._lake.raw.bucket_name]},
                    "object": {"key": [{"prefix": f"{dataset}/"} for dataset in datasets]},
                },
            ),
            targets=[
                targets.LambdaFunction(
                    function.function,
                    dead_letter_queue=dead_letters,
                    retry_attempts=8,
                    max_event_age=GIVE_UP_AFTER,
                )
            ],
        )
        return function

    def _prepare_warehouse(self, warehouse: WarehouseStack) -> PlatformFunction:
        """The function that makes schemas, database roles and the users of IAM roles, as administrator."""
        function = self._function(
            "prepare_warehouse",
            "Makes the warehouse's schemas, roles, users and grants; running it again changes nothing",
            {
                "WORKGROUP": warehouse.workgroup_name,
                "NAMESPACE": warehouse.namespace_name,
                "DATABASE": warehouse.database_name,
                "GRANTS": json.dumps(
                    {self.loader_role_name: "loader", self.transformer_role_name: "transformer"}
                ),
                "WORKGROUP_ARN": warehouse.workgroup_arn,
                "USAGE_LIMIT_RPU_HOURS": str(self.settings.warehouse.usage_limit_rpu_hours_per_day),
                "USAGE_LIMIT_ACTION": self.settings.warehouse.usage_limit_action,
            },
        )
        # The service makes the secret and names it; only its last characters are not known.
        secret = (
            f"arn:{Aws.PARTITION}:secretsmanager:{self.region}:{self.account}:secret:"
            f"redshift!{warehouse.namespace_name}-{warehouse.namespace.admin_username}-*"
        )
        for actions, resource in (
            (["redshift-serverless:GetNamespace"], warehouse.namespace.attr_namespace_namespace_arn),
            (["redshift-data:ExecuteStatement"], warehouse.workgroup_arn),
            (["secretsmanager:GetSecretValue"], secret),
            (["kms:Decrypt"], self._security.data_key.key_arn),
        ):
            function.role.add_to_policy(iam.PolicyStatement(actions=actions, resources=[resource]))
        function.role.add_to_policy(
            iam.PolicyStatement(
                actions=["redshift-data:DescribeStatement", "redshift-data:GetStatementResult"],
                resources=["*"],
                conditions={"StringEquals": {"redshift-data:statement-owner-iam-userid": "${aws:userid}"}},
            )
        )
        # CloudFormation has no usage limits of Redshift Serverless, and IAM no resources for them.
        function.role.add_to_policy(
            iam.PolicyStatement(
                actions=[
                    "redshift-serverless:CreateUsageLimit",
                    "redshift-serverless:ListUsageLimits",
                    "redshift-serverless:UpdateUsageLimit",
                ],
                resources=["*"],
            )
        )
        acknowledge_wildcard(
            function.role,
            secret,
            "*",
            reason="Redshift ends its secret's name with random characters; statements and usage limits are "
            "no resources, and a condition leaves the function its own statements.",
        )
        return function

    def _function(
        self,
        name: str,
        description: str,
        environment: dict[str, str],
        *,
        memory_mb: int = SMALL_MEMORY_MB,
        timeout_seconds: int = SMALL_TIMEOUT_SECONDS,
        dead_letters: sqs.IQueue | None = None,
    ) -> PlatformFunction:
        return PlatformFunction(
            self,
            "".join(word.title() for word in name.split("_")),
            settings=self.settings,
            name=name,
            description=description,
            logs_key=self._security.logs_key,
            environment=environment,
            memory_mb=memory_mb,
            timeout_seconds=timeout_seconds,
            dead_letters=dead_letters,
        )
