"""Typed settings of one environment.

Each section is one table of `config/<environment>.toml`; `stacks/configuration.py` reads them. A field says
its unit in its name, and its limits are those that AWS documents for the property that it becomes. Whether
the sections fit together is `stacks/requirements.py`'s to say.
"""

from __future__ import annotations

import ipaddress
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

PROJECT = "refstack"
"""First part of every physical name."""

InterfaceEndpoint = Literal[
    "airflow.api",
    "airflow.env",
    "ecr.api",
    "ecr.dkr",
    "ecs",
    "elasticmapreduce",
    "events",
    "glue",
    "kafka",
    "kms",
    "lambda",
    "logs",
    "monitoring",
    "redshift-data",
    "redshift-serverless",
    "secretsmanager",
    "sns",
    "sqs",
    "ssm",
    "sts",
]
"""AWS services that can be reached over an interface endpoint, by the last part of the endpoint's name."""

LogRetentionDays = Literal[
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653
]
"""The retentions that CloudWatch Logs accepts."""

ZONE_LETTER = "[a-z]"
ZONE_NAME = r"[a-z]{2}(-[a-z]+)+-\d[a-z]"
"""An availability zone such as us-east-1a; a local zone, us-west-2-lax-1a, has none of the services."""


def _vpc_range(value: str) -> str:
    network = ipaddress.IPv4Network(value)
    if not network.is_private or not 16 <= network.prefixlen <= 20:
        raise ValueError("must be a private IPv4 range between /16 and /20")
    return value


class Section(BaseModel):
    """One table of the configuration file: closed and read-only."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Environment(Section):
    """What holds for every stack of the environment."""

    owner: str = Field(default="data-platform", min_length=1, max_length=256)
    """Value of the `owner` tag."""
    remove_data_on_destroy: bool = False
    """Second key of a deletion: with it, resources that ask for DESTROY are deleted with their stack."""
    termination_protection: bool = False
    """Whether CloudFormation refuses to delete the stacks."""
    account_singletons: bool = False
    """Whether this environment owns what an account has once per region: the access analyzer.

    The stack Security fails where the account has an analyzer already, its own or another environment's.
    """
    regional_names: bool = False
    """Whether the names of IAM roles and groups end with the region.

    An account has such a name once for all regions: the same environment in a second region needs it. A
    deployed environment keeps its names: with new ones dbt's role would not own its tables in Redshift.
    """
    log_retention_days: LogRetentionDays = 30
    """How long CloudWatch keeps the logs of every stack."""


class Stacks(Section):
    """Which stacks are on."""

    security: bool = True
    network: bool = True
    lake: bool = True
    catalog: bool = True
    database: bool = True
    warehouse: bool = True
    streaming: bool = True
    spark: bool = True
    containers: bool = True
    ingestion: bool = True
    orchestration: bool = True

    def enabled(self) -> list[str]:
        """Names of the stacks that are on, in order of deployment."""
        return [name for name in type(self).model_fields if getattr(self, name)]


class Network(Section):
    """The VPC."""

    cidr: Annotated[str, AfterValidator(_vpc_range)] = "10.20.0.0/16"
    """Private IPv4 range of the VPC, between /16 and /20."""
    zones: tuple[Annotated[str, Field(pattern=rf"^({ZONE_LETTER}|{ZONE_NAME})$")], ...] = ()
    """Three availability zones by letter (`a`, `b`, `d`) or name; without them, the region's first three.

    For a zone that lacks a service or an instance type. Other zones are other subnets: what is deployed into
    them is replaced, data with it.
    """
    nat: Literal["none", "instance", "gateway"] = "gateway"
    """How private subnets reach the internet: not, over one t4g.micro instance, or over NAT gateways."""
    nat_gateways: int = Field(default=1, ge=1, le=3)
    """Number of NAT gateways, one an availability zone at most; counts only with `nat = "gateway"`."""
    interface_endpoints: tuple[InterfaceEndpoint, ...] = ()
    """AWS services to reach without NAT; each costs by the hour and availability zone."""
    flow_logs: bool = True
    """Whether the VPC's traffic is recorded in CloudWatch Logs."""

    @model_validator(mode="after")
    def _three_zones(self) -> Network:
        if self.zones and len(set(self.zones)) != 3:
            raise ValueError("zones must be three different ones")
        if len({len(zone) == 1 for zone in self.zones}) > 1:
            raise ValueError("zones must be all letters or all names")
        return self


