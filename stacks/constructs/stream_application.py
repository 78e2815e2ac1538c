"""The EMR Serverless application that reads the event stream, and the request that starts its job."""

from __future__ import annotations

from typing import Any

from aws_cdk import Aws, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_emrserverless as emrserverless
from aws_cdk import aws_iam as iam
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from stacks.catalog import STREAM
from stacks.constructs.bundle import ROOT, libraries_zip, package_zip
from stacks.constructs.data_bucket import grant_put_objects, grant_read_write_objects
from stacks.constructs.dead_letter_queue import DeadLetterQueue
from stacks.constructs.identity_names import identity_name
from stacks.constructs.job_assets import JobAsset
from stacks.lake import LakeStack
from stacks.network import NetworkStack
from stacks.security import SecurityStack
from stacks.settings import Settings
from stacks.streaming import ALERTS, DEAD_LETTERS, EVENTS, StreamingStack
from streaming.spark import JAVA_OPTIONS

JOB = "stream_flight_events"
LOGS = "emr-serverless"
"""Prefix of the job's logs in the log bucket."""
STREAM_ROLE = "stream"
"""Last part of the role's name."""
START_REQUEST = ("stream", "start_job_run")
"""Last parts of the parameter's name that holds the StartJobRun request."""
PACKAGES = (
    "org.apache.spark:spark-sql-kafka-0-10_2.12:3.5.7",
    "org.apache.spark:spark-avro_2.12:3.5.7",
    "software.amazon.msk:aws-msk-iam-auth:2.3.2",
)
"""What Spark needs to read Kafka with IAM; it fetches them from Maven Central when the job starts.

The connectors are one patch release ahead of EMR's Spark 3.5.6: the registry of this project's builds has no
3.5.6 of them, and what is deployed is what the tests run, beside pyspark 3.5.6.
"""
LIBRARIES = "libraries"
"""Folder in which the driver finds the Python packages that the job takes along."""


