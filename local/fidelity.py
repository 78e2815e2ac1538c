"""How true the embedded AWS is: what each service does, and which properties its answers do not show.

python -m local.fidelity            write docs/fidelity.md
python -m local.fidelity --check    fail when the page is not what would be written
"""

from __future__ import annotations

import sys
from pathlib import Path

from local import layout

PAGE = layout.ROOT / "docs" / "fidelity.md"

EXCEPTIONS: dict[str, dict[str, str]] = {
    "AWS::Athena::WorkGroup": {
        "RecursiveDeleteOption": "says how CloudFormation deletes; Athena does not know it",
    },
    "AWS::ECR::Repository": {"EmptyOnDelete": "says how CloudFormation deletes; ECR does not know it"},
    "AWS::EC2::FlowLog": {"ResourceType": "EC2 reads it off the resource's id"},
    "AWS::EC2::Instance": {
        "BlockDeviceMappings": "size and type are the volume's, which is not made",
        "ImageId": "a parameter that names an image; EC2 describes the image that it launched",
        "NetworkInterfaces": "the interface is not made; its subnet and groups are the instance's",
    },
    "AWS::KMS::Key": {"PendingWindowInDays": "says how CloudFormation deletes; KMS does not know it"},
    "AWS::Lambda::Function": {"Code": "Lambda keeps the code, not where it came from"},
    "AWS::Lambda::LayerVersion": {"Content": "Lambda keeps the content, not where it came from"},
    "AWS::RDS::DBInstance": {
        "DeleteAutomatedBackups": "says how CloudFormation deletes; there are no backups",
        "Port": "the endpoint names the port of the local server",
    },
    "AWS::RedshiftServerless::Workgroup": {"Port": "the endpoint names the port of the local server"},
    "AWS::SecretsManager::Secret": {
        "GenerateSecretString": "says how the first value is made; Secrets Manager does not keep it",
    },
}
"""Resource type → property → why the service's description does not show it."""

NOT_COVERED: tuple[str, ...] = (
    "Networks: addresses, routes and security groups are kept and described, but no packet is filtered.",
    "Encryption: keys and settings are kept and described; objects, volumes and databases lie unencrypted.",
    "IAM: policies are evaluated and would-be denials recorded, but no call is refused. The rights that a "
    "request implies are evaluated too (PassRole; of EMR's RunJobFlow also AddTags, PutAutoTerminationPolicy "
    "and PutManagedScalingPolicy), a service's own calls on behalf of a caller (KMS under S3) are not. "
    "aws:SecureTransport counts as true: AWS' endpoints speak TLS, this one plain HTTP on the loopback "
    "address.",
    "MSK: clients sign in by SASL/OAUTHBEARER with a signed request, as on AWS; the other mechanism of IAM, "
    "AWS_MSK_IAM, SASL/SCRAM and mutual TLS are not there. Loopback clients may also come without TLS at the "
    "address in endpoints.json. The controller is one process, not three.",
    "Lambda's Kafka sources: one poller a mapping, which polls and invokes in turn; no filters, no decoding "
    "by a schema registry, no limit of a record's age, neither SCRAM, mutual TLS nor plaintext. What needs "
    "provisioned pollers on AWS needs them here. Pollers and functions in a VPC make no network interface.",
    "Snapshots of RDS and Redshift Serverless are recorded and listed, and have their names once; nothing "
    "can be restored from one.",
    "What AWS does after a deletion that it has reported happens only where a test asks for it: access "
    "logs that arrive late, a log group that RDS or Redshift makes anew, network interfaces that hold their "
    "subnets and security groups (local/faults.py). Only an interface holds a subnet or a group.",
    "Quotas, prices, throttling and the time that AWS takes to create things.",
    f"Regions and accounts: one of each ({layout.REGION}, {layout.ACCOUNT}).",
)