class Lake(Section):
    """Lifecycle of the lake's objects."""

    infrequent_access_after_days: int = Field(default=60, ge=30)
    """Age at which raw and curated objects of 128 KB or more move to S3 Standard-IA, 30 days at the earliest.

    A day of New York's flights is smaller and stays in S3 Standard: Standard-IA would bill it as 128 KB.
    """
    archive_after_days: int = Field(default=365, ge=60)
    """Age at which raw objects of 128 KB or more move to Glacier Instant Retrieval."""
    noncurrent_versions_after_days: int = Field(default=30, ge=1)
    """Age at which overwritten or deleted versions are removed."""
    logs_after_days: int = Field(default=90, ge=1)
    """Age at which access logs, Spark logs and job logs are removed."""

    @model_validator(mode="after")
    def _thirty_days_in_infrequent_access(self) -> Lake:
        if self.archive_after_days < self.infrequent_access_after_days + 30:
            raise ValueError(
                "archive_after_days must be at least 30 more than infrequent_access_after_days, "
                "because S3 keeps an object 30 days in Standard-IA"
            )
        return self


class Catalog(Section):
    """Glue jobs and crawlers."""

    glue_version: Literal["5.0", "5.1", "6.0"] = "5.1"
    """5.1 has the Spark version that EMR and the local runtime have; 6.0 was not run here."""
    worker_type: Literal["G.1X", "G.2X", "G.4X", "G.8X"] = "G.1X"
    """Size of a worker: each step doubles its vCPUs and memory, and its price."""
    workers: int = Field(default=2, ge=2, le=299)
    """Workers of a job run; Glue takes no fewer than 2."""
    job_timeout_minutes: int = Field(default=60, ge=1, le=10080)
    """Running time after which Glue stops a job run."""
    max_concurrent_runs: int = Field(default=2, ge=1, le=1000)
    """Runs of one job at a time; one more fails."""
    athena_scan_limit_gb: int = Field(default=10, ge=1, le=7_000_000)
    """How much one Athena query may read before it is cancelled."""
    crawler_schedule: str | None = Field(default=None, pattern=r"^cron\(.+\)$")
    """When the crawler runs, as `cron(…)` in UTC; without one it runs on demand."""


class Database(Section):
    """RDS for PostgreSQL."""

    engine_version: str = Field(default="18.6", pattern=r"^\d{2}\.\d{1,2}$")
    """PostgreSQL version that RDS offers, with its minor part.

    RDS stops creating instances of a minor version some months after its successor; a deployed instance
    goes to a higher minor version with the next deploy. A lower version is refused.
    """
    allow_major_version_upgrade: bool = False
    """Whether `engine_version` may name a higher major version than the deployed instance has.

    Without it RDS refuses the update. With it RDS converts the database in place, for some minutes without
    connections; there is no way back but a snapshot, which RDS takes before if backups are on.
    """
    instance_type: str = Field(default="t4g.micro", pattern=r"^[a-z][a-z0-9-]+\.[a-z0-9]+$")
    """Instance class without RDS' `db.` in front."""
    name: str = Field(default="flights", pattern=r"^[a-z][a-z0-9_]{0,62}$")
    """Name of the first database."""
    port: int = Field(default=5433, ge=1150, le=65535)
    """TCP port; another than PostgreSQL's own 5432, which is the first to be probed."""
    storage_gb: int = Field(default=20, ge=20, le=65536)
    """Storage to begin with; gp3 starts at 20."""
    max_storage_gb: int = Field(default=40, ge=22, le=65536)
    """How far storage grows by itself; RDS wants it at least a tenth above `storage_gb`."""
    multi_az: bool = False
    """Whether a standby in another zone takes over; it doubles the price."""
    backup_days: int = Field(default=1, ge=1, le=35)
    """How long automatic backups are kept."""

    @model_validator(mode="after")
    def _storage_may_grow(self) -> Database:
        if self.max_storage_gb < 1.1 * self.storage_gb:
            raise ValueError("max_storage_gb must be at least 10 % more than storage_gb")
        return self


