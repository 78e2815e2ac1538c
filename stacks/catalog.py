"""The data catalog: databases and tables, the curation job, the crawler, and Athena to ask them."""

from __future__ import annotations

from aws_cdk import Aws
from aws_cdk import aws_glue as glue
from aws_cdk import aws_iam as iam
from constructs import Construct

from flights import schema
from flights.quality import QUALITY_RESULTS
from flights.tables import Table
from stacks.constructs.athena_workgroup import AthenaWorkgroup
from stacks.constructs.bundle import ROOT, package_zip
from stacks.constructs.data_bucket import grant_read_objects, grant_read_write_objects
from stacks.constructs.glue_tables import Form, add_table
from stacks.constructs.identity_names import identity_name
from stacks.constructs.job_assets import JobAsset
from stacks.constructs.logs import PlatformLogGroup
from stacks.constructs.quality_gate import QualityGate
from stacks.constructs.raw_crawler import RawCrawler
from stacks.constructs.stack import PlatformStack
from stacks.lake import LakeStack
from stacks.nag import acknowledge_wildcard
from stacks.security import SecurityStack
from stacks.settings import PROJECT, Settings
from streaming.tables import STREAM_EVENTS, STREAM_WINDOWS

EVENT_LOGS = "glue/spark-events"
"""Prefix in the log bucket under which Glue keeps Spark's event logs."""
STREAM = "stream"
"""Prefix in the curated bucket of what the streaming job leaves."""


