"""MSK: its control API, and the Apache Kafka behind it, reached as clients reach it on AWS."""

from __future__ import annotations

import base64
import json
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError
from confluent_kafka import KafkaError, KafkaException, Producer

from local import processes
from local.services import kafka_brokers
from tests.local.kafka_clients import endpoint, eventually, iam, read, send

pytestmark = [pytest.mark.gateway, pytest.mark.timeout(240)]

PROVISIONED = {
    "BrokerNodeGroupInfo": {"ClientSubnets": ["subnet-1", "subnet-2"], "InstanceType": "kafka.t3.small"},
    "ClientAuthentication": {"Sasl": {"Iam": {"Enabled": True}}, "Unauthenticated": {"Enabled": False}},
    "KafkaVersion": "3.8.x",
    "NumberOfBrokerNodes": 2,
}


@pytest.fixture(scope="module")
def kafka(gateway):
    return gateway.client("kafka")


def active(kafka, arn):
    return eventually(
        lambda: kafka.describe_cluster_v2(ClusterArn=arn)["ClusterInfo"]["State"] == "ACTIVE", 60
    )


@pytest.fixture(scope="module")
def cluster(kafka):
    """A provisioned cluster with IAM authentication, two brokers and a configuration."""
    configuration = kafka.create_configuration(
        Name="stream",
        KafkaVersions=["3.8.x"],
        ServerProperties=b"auto.create.topics.enable=false\nlog.retention.hours=7\nmin.insync.replicas=1\n",
    )
    chosen = {"Arn": configuration["Arn"], "Revision": 1}
    answer = kafka.create_cluster_v2(
        ClusterName="stream", Tags={"a": "b"}, Provisioned={**PROVISIONED, "ConfigurationInfo": chosen}
    )
    active(kafka, answer["ClusterArn"])
    return answer["ClusterArn"]


@pytest.fixture
def topic(kafka, cluster):
    """A topic of two partitions, each on both brokers."""
    name = f"flights-{uuid.uuid4().hex[:6]}"
    kafka.create_topic(ClusterArn=cluster, TopicName=name, PartitionCount=2, ReplicationFactor=2)
    return name


@pytest.fixture(scope="module")
def role(gateway, cluster):
    """Credentials of a role that may write, and read, one topic only."""
    iam_client = gateway.client("iam")
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
    arn = iam_client.create_role(RoleName="streamer", AssumeRolePolicyDocument=json.dumps(trust))["Role"][
        "Arn"
    ]
    allowed = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": ["kafka-cluster:Connect", "kafka-cluster:WriteDataIdempotently"],
                "Resource": cluster,
            },
            {
                "Effect": "Allow",
                "Action": ["kafka-cluster:WriteData", "kafka-cluster:DescribeTopic"],
                "Resource": f"{cluster.replace(':cluster/', ':topic/')}/allowed",
            },
        ],
    }
    iam_client.put_role_policy(RoleName="streamer", PolicyName="kafka", PolicyDocument=json.dumps(allowed))
    return gateway.client("sts").assume_role(RoleArn=arn, RoleSessionName="tests")["Credentials"]


@pytest.fixture
def own(gateway):
    """Settings of the person's own client."""
    return {"bootstrap.servers": endpoint(gateway.home)["bootstrap"]}


def test_a_cluster_is_listed_and_described_as_it_was_made(kafka, cluster):
    listed = {one["ClusterArn"]: one for one in kafka.list_clusters_v2()["ClusterInfoList"]}
    described = kafka.describe_cluster_v2(ClusterArn=cluster)["ClusterInfo"]
    assert listed[cluster]["State"] == described["State"] == "ACTIVE"
    assert described["ClusterType"] == "PROVISIONED"
    assert described["Provisioned"]["CurrentBrokerSoftwareInfo"]["KafkaVersion"] == "3.8.x"
    assert described["Provisioned"]["NumberOfBrokerNodes"] == 2
    assert described["Tags"] == {"a": "b"}


def test_brokers_are_named_for_the_ways_to_authenticate_only(kafka, cluster):
    brokers = kafka.get_bootstrap_brokers(ClusterArn=cluster)
    brokers.pop("ResponseMetadata")
    assert list(brokers) == ["BootstrapBrokerStringSaslIam"]
    addresses = brokers["BootstrapBrokerStringSaslIam"].split(",")
    assert len(addresses) == len(kafka.list_nodes(ClusterArn=cluster)["NodeInfoList"]) == 2
    assert all(processes.listening(int(address.rpartition(":")[2])) for address in addresses)