class Warehouse(Section):
    """Redshift Serverless."""

    database: str = Field(default=PROJECT, pattern=r"^[a-z][a-z0-9_]{0,63}$")
    """Name of the first database."""
    base_rpu: int = Field(default=4, ge=4, le=1024)
    """Capacity that queries start with: 4, or a multiple of 8."""
    max_rpu: int = Field(default=8, ge=4, le=1024)
    """Capacity that Redshift may scale to: 4, or a multiple of 8."""
    usage_limit_rpu_hours_per_day: int = Field(default=8, ge=1)
    """RPU hours a day after which the action below is taken."""
    usage_limit_action: Literal["log", "emit-metric", "deactivate"] = "deactivate"
    """What happens at the limit; `deactivate` refuses queries until the next day."""

    @model_validator(mode="after")
    def _capacities(self) -> Warehouse:
        for name, value in (("base_rpu", self.base_rpu), ("max_rpu", self.max_rpu)):
            if value != 4 and (value % 8 or (value > 512 and value % 32)):
                raise ValueError(f"{name} must be 4, or a multiple of 8, above 512 of 32")
        if self.max_rpu < self.base_rpu:
            raise ValueError("max_rpu must not be below base_rpu")
        return self


class Spark(Section):
    """EMR on EC2: the cluster that a DAG run starts and that ends itself."""

    release: str = Field(default="emr-7.13.0", pattern=r"^(emr-7|emr-spark-8)\.\d+\.\d+$")
    """EMR release; 7.13.0 has the Spark version that Glue 5.1 and the local runtime have.

    The releases emr-spark-8.* have Spark 4, and were not run here.
    """
    primary_instance_type: str = Field(default="m6g.xlarge", pattern=r"^[a-z0-9-]+\.[a-z0-9]+$")
    """EC2 type of the primary node, where the drivers of the steps run."""
    core_instance_type: str = Field(default="m6g.xlarge", pattern=r"^[a-z0-9-]+\.[a-z0-9]+$")
    """EC2 type of the core and task nodes."""
    min_instances: int = Field(default=1, ge=1, le=1000)
    """Core nodes to begin with, and the least that managed scaling keeps."""
    max_instances: int = Field(default=3, ge=1, le=1000)
    """Nodes that managed scaling may reach, the primary not counted."""
    idle_minutes: int = Field(default=60, ge=1, le=10080)
    """Idle time after which the cluster terminates itself; a run's cluster waits for Glue's job beside it."""
    stream_vcpu: int = Field(default=2, ge=2, le=64)
    """Most vCPUs of the streaming job on EMR Serverless, one the driver's; 2 with kafka.t3.small brokers."""

    @model_validator(mode="after")
    def _scaling_range(self) -> Spark:
        if self.max_instances < self.min_instances:
            raise ValueError("max_instances must not be below min_instances")
        return self


class Streaming(Section):
    """MSK."""

    kind: Literal["provisioned", "serverless"] = "provisioned"
    """Brokers of a chosen size, or MSK Serverless: dearer when idle, nothing to size."""
    kafka_version: Literal["3.8.x", "3.9.x", "4.0.x.kraft"] = "3.8.x"
    """MSK recommends 3.8.x; the setting counts for provisioned clusters."""
    broker_instance_type: str = Field(default="kafka.t3.small", pattern=r"^kafka\.[a-z0-9]+\.[a-z0-9]+$")
    """Size of a broker; kafka.t3.small takes 4 new connections a second from IAM clients, others 100."""
    availability_zones: int = Field(default=2, ge=2, le=3)
    """Zones that brokers stand in, and replicas of a topic."""
    brokers_per_zone: int = Field(default=1, ge=1, le=10)
    """MSK wants the same number in each zone."""
    volume_gb: int = Field(default=10, ge=1, le=16384)
    """Storage of each broker."""
    retention_hours: int = Field(default=72, ge=1)
    """How long a topic keeps its records unless the topic says otherwise."""
    partitions: int = Field(default=4, ge=1, le=100)
    """Partitions of the topic of flight events: the most consumers of one group that share it."""
    alert_delay_minutes: int = Field(default=30, ge=1)
    """Mean delay of an airport's departures in an hour from which on an alert is sent."""