SERVICES: tuple[tuple[str, str, str], ...] = (
    (
        "CloudFormation",
        "emulated",
        "change sets, also of outputs alone; rollbacks, continued ones too; an unknown type fails. A name "
        "that another stack, a hand or a retained resource has is refused; an export in use can be neither "
        "changed nor deleted; termination and deletion protection, `Retain` and `RetainExceptOnCreate` hold "
        "as on AWS; a bucket with objects, versions or delete markers is not deleted",
    ),
    (
        "S3",
        "real objects",
        "versions, encryption and lifecycle settings, uploads in parts by S3's rules, events to EventBridge; "
        "in memory, and no lifecycle rule is carried out",
    ),
    ("IAM, STS", "evaluated", "every call is held against the caller's policies; sessions of real roles"),
    (
        "Lambda",
        "real code",
        "the deployed bundle in a local Python process, as its execution role; an exception is answered with "
        "its class and trace; event source mappings of MSK "
        "are members of their consumer group on the real brokers",
    ),
    (
        "Glue",
        "real engine",
        "Spark jobs run on Apache Spark; crawlers and quality rules over the real objects",
    ),
    (
        "EMR",
        "real engine",
        "steps run on Apache Spark, their logs where client or cluster mode puts them; FailureDetails have "
        "the log's last words, where EMR may find none; clusters are described, no machine boots",
    ),
    ("EMR Serverless", "real engine", "job runs are Apache Spark programs, retried as their policy says"),
    (
        "RDS",
        "real engine",
        "an instance is a PostgreSQL server of its own, of one version whatever is asked for: a new major "
        "version must be allowed and needs its parameter group, and converts nothing",
    ),
    (
        "Redshift Serverless",
        "real engine, other dialect",
        "PostgreSQL behind Redshift's protocol, COPY and UNLOAD",
    ),
    ("Redshift Data API", "real", "statements run on the workgroup's database as the caller's own user"),
    (
        "ECS on Fargate",
        "real entry point",
        "a task is a process of the image's ENTRYPOINT in the environment of its lock, as the task's role; "
        "no container: your machine's Python and user, no limits, no read-only root, no health check",
    ),
    (
        "CodeBuild, ECR",
        "emulated",
        "a build lays out the Dockerfile's files and its locked packages, without Docker; the buildspec's "
        "commands do not run; more builds at a time than the account's quota are refused",
    ),
    (
        "MWAA",
        "real engine",
        "Apache Airflow 3.0.6 with the packages of MWAA's image, on this machine's Python, and the deployed "
        "DAGs; requirements are installed under MWAA's constraints (by uv) or, as there, logged and left "
        "out; a private web server answers InvokeRestApi only to callers in the VPC; other versions fail to "
        "start",
    ),
    (
        "MSK",
        "real engine",
        "Apache Kafka of the cluster's version, TLS, IAM sign-in; each new action held against the policies; "
        "topic settings are a JSON object in base64 as the API takes and answers it, configurations the "
        "properties that MSK lets one set; over the new connections a second that its instance type takes "
        "from IAM clients, a broker refuses one in MSK's words",
    ),
    (
        "EventBridge, SQS, SNS, DynamoDB, SSM, Secrets Manager",
        "emulated",
        "by ministack, in memory; S3, CloudFormation, CodeBuild and EMR Serverless send their events",
    ),
    (
        "EC2 (VPC)",
        "recorded",
        "described as asked for; no network behind it. User data does not run: where CloudFormation awaits a "
        "signal, it is read for the command that sends it",
    ),
    ("KMS", "emulated", "keys, policies, rotation settings; encrypts on request only"),
    (
        "Service Quotas",
        "recorded",
        "the few quotas that matter here; a test may plant a small account's, and CodeBuild keeps to its own",
    ),
    ("Access Analyzer", "recorded", "analyzers are listed and find nothing"),
    ("Athena", "emulated", "SQL over the real objects by DuckDB"),
    ("CloudWatch alarms", "emulated", "by ministack; queues and functions report no metrics to them"),
    ("CloudWatch Logs", "emulated", "groups, streams and events; functions and jobs write to them"),
)


def page() -> str:
    """The whole page, from the tables here and from what is registered in the gateway."""
    from local.gateway import load
    from local.resources.provisioner import EXTENSIONS, TYPES
    from local.services.service import SERVICES as REGISTERED

    load("local.services")
    load("local.resources")
    lines = [
        "# How true the embedded AWS is",
        "",
        "Generated by `python -m local.fidelity`. Tests hold every property of a deployed resource against",
        "its service's own description, before and after an update; the exceptions are listed below.",
        "",
        "## Services",
        "",
        "| service | it is | that is |",
        "|---|---|---|",
        *(f"| {name} | {kind} | {meaning} |" for name, kind, meaning in SERVICES),
        "",
        "## APIs written here",
        "",
        "Every other API is ministack's. Where a row says so, operations that are not listed go there too;",
        "otherwise they answer `NotImplementedException`.",
        "",
        "| API | operations | the rest |",
        "|---|---|---|",
    ]
    for service in sorted(REGISTERED.values(), key=lambda one: one.name):
        rest = "ministack" if service.fallback else "not implemented"
        lines.append(f"| {service.name} | {', '.join(sorted(service.operations))} | {rest} |")
    lines += [
        "",
        "## Resource types written here",
        "",
        "| type | behind it |",
        "|---|---|",
        *(
            f"| {name} | {'recorded and described, nothing acts on it' if kind.record_only else 'acts'} |"
            for name, kind in sorted(TYPES.items())
        ),
        *(f"| {name} | ministack's, completed |" for name in sorted(EXTENSIONS)),
        "",
        "## Properties that no description shows",
        "",
        "| type | property | why |",
        "|---|---|---|",
    ]
    for name, properties in sorted(EXCEPTIONS.items()):
        lines += [f"| {name} | {each} | {reason} |" for each, reason in sorted(properties.items())]
    lines += ["", "## Not covered", "", *(f"- {sentence}" for sentence in NOT_COVERED), ""]
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    """Write the page, or check it; 1 when it is stale."""
    from local.gateway import configure

    configure()
    wanted = page()
    if "--check" in arguments:
        current = PAGE.read_text() if PAGE.exists() else ""
        if current != wanted:
            print(f"{_relative(PAGE)} is stale: run `python -m local.fidelity`", file=sys.stderr)
            return 1
        return 0
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(wanted)
    return 0


def _relative(path: Path) -> Path:
    return path.relative_to(layout.ROOT)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