@pytest.mark.parametrize(
    "change",
    [
        {"KafkaVersion": "3.6.0"},
        {"ClientAuthentication": {"Sasl": {"Scram": {"Enabled": True}}}},
        {"ClientAuthentication": {"Tls": {"Enabled": True}}},
    ],
)
def test_what_no_broker_here_can_do_is_refused(kafka, change):
    with pytest.raises(kafka.exceptions.BadRequestException, match="is not"):
        kafka.create_cluster_v2(ClusterName="refused", Provisioned={**PROVISIONED, **change})


def test_a_configuration_has_revisions(kafka):
    made = kafka.create_configuration(
        Name="revised", KafkaVersions=["3.8.x"], ServerProperties=b"num.partitions=1"
    )
    kafka.update_configuration(Arn=made["Arn"], ServerProperties=b"num.partitions=2")
    first, second = (
        kafka.describe_configuration_revision(Arn=made["Arn"], Revision=number)["ServerProperties"]
        for number in (1, 2)
    )
    assert (first, second) == (b"num.partitions=1", b"num.partitions=2")
    assert kafka.describe_configuration(Arn=made["Arn"])["LatestRevision"]["Revision"] == 2


def encoded(settings: object) -> str:
    """Topic settings as MSK documents them."""
    return base64.b64encode(json.dumps(settings).encode()).decode()


def settings_of(kafka, cluster, topic):
    return json.loads(base64.b64decode(kafka.describe_topic(ClusterArn=cluster, TopicName=topic)["Configs"]))


@pytest.mark.parametrize(
    "properties",
    [base64.b64encode(b"num.partitions=1"), b"no.such.property=1", b"num.partitions 1", b"\xff\xfe"],
    ids=["encoded twice", "unknown", "no line of key=value", "not text"],
)
def test_server_properties_that_msk_does_not_support_are_refused(kafka, properties):
    with pytest.raises(kafka.exceptions.BadRequestException):
        kafka.create_configuration(Name="refused", KafkaVersions=["3.8.x"], ServerProperties=properties)


def test_a_topic_is_what_the_brokers_have(kafka, cluster):
    configs = encoded({"cleanup.policy": "compact", "retention.ms": "1000"})
    kafka.create_topic(
        ClusterArn=cluster, TopicName="kept", PartitionCount=1, ReplicationFactor=2, Configs=configs
    )
    kafka.update_topic(ClusterArn=cluster, TopicName="kept", PartitionCount=3)
    found = eventually(
        lambda: (
            (described := kafka.describe_topic(ClusterArn=cluster, TopicName="kept"))["PartitionCount"] == 3
            and described
        )
    )
    assert found["ReplicationFactor"] == 2
    own = settings_of(kafka, cluster, "kept")
    assert (own["cleanup.policy"], own["retention.ms"]) == ("compact", "1000")
    assert own["min.insync.replicas"] == "1", "what the cluster's configuration says"
    kafka.update_topic(ClusterArn=cluster, TopicName="kept", Configs=encoded({"retention.ms": "2000"}))
    assert eventually(lambda: settings_of(kafka, cluster, "kept").get("retention.ms") == "2000")
    assert "cleanup.policy" not in settings_of(kafka, cluster, "kept")
    with pytest.raises(ClientError, match="TopicExists"):
        kafka.create_topic(ClusterArn=cluster, TopicName="kept", PartitionCount=2, ReplicationFactor=2)
    kafka.delete_topic(ClusterArn=cluster, TopicName="kept")
    assert eventually(lambda: gone(kafka, cluster, "kept"))


@pytest.mark.parametrize(
    "configs",
    [
        base64.b64encode(b"cleanup.policy=compact\nretention.ms=1000\n").decode(),
        '{"retention.ms": "1000"}',
        encoded(["retention.ms", "1000"]),
        encoded({"retention.ms": 1000}),
        encoded({"no.such.setting": "1"}),
        encoded({"retention.ms": "soon"}),
    ],
    ids=["lines", "not encoded", "a list", "a number", "unknown", "invalid"],
)
def test_topic_settings_are_base64_of_a_json_object_of_strings_that_kafka_takes(kafka, cluster, configs):
    named = {"ClusterArn": cluster, "TopicName": "refused"}
    with pytest.raises(kafka.exceptions.BadRequestException):
        kafka.create_topic(**named, PartitionCount=1, ReplicationFactor=2, Configs=configs)
    assert gone(kafka, cluster, "refused")