class Containers(Section):
    """Fargate tasks and the images that they run."""

    dbt_cpu: Literal[256, 512, 1024, 2048, 4096] = 512
    """CPU units of the dbt task, 1024 a vCPU."""
    dbt_memory_mb: int = Field(default=1024, ge=512, le=30720)
    """Memory of the dbt task; Fargate offers only some sizes for each number of CPU units."""
    etl_cpu: Literal[256, 512, 1024, 2048, 4096] = 512
    """CPU units of the ETL task, 1024 a vCPU."""
    etl_memory_mb: int = Field(default=2048, ge=512, le=30720)
    """Memory of the ETL task; it holds a month of flights."""
    images_kept: int = Field(default=10, ge=2, le=1000)
    """How many images a repository keeps; older ones are removed."""
    container_insights: Literal["disabled", "enabled", "enhanced"] = "disabled"
    """Whether CloudWatch collects metrics of each task; it charges for each metric."""

    @model_validator(mode="after")
    def _sizes(self) -> Containers:
        for name in ("dbt", "etl"):
            cpu, memory = getattr(self, f"{name}_cpu"), getattr(self, f"{name}_memory_mb")
            if memory not in FARGATE_MEMORY_MB[cpu]:
                offered = ", ".join(map(str, FARGATE_MEMORY_MB[cpu]))
                raise ValueError(f"{name}_memory_mb must be one of {offered} with {name}_cpu = {cpu}")
        return self


FARGATE_MEMORY_MB: dict[int, tuple[int, ...]] = {
    256: (512, 1024, 2048),
    512: tuple(range(1024, 4096 + 1, 1024)),
    1024: tuple(range(2048, 8192 + 1, 1024)),
    2048: tuple(range(4096, 16384 + 1, 1024)),
    4096: tuple(range(8192, 30720 + 1, 1024)),
}
"""Memory that Fargate offers, by CPU units.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html
"""


class Ingestion(Section):
    """The Lambda functions that bring data in."""

    airports: tuple[Annotated[str, Field(pattern=r"^[A-Z]{3}$")], ...] = ("EWR", "JFK", "LGA")
    """Origins to ingest, by IATA code."""
    flights_source: str = Field(default="https://transtats.bts.gov/PREZIP", pattern=r"^https?://")
    """URL of BTS' monthly files, or of a server with their layout."""
    weather_source: str = Field(
        default="https://archive-api.open-meteo.com/v1/archive", pattern=r"^https?://"
    )
    """URL of Open-Meteo's archive, or of a server that answers as it does."""
    aircraft_source: str = Field(
        default="https://registry.faa.gov/database/ReleasableAircraft.zip", pattern=r"^https?://"
    )
    """URL of FAA's aircraft registry; with `{date}` in it an archive, asked for the ISO days of a run."""
    airlines_source: str = Field(
        default="https://www.transtats.bts.gov/Download_Lookup.asp?Y11x72=Y_haVdhR_PNeeVRef",
        pattern=r"^https?://",
    )
    """URL of BTS' table of carriers, or of an archive of it, as above."""
    user_agent: str | None = Field(default=None, min_length=1, max_length=500)
    """User-Agent of the requests to the sources; without one a browser's, as FAA's site wants it."""
    accept: str | None = Field(default=None, min_length=1, max_length=200)
    """Accept of these requests; without one `*/*`."""
    intermediates: str | None = Field(default=None, max_length=3200, pattern=r"-----BEGIN CERTIFICATE-----")
    """Intermediate certificates (PEM) that a source leaves out and to which its own does not lead."""
    memory_mb: int = Field(default=1024, ge=128, le=10240)
    """Memory of the functions that fetch; CPU grows with it."""
    timeout_seconds: int = Field(default=300, ge=120, le=320)
    """Running time of the functions that fetch; a download that takes longer goes on in the next invocation.

    A DAG waits for their answer on a connection that is idle meanwhile, which NAT drops after 350 seconds.
    """


