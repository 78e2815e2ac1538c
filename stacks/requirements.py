"""Which stacks need which, what they need of the network, and which settings nothing here ran."""

from __future__ import annotations

from stacks.settings import InterfaceEndpoint, Settings

NEEDS: dict[str, tuple[str, ...]] = {
    "network": ("security",),
    "lake": ("security",),
    "catalog": ("security", "lake"),
    "database": ("security", "network"),
    "warehouse": ("security", "network", "lake"),
    "spark": ("security", "network", "lake"),
    "streaming": ("security", "network"),
    "containers": ("security", "network", "lake", "database", "warehouse"),
    "ingestion": ("security", "lake", "catalog", "warehouse"),
    "orchestration": (
        "security",
        "network",
        "lake",
        "catalog",
        "database",
        "warehouse",
        "spark",
        "containers",
        "ingestion",
    ),
}
"""Stacks that a stack builds on; each comes before it in the order of deployment."""

USES: dict[str, tuple[str, ...]] = {
    "spark": ("streaming",),
    "containers": ("streaming",),
    "ingestion": ("network", "database", "streaming"),
}
"""Stacks that a stack builds on where they are on, and does without where they are not."""

ENDPOINTS_WITHOUT_NAT: dict[str, tuple[InterfaceEndpoint, ...]] = {
    "database": ("secretsmanager",),
    "streaming": ("glue", "kafka", "lambda", "secretsmanager", "sqs", "sts"),
    "spark": ("elasticmapreduce", "glue", "kms"),
    "containers": ("ecr.api", "ecr.dkr", "logs", "redshift-serverless", "secretsmanager", "ssm"),
    "orchestration": (
        "airflow.api",
        "airflow.env",
        "ecr.api",
        "ecr.dkr",
        "ecs",
        "elasticmapreduce",
        "glue",
        "kms",
        "lambda",
        "logs",
        "monitoring",
        "redshift-data",
        "secretsmanager",
        "sns",
        "sqs",
        "ssm",
        "sts",
    ),
}
"""Interface endpoints that a stack in private subnets cannot work without when there is no NAT.

MWAA: https://docs.aws.amazon.com/mwaa/latest/userguide/vpc-vpe-create-access.html, plus the services that the
DAGs call. EMR: the service's own API, and the catalog and key that its jobs use; S3 has a gateway endpoint.
Fargate: the image, the log, and what the tasks call; the weather source itself still needs NAT or a mirror.
Database: the function that makes the roles reads their secrets. Streaming: Lambda's pollers, which work in
the cluster's subnets, call Lambda and STS; the function behind them reads the registry and a secret and sends
dead letters; clients ask MSK for the brokers.
"""
SMALL = frozenset({"kafka.t3.small"})
STREAM_VCPU_OF_SMALL = 2
"""Brokers that take few new connections, and the vCPUs of the job that reads them: one is the driver's, the
other one opens its connections one after the other.

https://docs.aws.amazon.com/msk/latest/developerguide/limits.html, "Maximum TCP connection rate per broker
(IAM)"
"""


AIRFLOW_RUN_HERE = "3.0.6"
PRIVATE_WEB_SERVER: InterfaceEndpoint = "airflow.env"
"""Endpoint through which a private web server of MWAA answers InvokeRestApi.

https://docs.aws.amazon.com/mwaa/latest/userguide/access-mwaa-apache-airflow-rest-api.html
"""


def problems(settings: Settings) -> list[str]:
    """What keeps these settings from working, a sentence each; empty when they fit together."""
    enabled = settings.stacks.enabled()
    found = [
        f"the {name} stack needs the {needed} stack, which is off: set stacks.{needed} = true "
        f"or stacks.{name} = false"
        for name in enabled
        for needed in NEEDS.get(name, ())
        if needed not in enabled
    ]
    if settings.orchestration.stream_guard_schedule is not None and "streaming" not in enabled:
        found.append(
            "orchestration.stream_guard_schedule keeps the streaming job running, but the streaming stack is "
            "off: set stacks.streaming = true or leave the schedule out"
        )
    if "orchestration" in enabled and settings.spark.idle_minutes < settings.catalog.job_timeout_minutes:
        found.append(
            "a run's cluster would end itself while it waits for a long Glue job: set spark.idle_minutes to "
            f"at least catalog.job_timeout_minutes ({settings.catalog.job_timeout_minutes})"
        )
    private = settings.orchestration.webserver_access == "PRIVATE_ONLY"
    reachable = PRIVATE_WEB_SERVER in settings.network.interface_endpoints
    if "orchestration" in enabled and private and not reachable:
        found.append(
            "a private web server answers only calls through an interface endpoint of its VPC: add "
            f"{PRIVATE_WEB_SERVER} to network.interface_endpoints, or set orchestration.webserver_access = "
            '"PUBLIC_ONLY"'
        )
    small = settings.streaming.kind == "provisioned" and settings.streaming.broker_instance_type in SMALL
    if {"spark", "streaming"} <= set(enabled) and small and settings.spark.stream_vcpu > STREAM_VCPU_OF_SMALL:
        found.append(
            f"{settings.streaming.broker_instance_type} takes 4 new connections a second from IAM clients, "
            "and executors side by side ask for more: set spark.stream_vcpu = 2 or a larger "
            "streaming.broker_instance_type, for instance kafka.m7g.large"
        )
    if settings.network.nat == "none":
        if {"spark", "streaming"} <= set(enabled):
            found.append(
                'the streaming job cannot work with network.nat = "none", for Spark fetches its Kafka '
                "connector from Maven Central, where no endpoint leads: set stacks.streaming = false or "
                "another network.nat"
            )
        for name, endpoints in ENDPOINTS_WITHOUT_NAT.items():
            missing = [each for each in endpoints if each not in settings.network.interface_endpoints]
            if name in enabled and missing:
                found.append(
                    f'the {name} stack cannot work with network.nat = "none" unless '
                    f"network.interface_endpoints has {', '.join(missing)}"
                )
    return found


def not_run_here(settings: Settings) -> dict[str, str]:
    """A warning by the stack whose version no test and no local run has tried; AWS offers them."""
    found = {}
    if settings.catalog.glue_version == "6.0":
        found["Catalog"] = (
            "catalog.glue_version = 6.0 (Spark 4.1, Python 3.13) was not run here: the tests run Glue's job "
            "on Spark 3.5.6, which 5.1 has"
        )
    if not settings.spark.release.startswith("emr-7."):
        found["Spark"] = (
            f"spark.release = {settings.spark.release} (Spark 4, Scala 2.13) was not run here: the tests run "
            "the steps on Spark 3.5.6, which emr-7.13.0 has, and the streaming job with connectors for Scala "
            "2.12"
        )
    if settings.orchestration.airflow_version != AIRFLOW_RUN_HERE:
        found["Orchestration"] = (
            f"orchestration.airflow_version = {settings.orchestration.airflow_version} was not run here: the "
            f"tests run the DAGs on {AIRFLOW_RUN_HERE}, and import them on 3.3"
        )
    return {
        stack: sentence for stack, sentence in found.items() if stack.lower() in settings.stacks.enabled()
    }