def test_an_update_is_either_of_partitions_or_of_settings(kafka, cluster, topic):
    named = {"ClusterArn": cluster, "TopicName": topic}
    for change in ({}, {"PartitionCount": 3, "Configs": encoded({"retention.ms": "1000"})}):
        with pytest.raises(kafka.exceptions.BadRequestException, match="either configs or partitionCount"):
            kafka.update_topic(**named, **change)


def test_a_template_changes_partitions_and_settings_of_a_topic_at_once(gateway, kafka, cluster):
    def template(partitions: int, settings: dict[str, str]) -> str:
        properties = {
            "ClusterArn": cluster,
            "TopicName": "deployed",
            "PartitionCount": partitions,
            "ReplicationFactor": 2,
            "Configs": {"Fn::Base64": json.dumps(settings)},
        }
        return json.dumps({"Resources": {"Topic": {"Type": "AWS::MSK::Topic", "Properties": properties}}})

    cloudformation = gateway.client("cloudformation")
    cloudformation.create_stack(StackName="topic", TemplateBody=template(1, {"retention.ms": "1000"}))
    cloudformation.get_waiter("stack_create_complete").wait(StackName="topic", WaiterConfig={"Delay": 1})
    cloudformation.update_stack(StackName="topic", TemplateBody=template(2, {"cleanup.policy": "compact"}))
    cloudformation.get_waiter("stack_update_complete").wait(StackName="topic", WaiterConfig={"Delay": 1})
    found = kafka.describe_topic(ClusterArn=cluster, TopicName="deployed")
    own = settings_of(kafka, cluster, "deployed")
    assert found["PartitionCount"] == 2
    assert own["cleanup.policy"] == "compact"
    assert "retention.ms" not in own or own["retention.ms"] != "1000"


def gone(kafka, cluster, topic):
    try:
        kafka.describe_topic(ClusterArn=cluster, TopicName=topic)
    except kafka.exceptions.NotFoundException:
        return True
    return False


def test_more_replicas_than_brokers_are_refused_by_kafka(kafka, cluster):
    with pytest.raises(kafka.exceptions.BadRequestException, match="eplication"):
        kafka.create_topic(ClusterArn=cluster, TopicName="wide", PartitionCount=1, ReplicationFactor=3)


def test_the_brokers_run_the_deployed_configuration(gateway, cluster, own):
    text = next(gateway.home.glob("kafka/*/1/server.properties")).read_text()
    assert "log.retention.hours=7\n" in text
    assert (
        Producer(own).list_topics("nobody-made-this", timeout=60).topics["nobody-made-this"].error is not None
    )


def test_a_stock_client_without_settings_reads_from_the_endpoint(kafka, cluster, topic, own):
    from kafka import KafkaConsumer

    send(own, topic, [b"1", b"2", b"3"], key=b"one flight")
    consumer = KafkaConsumer(
        topic,
        bootstrap_servers=own["bootstrap.servers"].split(","),
        auto_offset_reset="earliest",
        consumer_timeout_ms=60_000,
    )
    assert [next(consumer).value for _ in range(3)] == [b"1", b"2", b"3"]
    consumer.close()


def test_a_client_signs_in_by_iam_over_tls_and_is_held_against_its_policies(gateway, kafka, cluster, role):
    kafka.create_topic(ClusterArn=cluster, TopicName="allowed", PartitionCount=1, ReplicationFactor=2)
    bootstrap = kafka.get_bootstrap_brokers(ClusterArn=cluster)["BootstrapBrokerStringSaslIam"]
    settings = iam(bootstrap, endpoint(gateway.home)["ca"], role)
    send(settings, "allowed", [b"mine"])
    denials = gateway.home / "would_deny.jsonl"
    assert "kafka-cluster" not in denials.read_text()
    assert read(settings, "allowed", 1, group="unnamed") == [b"mine"]
    denied = [json.loads(line) for line in denials.read_text().splitlines()]
    assert {entry["action"] for entry in denied} >= {"kafka-cluster:ReadData", "kafka-cluster:AlterGroup"}
    calls = [json.loads(line) for line in (gateway.home / "callers.jsonl").read_text().splitlines()]
    connected = {call["caller"] for call in calls if call["operation"] == "Connect"}
    assert any("assumed-role/streamer/" in caller for caller in connected)


def test_a_wrong_signature_does_not_get_in(gateway, kafka, cluster, role):
    bootstrap = kafka.get_bootstrap_brokers(ClusterArn=cluster)["BootstrapBrokerStringSaslIam"]
    forged = {**role, "SecretAccessKey": "A" * 40}
    producer = Producer(iam(bootstrap, endpoint(gateway.home)["ca"], forged))
    with pytest.raises(KafkaException):
        producer.list_topics(timeout=4)


