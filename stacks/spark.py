"""Spark on EMR: what a transient cluster needs, and the request that starts one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aws_cdk import aws_emr as emr
from aws_cdk import aws_iam as iam
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from stacks.constructs.bundle import PACKAGE, ROOT, package_zip
from stacks.constructs.data_bucket import grant_put_objects, grant_read_objects, grant_read_write_objects
from stacks.constructs.emr_roles import node_role, service_role
from stacks.constructs.emr_security import MANAGED_POLICY_TAG, EmrSecurityGroups
from stacks.constructs.job_assets import JobAsset
from stacks.constructs.stack import PlatformStack
from stacks.constructs.stream_application import StreamApplication
from stacks.lake import LakeStack
from stacks.network import NetworkStack
from stacks.security import SecurityStack
from stacks.settings import PROJECT, Settings
from stacks.streaming import StreamingStack

CLUSTER_LOGS = "emr"
EVENT_LOGS = "spark-events"
"""Prefixes in the log bucket: logs of clusters and steps, and Spark's event logs."""

STEPS = ("build_dimensions", "build_facts")
REFERENCE = ("airports",)

PYTHON = "/usr/bin/python3.11"
"""EMR 7 starts Spark on Python 3.9 unless it is told otherwise."""


class SparkStack(PlatformStack):
    """What EMR needs: roles, security groups, encryption, the jobs' code, and the RunJobFlow request.

    No cluster runs between DAG runs: the DAG reads the request from an SSM parameter and starts one, which
    ends itself when idle.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        security: SecurityStack,
        network: NetworkStack,
        lake: LakeStack,
        streaming: StreamingStack | None,
    ) -> None:
        super().__init__(scope, construct_id, settings=settings, description="Spark on EMR")
        self._security = security
        self._network = network
        self._lake = lake
        self.cluster_name = settings.physical_name("flights")
        self.node_role = node_role(self)
        self.service_role = service_role(self, nodes=self.node_role, disk_key=security.data_key)
        self._profile = iam.InstanceProfile(self, "NodeProfile", role=self.node_role)
        self._groups = EmrSecurityGroups(self, "SecurityGroups", vpc=network.vpc)
        self._encryption = self._security_configuration()
        self.steps = {name: self._code(name, ROOT / "emr_steps" / f"{name}.py") for name in STEPS}
        """The scripts of the EMR steps."""
        self.reference = {name: self._data(name, PACKAGE / "reference" / f"{name}.csv") for name in REFERENCE}
        """The reference files that the dimensions are built from."""
        self.package = self._code("package", package_zip())
        """The `flights` package for --py-files."""
        self._event_log_folder = self._code(
            "event_log_folder", Path(__file__).parent / "constructs" / "event_log_folder.sh"
        )
        self._grant_data()
        self.request_parameter = ssm.StringParameter(
            self,
            "RunJobFlow",
            parameter_name=settings.parameter("emr", "run_job_flow"),
            description="RunJobFlow request of the cluster that a DAG run starts",
            string_value=self.to_json_string(self._request()),
        )
        self.stream = (
            StreamApplication(
                self,
                "Stream",
                settings=settings,
                network=network,
                lake=lake,
                streaming=streaming,
                security=security,
            )
            if streaming is not None
            else None
        )
        """What runs the streaming job, where there is a stream."""

    def _code(self, name: str, path: Path) -> JobAsset:
        asset = JobAsset(self, _construct_id(name), path=path)
        asset.grant_read(self.node_role)
        return asset

    def _data(self, name: str, path: Path) -> JobAsset:
        asset = JobAsset(self, _construct_id(name), path=path)
        asset.grant_read_by_spark(self.node_role)
        return asset

    def _grant_data(self) -> None:
        grant_read_objects(
            self._lake.raw,
            self.node_role,
            "weather",
            "aircraft",
            "airlines",
            reason="The dimensions read a range of days of weather, and the lists of aircraft and airlines.",
        )
        grant_read_objects(
            self._lake.curated,
            self.node_role,
            "flights",
            "accounting",
            reason="The facts read a range of days, and what the curation counted.",
        )
        grant_read_write_objects(
            self._lake.curated,
            self.node_role,
            "dimensions",
            reason="The steps keep the history of airlines and aircraft there, in folders of their own.",
        )
        grant_read_write_objects(
            self._lake.warehouse,
            self.node_role,
            reason="The steps own this bucket: every table, each run's loads, the row accounting.",
        )
        grant_read_write_objects(
            self._lake.logs,
            self.node_role,
            EVENT_LOGS,
            reason="Spark names its event logs after the application, and renames them when it ends.",
        )
        grant_put_objects(
            self._lake.logs,
            self.node_role,
            f"{CLUSTER_LOGS}/",
            reason="EMR names the logs after cluster, node and step.",
        )

    def _security_configuration(self) -> str:
        configuration = emr.CfnSecurityConfiguration(
            self,
            "Encryption",
            security_configuration={
                "EncryptionConfiguration": {
                    "EnableAtRestEncryption": True,
                    "EnableInTransitEncryption": False,
                    "AtRestEncryptionConfiguration": {
                        "S3EncryptionConfiguration": {
                            "EncryptionMode": "SSE-KMS",
                            "AwsKmsKey": self._security.data_key.key_arn,
                        },
                        "LocalDiskEncryptionConfiguration": {
                            "EncryptionKeyProviderType": "AwsKms",
                            "AwsKmsKey": self._security.data_key.key_arn,
                            "EnableEbsEncryption": True,
                        },
                    },
                },
                "InstanceMetadataServiceConfiguration": {
                    "MinimumInstanceMetadataServiceVersion": 2,
                    "HttpPutResponseHopLimit": 1,
                },
            },
        )
        return configuration.ref

    def _request(self) -> dict[str, Any]:
        """Body of RunJobFlow, as boto3 takes it."""
        settings = self.settings.spark
        logs = f"s3://{self._lake.logs.bucket_name}"
        return {
            "Name": self.cluster_name,
            "ReleaseLabel": settings.release,
            "LogUri": f"{logs}/{CLUSTER_LOGS}/",
            "Applications": [{"Name": "Hadoop"}, {"Name": "Spark"}],
            "Instances": {
                "InstanceGroups": [
                    _group("Primary", "MASTER", settings.primary_instance_type, 1),
                    _group("Core", "CORE", settings.core_instance_type, settings.min_instances),
                ],
                "Ec2SubnetId": self._network.vpc.select_subnets(
                    subnet_group_name=self._network.private_subnets.subnet_group_name
                ).subnet_ids[0],
                "EmrManagedMasterSecurityGroup": self._groups.primary.security_group_id,
                "EmrManagedSlaveSecurityGroup": self._groups.core.security_group_id,
                "ServiceAccessSecurityGroup": self._groups.service.security_group_id,
                "KeepJobFlowAliveWhenNoSteps": True,
                "TerminationProtected": False,
            },
            "JobFlowRole": self._profile.instance_profile_name,
            "ServiceRole": self.service_role.role_name,
            "SecurityConfiguration": self._encryption,
            "ManagedScalingPolicy": {
                "ComputeLimits": {
                    "UnitType": "Instances",
                    "MinimumCapacityUnits": settings.min_instances,
                    "MaximumCapacityUnits": settings.max_instances,
                }
            },
            "AutoTerminationPolicy": {"IdleTimeout": settings.idle_minutes * 60},
            "ScaleDownBehavior": "TERMINATE_AT_TASK_COMPLETION",
            "EbsRootVolumeSize": 20,
            "VisibleToAllUsers": True,
            "BootstrapActions": [
                {
                    "Name": "Folder of the event logs",
                    "ScriptBootstrapAction": {
                        "Path": self._event_log_folder.uri,
                        "Args": [self._lake.logs.bucket_name, f"{EVENT_LOGS}/"],
                    },
                }
            ],
            "Configurations": [
                {
                    "Classification": "spark-defaults",
                    "Properties": {
                        "spark.pyspark.python": PYTHON,
                        "spark.pyspark.driver.python": PYTHON,
                        "spark.eventLog.enabled": "true",
                        "spark.eventLog.dir": f"{logs}/{EVENT_LOGS}/",
                        "spark.history.fs.logDirectory": f"{logs}/{EVENT_LOGS}/",
                        "spark.sql.session.timeZone": "UTC",
                    },
                }
            ],
            "Tags": [{"Key": key, "Value": value} for key, value in self._cluster_tags().items()],
        }

    def _cluster_tags(self) -> dict[str, str]:
        return {
            MANAGED_POLICY_TAG: "true",
            "project": PROJECT,
            "environment": self.settings.name,
            "owner": self.settings.environment.owner,
        }


def _construct_id(name: str) -> str:
    return "".join(word.title() for word in name.split("_"))


def _group(name: str, role: str, instance_type: str, count: int) -> dict[str, Any]:
    return {
        "Name": name,
        "InstanceRole": role,
        "InstanceType": instance_type,
        "InstanceCount": count,
        "Market": "ON_DEMAND",
    }