class CatalogStack(PlatformStack):
    """Glue's databases, tables, crawler and curation job; Athena's workgroup and saved queries."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        security: SecurityStack,
        lake: LakeStack,
    ) -> None:
        super().__init__(
            scope, construct_id, settings=settings, description="Data catalog, curation job, Athena"
        )
        self._security = security
        self._lake = lake
        prefix = f"{PROJECT}_{settings.name}"
        self.raw_database = self._database(
            "RawDatabase", f"{prefix}_raw", "Raw objects as the sources sent them"
        )
        self.curated_database = self._database(
            "CuratedDatabase",
            f"{prefix}_curated",
            "Typed, valid rows, and the rejected ones with their reasons",
        )
        self.inferred_database = self._database(
            "InferredDatabase", f"{prefix}_inferred", "What the crawler makes of the raw objects, to compare"
        )
        tables = self._tables()
        self._encryption_name = settings.physical_name("glue")
        self._encryption = self._security_configuration()
        self.curate_job_name = settings.physical_name("curate-flights")
        self._curate_role_name = identity_name(settings, "curate-flights")
        self.curate_role = self._curate_role()
        self._curate_job()
        self.quality_gate = self._quality_gate(tables["Flights"])
        self.crawler_name = settings.physical_name("raw")
        RawCrawler(
            self,
            "RawCrawler",
            name=self.crawler_name,
            bucket=lake.raw,
            folders=[schema.RAW_FLIGHTS.name, schema.RAW_WEATHER.name],
            database=self.inferred_database,
            database_arns=self.glue_arns(self.inferred_database),
            security_configuration=self._encryption,
            schedule=settings.catalog.crawler_schedule,
        )
        self.athena = AthenaWorkgroup(
            self,
            "Athena",
            settings=settings,
            name=settings.physical_name("lake"),
            database=self.curated_database,
            results=lake.artifacts,
        )

    def glue_arns(self, database: str, *tables: str) -> list[str]:
        """ARNs that a Glue call on `tables` of `database` needs: catalog, database, tables."""
        base = f"arn:{Aws.PARTITION}:glue:{self.region}:{self.account}"
        names = [f"table/{database}/{table}" for table in tables]
        return [f"{base}:{name}" for name in ("catalog", f"database/{database}", *names)]

    @property
    def curate_job_arn(self) -> str:
        """ARN of the curation job."""
        return f"arn:{Aws.PARTITION}:glue:{self.region}:{self.account}:job/{self.curate_job_name}"

    def _database(self, construct_id: str, name: str, description: str) -> str:
        database = glue.CfnDatabase(
            self,
            construct_id,
            catalog_id=Aws.ACCOUNT_ID,
            database_input=glue.CfnDatabase.DatabaseInputProperty(name=name, description=description),
        )
        return database.ref

    def _tables(self) -> dict[str, glue.CfnTable]:
        raw, curated = (f"s3://{bucket.bucket_name}" for bucket in (self._lake.raw, self._lake.curated))
        forms: list[tuple[str, Table, Form, str, str]] = [
            ("RawFlights", schema.RAW_FLIGHTS, "csv", self.raw_database, f"{raw}/flights/"),
            ("RawWeather", schema.RAW_WEATHER, "json", self.raw_database, f"{raw}/weather/"),
            ("RawAircraft", schema.RAW_AIRCRAFT, "csv", self.raw_database, f"{raw}/aircraft/"),
            ("RawAirlines", schema.RAW_AIRLINES, "csv", self.raw_database, f"{raw}/airlines/"),
            ("Flights", schema.CURATED_FLIGHTS, "parquet", self.curated_database, f"{curated}/flights/"),
            (
                "Rejects",
                schema.REJECTED_FLIGHTS,
                "parquet",
                self.curated_database,
                f"{curated}/rejects/flights/",
            ),
        ]
        tables = {
            construct_id: add_table(self, construct_id, table, form, database, location)
            for construct_id, table, form, database, location in forms
        }
        add_table(
            *(self, "QualityResults", QUALITY_RESULTS, "json", self.curated_database, f"{curated}/quality/"),
            gzipped=False,
        )
        for folder, stream_table in (("events", STREAM_EVENTS), ("windows", STREAM_WINDOWS)):
            place = f"{curated}/{STREAM}/{folder}/"
            add_table(
                *(self, f"Stream{folder.title()}", stream_table, "parquet", self.curated_database, place)
            )
        return tables

    def _quality_gate(self, table: glue.CfnTable) -> QualityGate:
        """What the curated flights must meet before they are loaded."""
        names = (schema.CURATED_FLIGHTS.name, schema.REJECTED_FLIGHTS.name)
        gate = QualityGate(
            self,
            "CuratedFlightsQuality",
            name=self.settings.physical_name("curated-flights"),
            role_name=identity_name(self.settings, "curated-flights", "quality"),
            rules=ROOT / "glue_jobs" / "quality" / "curated_flights.dqdl",
            table=table,
            database=self.curated_database,
            table_name=schema.CURATED_FLIGHTS.name,
            tables=self.glue_arns(self.curated_database, *names),
        )
        grant_read_objects(
            self._lake.curated,
            gate.role,
            "flights",
            "rejects/flights",
            reason="An evaluation reads the days of its run and the seven before, whose files Spark names.",
        )
        return gate

    def _security_configuration(self) -> str:
        """Encryption of what Glue writes: objects and bookmarks with the data key, logs with theirs.

        Named here, because the names of the job's log groups contain its name.
        """
        configuration = glue.CfnSecurityConfiguration(
            self,
            "Encryption",
            name=self._encryption_name,
            encryption_configuration=glue.CfnSecurityConfiguration.EncryptionConfigurationProperty(
                s3_encryptions=[
                    glue.CfnSecurityConfiguration.S3EncryptionProperty(
                        s3_encryption_mode="SSE-KMS", kms_key_arn=self._security.data_key.key_arn
                    )
                ],
                cloud_watch_encryption=glue.CfnSecurityConfiguration.CloudWatchEncryptionProperty(
                    cloud_watch_encryption_mode="SSE-KMS", kms_key_arn=self._security.logs_key.key_arn
                ),
                job_bookmarks_encryption=glue.CfnSecurityConfiguration.JobBookmarksEncryptionProperty(
                    job_bookmarks_encryption_mode="CSE-KMS", kms_key_arn=self._security.data_key.key_arn
                ),
            ),
        )
        return configuration.ref

    def _curate_role(self) -> iam.Role:
        """Reads raw flights, replaces curated days, registers their partitions; nothing else of the lake."""
        role = iam.Role(
            self,
            "CurateRole",
            role_name=self._curate_role_name,
            assumed_by=iam.ServicePrincipal("glue.amazonaws.com"),
            description="The Glue job curate_flights",
        )
        grant_read_objects(
            self._lake.raw, role, "flights", reason="The job reads the days it is asked for, a key a day."
        )
        grant_read_write_objects(
            self._lake.curated,
            role,
            "flights",
            "rejects",
            "accounting",
            reason="Spark names the Parquet files that it writes, and deletes those of a day it rewrites.",
        )
        grant_read_write_objects(
            self._lake.logs,
            role,
            EVENT_LOGS,
            reason="Spark names its event logs, and renames them when it ends.",
        )
        role.add_to_policy(
            iam.PolicyStatement(
                actions=["glue:BatchCreatePartition", "glue:BatchUpdatePartition", "glue:GetTable"],
                resources=self.glue_arns(
                    self.curated_database, schema.CURATED_FLIGHTS.name, schema.REJECTED_FLIGHTS.name
                ),
            )
        )
        role.add_to_policy(
            iam.PolicyStatement(
                actions=["cloudwatch:PutMetricData"],
                resources=["*"],
                conditions={"StringEquals": {"cloudwatch:namespace": "Glue"}},
            )
        )
        acknowledge_wildcard(role, "*", reason="PutMetricData knows no resource; the namespace limits it.")
        return role

    def _curate_job(self) -> None:
        settings = self.settings.catalog
        script = JobAsset(self, "CurateScript", path=ROOT / "glue_jobs" / "curate_flights.py")
        package = JobAsset(self, "Package", path=package_zip())
        script.grant_read(self.curate_role)
        package.grant_read(self.curate_role)
        log_prefix = f"/{PROJECT}/{self.settings.name}/glue"
        job = glue.CfnJob(
            self,
            "CurateFlights",
            name=self.curate_job_name,
            description="Raw flights to typed, valid Parquet by day; rejected lines beside it, with reasons",
            role=self.curate_role.role_arn,
            command=glue.CfnJob.JobCommandProperty(
                name="glueetl", python_version="3", script_location=script.uri
            ),
            glue_version=settings.glue_version,
            worker_type=settings.worker_type,
            number_of_workers=settings.workers,
            timeout=settings.job_timeout_minutes,
            # Airflow retries; a second retry inside Glue would hide failures from it.
            max_retries=0,
            execution_property=glue.CfnJob.ExecutionPropertyProperty(
                max_concurrent_runs=settings.max_concurrent_runs
            ),
            security_configuration=self._encryption,
            default_arguments={
                "--job-language": "python",
                "--job-bookmark-option": "job-bookmark-disable",
                "--extra-py-files": package.uri,
                "--enable-metrics": "true",
                "--enable-observability-metrics": "true",
                "--enable-spark-ui": "true",
                "--spark-event-logs-path": f"s3://{self._lake.logs.bucket_name}/{EVENT_LOGS}/",
                "--custom-logGroup-prefix": log_prefix,
                "--raw_bucket": self._lake.raw.bucket_name,
                "--curated_bucket": self._lake.curated.bucket_name,
                "--database": self.curated_database,
                "--table": schema.CURATED_FLIGHTS.name,
                "--rejects_table": schema.REJECTED_FLIGHTS.name,
            },
        )
        job.node.add_dependency(self.curate_role)
        for stream in ("error", "output"):
            # Glue 5 makes this name of prefix, security configuration and role; made here, it has retention.
            # https://docs.aws.amazon.com/glue/latest/dg/monitor-continuous-logging.html
            group = PlatformLogGroup(
                self,
                f"Job{stream.title()}Log",
                settings=self.settings,
                key=self._security.logs_key,
                name=f"{log_prefix}/{self._encryption_name}-role/{self._curate_role_name}/{stream}",
            )
            group.grant(self.curate_role, "logs:AssociateKmsKey", "logs:CreateLogStream", "logs:PutLogEvents")
            job.node.add_dependency(group)