class Orchestration(Section):
    """MWAA and what the DAGs read from the settings."""

    airflow_version: str = Field(default="3.0.6", pattern=r"^[23]\.\d+\.\d+$")
    """Airflow version that MWAA offers; only 3.0.6 was run here, 3.2.1 and 3.3.1 were not."""
    environment_class: Literal[
        "mw1.micro", "mw1.small", "mw1.medium", "mw1.large", "mw1.xlarge", "mw1.2xlarge"
    ] = "mw1.small"
    """Size of the MWAA environment; mw1.micro has one combined scheduler and worker."""
    min_workers: int = Field(default=1, ge=1, le=25)
    """Workers that always run."""
    max_workers: int = Field(default=1, ge=1, le=25)
    """Workers that MWAA may scale to."""
    webserver_access: Literal["PUBLIC_ONLY", "PRIVATE_ONLY"] = "PUBLIC_ONLY"
    """Whether Airflow's pages answer on the internet (behind IAM) or in the VPC only.

    A private web server answers calls only through the interface endpoint airflow.env, and reaches no package
    index: the synth downloads what the DAGs' requirements.txt names, and ships it to MWAA as wheels.
    """
    schedule: str | None = None
    """Cron expression of the daily batch in UTC; without one the DAG runs when it is triggered."""
    maintenance_schedule: str | None = None
    """Cron expression of the warehouse's maintenance in UTC; without one it runs when it is triggered."""
    stream_guard_schedule: str | None = None
    """Cron expression in UTC by which the streaming job is started again where it does not run.

    Without one it runs when somebody starts it, and bills only then.
    """
    publication_lag_days: int = Field(default=75, ge=0)
    """How far the batch runs behind the calendar, because BTS publishes weeks late."""
    poll_seconds: int = Field(default=30, ge=1, le=300)
    """How often tasks ask whether a job has ended."""
    retries: int = Field(default=2, ge=0, le=10)
    """How often Airflow tries a failed task again."""
    retry_delay_seconds: int = Field(default=20, ge=1, le=3600)
    """Pause before the first of these tries; it doubles with each."""
    lambda_timeout_seconds: int = Field(default=900, ge=1)
    """How long a task waits for a function that fetches nothing."""
    download_timeout_seconds: int = Field(default=3600, ge=360)
    """How long a task repeats the invocations of a function whose download goes on."""
    glue_timeout_seconds: int = Field(default=3600, ge=60)
    """How long a task waits for a Glue job run."""
    emr_timeout_seconds: int = Field(default=7200, ge=60)
    """How long a task waits for an EMR step."""
    statement_timeout_seconds: int = Field(default=1800, ge=1)
    """How long a task waits for a Redshift statement."""
    container_timeout_seconds: int = Field(default=3600, ge=60)
    """How long a task waits for a container."""
    arrival_timeout_seconds: int = Field(default=21600, ge=1)
    """How long a deferred sensor waits for the notices of a day."""

    @model_validator(mode="after")
    def _workers(self) -> Orchestration:
        if self.max_workers < self.min_workers:
            raise ValueError("max_workers must not be below min_workers")
        if self.environment_class == "mw1.micro" and self.max_workers > 1:
            raise ValueError("max_workers must be 1 with mw1.micro, which has one combined worker")
        return self


class Settings(Section):
    """All settings of one environment."""

    name: Literal["dev", "stage", "prod", "localstack"]
    environment: Environment = Environment()
    stacks: Stacks = Stacks()
    network: Network = Network()
    lake: Lake = Lake()
    catalog: Catalog = Catalog()
    database: Database = Database()
    warehouse: Warehouse = Warehouse()
    spark: Spark = Spark()
    streaming: Streaming = Streaming()
    containers: Containers = Containers()
    ingestion: Ingestion = Ingestion()
    orchestration: Orchestration = Orchestration()

    def stack_name(self, stack: str) -> str:
        """CloudFormation's name of the stack called `stack`, for instance refstack-dev-lake."""
        return f"{PROJECT}-{self.name}-{stack.lower()}"

    def physical_name(self, *parts: str) -> str:
        """Name of a resource that another side must know, for instance refstack-dev-airflow."""
        return "-".join([PROJECT, self.name, *parts])

    def parameter(self, *parts: str) -> str:
        """Name of an SSM parameter, for instance /refstack/dev/sources/flights."""
        return "/" + "/".join([PROJECT, self.name, *parts])
