"""Athena over the lake: a workgroup that keeps results encrypted and queries small, and saved queries."""

from __future__ import annotations

from aws_cdk import Aws
from aws_cdk import aws_athena as athena
from constructs import Construct

from stacks.constructs.data_bucket import DataBucket
from stacks.settings import Settings

RESULTS = "athena"
"""Prefix of the results in their bucket."""

QUERIES = {
    "flights-by-month-and-airline": (
        "Flights, cancellations and mean departure delay by month and airline",
        """SELECT year, month, carrier, count(*) AS flights, count_if(cancelled) AS cancelled,
       avg(dep_delay_minutes) AS mean_dep_delay_minutes
FROM flights
GROUP BY year, month, carrier
ORDER BY year, month, carrier""",
    ),
    "rejects-by-reason": (
        "Raw lines that the curation rejected, by month and reason",
        """SELECT year, month, reason, count(*) AS lines
FROM flights_rejects
GROUP BY year, month, reason
ORDER BY year, month, lines DESC""",
    ),
    "flights-by-day": (
        "Curated flights by day, to compare with what a source reports",
        """SELECT year, month, day, count(*) AS flights
FROM flights
GROUP BY year, month, day
ORDER BY year, month, day""",
    ),
}
"""Saved queries over the curated database: name → description and SQL."""


class AthenaWorkgroup(Construct):
    """The environment's workgroup; its settings win over those of a client."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        name: str,
        database: str,
        results: DataBucket,
    ) -> None:
        super().__init__(scope, construct_id)
        assert results.data_key is not None
        self.name = name
        self.arn = f"arn:{Aws.PARTITION}:athena:{Aws.REGION}:{Aws.ACCOUNT_ID}:workgroup/{name}"
        workgroup = athena.CfnWorkGroup(
            self,
            "Workgroup",
            name=name,
            description="Queries over the lake",
            state="ENABLED",
            recursive_delete_option=settings.environment.remove_data_on_destroy,
            work_group_configuration=athena.CfnWorkGroup.WorkGroupConfigurationProperty(
                enforce_work_group_configuration=True,
                publish_cloud_watch_metrics_enabled=True,
                requester_pays_enabled=False,
                bytes_scanned_cutoff_per_query=settings.catalog.athena_scan_limit_gb * 10**9,
                engine_version=athena.CfnWorkGroup.EngineVersionProperty(
                    selected_engine_version="Athena engine version 3"
                ),
                result_configuration=athena.CfnWorkGroup.ResultConfigurationProperty(
                    output_location=f"s3://{results.bucket_name}/{RESULTS}/",
                    encryption_configuration=athena.CfnWorkGroup.EncryptionConfigurationProperty(
                        encryption_option="SSE_KMS", kms_key=results.data_key.key_arn
                    ),
                ),
            ),
        )
        for query_name, (description, sql) in QUERIES.items():
            query = athena.CfnNamedQuery(
                self,
                "".join(word.title() for word in query_name.split("-")),
                name=query_name,
                description=description,
                database=database,
                query_string=sql,
                work_group=name,
            )
            query.add_resource_dependency(workgroup)
