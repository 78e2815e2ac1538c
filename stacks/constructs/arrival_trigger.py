"""Objects that announce a day, and the function that starts that day's batch."""

from __future__ import annotations

from aws_cdk import Aws, Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from constructs import Construct

from stacks.constructs.data_bucket import DataBucket
from stacks.constructs.dead_letter_queue import DeadLetterQueue
from stacks.constructs.function import Place, PlatformFunction
from stacks.settings import Settings

ARRIVALS = "arrivals/"
"""Prefix of the announcing objects in the raw bucket. No job writes there, so no run starts another."""
BATCH_DAG = "flights_batch"
AIRFLOW_ROLE = "User"
"""The least of Airflow's roles that may start a DAG run."""
GIVE_UP_AFTER = Duration.hours(2)


class ArrivalTrigger(Construct):
    """`arrivals/date=<day>/…` in `bucket` → EventBridge → `trigger_batch` → a run of the batch in MWAA.

    A private web server answers callers in its VPC only, so the function then has a `place` there.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        bucket: DataBucket,
        environment_name: str,
        logs_key: kms.IKey,
        alerts_topic: sns.ITopic,
        place: Place | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        self.dead_letters = DeadLetterQueue(
            self,
            "DeadLetters",
            alerts_topic=alerts_topic,
            holds="arrivals whose batch could not be started",
        )
        self.function = PlatformFunction(
            self,
            "TriggerBatch",
            settings=settings,
            name="trigger_batch",
            description="Starts the batch of the day that an object announces, once a day",
            logs_key=logs_key,
            environment={"AIRFLOW_ENVIRONMENT": environment_name, "DAG_ID": BATCH_DAG},
            memory_mb=256,
            timeout_seconds=60,
            dead_letters=self.dead_letters,
            place=place,
        )
        self.function.function.configure_async_invoke(retry_attempts=2, max_event_age=GIVE_UP_AFTER)
        self.function.role.add_to_policy(
            iam.PolicyStatement(
                actions=["airflow:InvokeRestApi"],
                resources=[
                    f"arn:{Aws.PARTITION}:airflow:{Aws.REGION}:{Aws.ACCOUNT_ID}:"
                    f"role/{environment_name}/{AIRFLOW_ROLE}"
                ],
            )
        )
        events.Rule(
            self,
            "DayArrived",
            description="Objects that announce a day",
            event_pattern=events.EventPattern(
                source=["aws.s3"],
                detail_type=["Object Created"],
                detail={
                    "bucket": {"name": [bucket.bucket_name]},
                    "object": {"key": [{"prefix": ARRIVALS}]},
                },
            ),
            targets=[
                targets.LambdaFunction(
                    self.function.function,
                    dead_letter_queue=self.dead_letters,
                    retry_attempts=8,
                    max_event_age=GIVE_UP_AFTER,
                )
            ],
        )