class StreamApplication(Construct):
    """A Spark application that costs nothing while no job runs, its role, and the StartJobRun request.

    The request is in an SSM parameter; whoever starts the job gives it a run key.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        network: NetworkStack,
        lake: LakeStack,
        streaming: StreamingStack,
        security: SecurityStack,
    ) -> None:
        super().__init__(scope, construct_id)
        self.role = self._role(settings, lake, streaming)
        group = ec2.SecurityGroup(
            self,
            "Group",
            vpc=network.vpc,
            description="Streaming job: it calls, nobody calls it",
            allow_all_outbound=False,
        )
        # S3, Glue, MSK's API and Maven Central answer at addresses that nobody can list.
        group.add_egress_rule(ec2.Peer.any_ipv4(), ec2.Port.tcp(443), "APIs of AWS, Maven Central")
        group.connections.allow_to(streaming.security_group, streaming.port, "Streaming job to Kafka")
        sizes = settings.spark
        self.application = emrserverless.CfnApplication(
            self,
            "Application",
            name=settings.physical_name("stream"),
            type="Spark",
            release_label=sizes.release,
            architecture="X86_64",
            maximum_capacity=emrserverless.CfnApplication.MaximumAllowedResourcesProperty(
                cpu=f"{sizes.stream_vcpu} vCPU", memory=f"{4 * sizes.stream_vcpu} GB"
            ),
            auto_start_configuration=emrserverless.CfnApplication.AutoStartConfigurationProperty(
                enabled=True
            ),
            auto_stop_configuration=emrserverless.CfnApplication.AutoStopConfigurationProperty(
                enabled=True, idle_timeout_minutes=sizes.idle_minutes
            ),
            network_configuration=emrserverless.CfnApplication.NetworkConfigurationProperty(
                subnet_ids=network.vpc.select_subnets(
                    subnet_group_name=network.private_subnets.subnet_group_name
                ).subnet_ids,
                security_group_ids=[group.security_group_id],
            ),
            # Where defaults are: a job's own parameters have no place for an option with a blank in it.
            runtime_configuration=[
                emrserverless.CfnApplication.ConfigurationObjectProperty(
                    classification="spark-defaults",
                    properties={
                        # The region is that of the tokens with which Kafka's clients sign in.
                        f"spark.{process}.extraJavaOptions": f"{JAVA_OPTIONS} -Daws.region={Aws.REGION}"
                        for process in ("driver", "executor")
                    },
                )
            ],
            monitoring_configuration=emrserverless.CfnApplication.MonitoringConfigurationProperty(
                s3_monitoring_configuration=emrserverless.CfnApplication.S3MonitoringConfigurationProperty(
                    log_uri=f"s3://{lake.logs.bucket_name}/{LOGS}/"
                )
            ),
        )
        script = JobAsset(self, "Job", path=ROOT / "emr_steps" / f"{JOB}.py")
        package = JobAsset(self, "Package", path=package_zip(ROOT / "streaming"))
        libraries = JobAsset(self, "Libraries", path=libraries_zip(ROOT / "emr_steps" / "requirements.txt"))
        for asset in (script, package, libraries):
            asset.grant_read(self.role)
        request = self._request(settings, lake, streaming, script.uri, package.uri, libraries.uri)
        self.request_parameter = ssm.StringParameter(
            self,
            "StartJobRun",
            parameter_name=settings.parameter(*START_REQUEST),
            description="StartJobRun request of the streaming job",
            string_value=Stack.of(self).to_json_string(request),
        )

        self._alert_when_it_fails(security)

    def _alert_when_it_fails(self, security: SecurityStack) -> None:
        """EMR Serverless tries a failed run again by itself; this is about one that it gave up."""
        failed = DeadLetterQueue(
            self, "Failed", alerts_topic=security.alerts_topic, holds="runs of the streaming job that failed"
        )
        failed.keep_events(
            source="aws.emr-serverless",
            detail_type="EMR Serverless Job Run State Change",
            detail={"applicationId": [self.application.attr_application_id], "state": ["FAILED"]},
        )

    def _role(self, settings: Settings, lake: LakeStack, streaming: StreamingStack) -> iam.Role:
        role = iam.Role(
            self,
            "Role",
            role_name=identity_name(settings, STREAM_ROLE),
            assumed_by=iam.ServicePrincipal(
                "emr-serverless.amazonaws.com",
                conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}},
            ),
            description="The streaming job",
        )
        streaming.grant_consume(role, EVENTS)
        streaming.grant_produce(role, DEAD_LETTERS, ALERTS)
        streaming.grant_find_brokers(role)
        streaming.schema.grant_read(role)
        grant_read_write_objects(
            lake.curated,
            role,
            # Without a slash: Spark also asks whether the folder itself is an object.
            STREAM,
            reason="Spark names the files of its tables and checkpoints; the prefix is the job's own.",
        )
        grant_put_objects(lake.logs, role, f"{LOGS}/", reason="EMR Serverless names the logs after the run.")
        return role

    def _request(
        self,
        settings: Settings,
        lake: LakeStack,
        streaming: StreamingStack,
        script: str,
        package: str,
        libraries: str,
    ) -> dict[str, Any]:
        """Body of StartJobRun, as boto3 takes it."""
        properties = {
            "spark.sql.shuffle.partitions": str(settings.spark.stream_vcpu),
            # As many workers as the application's capacity takes, the driver being one: EMR Serverless would
            # ask for three executors, and for more as the load grows.
            "spark.dynamicAllocation.enabled": "false",
            "spark.executor.instances": str(settings.spark.stream_vcpu - 1),
            "spark.executor.cores": "1",
            "spark.executor.memory": "2g",
            # A small broker may refuse a connection, which fails the task that asks for it and not the job.
            "spark.task.maxFailures": "16",
            "spark.driver.cores": "1",
            "spark.driver.memory": "2g",
            # Only the driver calls AWS from Python. It starts where archives are unpacked.
            "spark.emr-serverless.driverEnv.PYTHONPATH": f"./{LIBRARIES}",
        }
        parameters = [
            f"--py-files {package}",
            f"--archives {libraries}#{LIBRARIES}",
            f"--packages {','.join(PACKAGES)}",
        ]
        parameters += [f"--conf {key}={value}" for key, value in properties.items()]
        arguments = {
            "cluster-arn": streaming.cluster_arn,
            "topic": EVENTS,
            "partitions": str(settings.streaming.partitions),
            "dead-letter-topic": DEAD_LETTERS,
            "alert-topic": ALERTS,
            "registry": streaming.schema.registry_name,
            "schema": streaming.schema.schema_name,
            "lake": f"s3://{lake.curated.bucket_name}/{STREAM}",
            "alert-minutes": str(settings.streaming.alert_delay_minutes),
        }
        return {
            "applicationId": self.application.attr_application_id,
            "executionRoleArn": self.role.role_arn,
            "name": JOB,
            "mode": "STREAMING",
            "retryPolicy": {"maxFailedAttemptsPerHour": 5},
            "jobDriver": {
                "sparkSubmit": {
                    "entryPoint": script,
                    "entryPointArguments": [
                        part for name, value in arguments.items() for part in (f"--{name}", value)
                    ],
                    "sparkSubmitParameters": " ".join(parameters),
                }
            },
        }