def test_a_small_broker_refuses_the_fifth_new_connection_in_a_second_and_takes_it_later(
    gateway, kafka, cluster, role
):
    """docs.aws.amazon.com/msk/latest/developerguide/limits.html; aws/aws-msk-iam-auth#28 has the error."""
    bootstrap = kafka.get_bootstrap_brokers(ClusterArn=cluster)["BootstrapBrokerStringSaslIam"]
    errors: list[KafkaError] = []
    settings = iam(bootstrap.partition(",")[0], endpoint(gateway.home)["ca"], role)
    clients: list[Producer] = []

    def refused():
        # A client's constructor waits for its token: side by side they connect at the same moment. A loaded
        # machine may let them in so slowly that none is too fast: then others try.
        with ThreadPoolExecutor(12) as pool:
            made = pool.map(lambda _: Producer({**settings, "error_cb": errors.append}), range(12))
            clients.extend(made)
        until = time.monotonic() + 3
        while time.monotonic() < until:
            for client in clients:
                client.poll(0.01)
        return [error for error in errors if "Too many connects" in error.str()]

    found = eventually(refused)
    assert {error.code() for error in found} == {KafkaError._AUTHENTICATION}
    assert not any(error.retriable() for error in found)
    assert all(client.list_topics(timeout=60).brokers for client in clients)


@pytest.mark.parametrize(
    ("details", "limit"),
    [
        ({"BrokerNodeGroupInfo": {"InstanceType": "kafka.t3.small"}}, 4),
        ({"BrokerNodeGroupInfo": {"InstanceType": "kafka.m7g.large"}}, 100),
        ({"VpcConfigs": []}, 100),
    ],
    ids=["small", "large", "serverless"],
)
def test_other_brokers_take_more_connections(details, limit):
    assert kafka_brokers.connections_per_second(details) == limit


def test_a_client_that_does_not_trust_the_authority_does_not_connect(kafka, cluster, role):
    import certifi

    bootstrap = kafka.get_bootstrap_brokers(ClusterArn=cluster)["BootstrapBrokerStringSaslIam"]
    producer = Producer(iam(bootstrap, certifi.where(), role))
    with pytest.raises(KafkaException):
        producer.list_topics(timeout=3)


def test_records_outlive_the_reboot_of_each_broker(kafka, cluster, topic, own):
    send(own, topic, [b"before"], key=b"k")
    for broker in ("1", "2"):
        kafka.reboot_broker(ClusterArn=cluster, BrokerIds=[broker])
        # One broker is down: the other one leads and takes records.
        send(own, topic, [f"during {broker}".encode()], key=b"k")
        active(kafka, cluster)
    assert read(own, topic, 3, group="after") == [b"before", b"during 1", b"during 2"]


def test_an_update_needs_the_current_version_and_restarts_with_new_settings(gateway, kafka, cluster):
    with pytest.raises(kafka.exceptions.BadRequestException):
        kafka.update_monitoring(ClusterArn=cluster, CurrentVersion="K0", EnhancedMonitoring="PER_BROKER")
    described = kafka.describe_cluster_v2(ClusterArn=cluster)["ClusterInfo"]
    kafka.update_monitoring(
        ClusterArn=cluster, CurrentVersion=described["CurrentVersion"], EnhancedMonitoring="PER_BROKER"
    )
    active(kafka, cluster)
    described = kafka.describe_cluster_v2(ClusterArn=cluster)["ClusterInfo"]
    assert described["Provisioned"]["EnhancedMonitoring"] == "PER_BROKER"
    arn = described["Provisioned"]["CurrentBrokerSoftwareInfo"]["ConfigurationArn"]
    kafka.update_configuration(Arn=arn, ServerProperties=b"log.retention.hours=9\n")
    kafka.update_cluster_configuration(
        ClusterArn=cluster,
        CurrentVersion=described["CurrentVersion"],
        ConfigurationInfo={"Arn": arn, "Revision": 2},
    )
    active(kafka, cluster)
    assert "log.retention.hours=9\n" in next(gateway.home.glob("kafka/*/2/server.properties")).read_text()


def test_a_deleted_cluster_leaves_no_process(kafka, cluster, gateway):
    kafka.delete_cluster(ClusterArn=cluster)
    assert not [name for name in processes.names() if name.startswith("kafka-")]
    with pytest.raises(kafka.exceptions.NotFoundException):
        kafka.describe_cluster_v2(ClusterArn=cluster)
