"""Event source mappings of MSK: the deployed configuration on real Kafka, with the function's own rights."""

from __future__ import annotations

import io
import json
import time
import uuid
import zipfile
from dataclasses import dataclass

import pytest
from botocore.exceptions import ClientError

from local.layout import ACCOUNT, REGION
from tests.local.kafka_clients import endpoint, eventually, send
from tests.local.test_state import restart

pytestmark = [pytest.mark.gateway, pytest.mark.timeout(240)]

HANDLER = """
import base64, json, os, boto3

sqs = boto3.client("sqs")
url = sqs.get_queue_url(QueueName="seen")["QueueUrl"]

def handler(event, context):
    failed, seen = [], []
    for place, records in event["records"].items():
        for record in records:
            value = base64.b64decode(record["value"]).decode()
            if value.startswith("poison"):
                if value == "poison alone":
                    failed.append({"itemIdentifier": {"partition": place, "offset": record["offset"]}})
                    continue
                raise ValueError(value)
            seen.append([value, record["topic"], record["partition"], record["offset"]])
    letter = {"seen": seen, "size": sum(map(len, event["records"].values())), "source": event["eventSource"]}
    sqs.send_message(QueueUrl=url, MessageBody=json.dumps(letter))
    return {"batchItemFailures": failed}
"""
GROUP = "readers"


@dataclass
class Reading:
    """A cluster with a topic, and a function that tells a queue what it was handed."""

    gateway: object
    cluster: str
    function: str
    queue: str

    def topic(self, partitions=2):
        name = f"events-{uuid.uuid4().hex[:6]}"
        self.gateway.client("kafka").create_topic(
            ClusterArn=self.cluster, TopicName=name, PartitionCount=partitions, ReplicationFactor=2
        )
        return name

    def send(self, topic, *values):
        send(
            {"bootstrap.servers": endpoint(self.gateway.home)["bootstrap"]},
            topic,
            [v.encode() for v in values],
        )

    def map(self, topic, **settings):
        return self.gateway.client("lambda").create_event_source_mapping(
            FunctionName=self.function,
            EventSourceArn=self.cluster,
            Topics=[topic],
            **{
                "StartingPosition": "TRIM_HORIZON",
                "AmazonManagedKafkaEventSourceConfig": {"ConsumerGroupId": GROUP},
                **settings,
            },
        )["UUID"]

    def unmap(self, identity):
        self.gateway.client("lambda").delete_event_source_mapping(UUID=identity)

    def invocations(self, values, seconds=120):
        """The invocations until all `values` were seen."""
        sqs, found = self.gateway.client("sqs"), []
        deadline = time.monotonic() + seconds
        while {each[0] for one in found for each in one["seen"]} < set(values):
            assert time.monotonic() < deadline, found
            answer = sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10, WaitTimeSeconds=1)
            for message in answer.get("Messages", []):
                found.append(json.loads(message["Body"]))
                sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])
        return found


def statement(actions, *resources):
    return {"Effect": "Allow", "Action": actions, "Resource": list(resources)}


@pytest.fixture(scope="module")
def reading(gateway):
    kafka, iam = gateway.client("kafka"), gateway.client("iam")
    cluster = kafka.create_cluster_v2(
        ClusterName="stream",
        Provisioned={
            "BrokerNodeGroupInfo": {
                "ClientSubnets": ["subnet-1", "subnet-2"],
                "InstanceType": "kafka.t3.small",
            },
            "ClientAuthentication": {
                "Sasl": {"Iam": {"Enabled": True}},
                "Unauthenticated": {"Enabled": False},
            },
            "KafkaVersion": "3.8.x",
            "NumberOfBrokerNodes": 2,
        },
    )["ClusterArn"]
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
    role = iam.create_role(RoleName="reader", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    named = cluster.replace(":cluster/", ":{}/")
    policy = [
        statement(["kafka:DescribeClusterV2", "kafka:GetBootstrapBrokers"], cluster),
        statement(["kafka-cluster:Connect", "kafka-cluster:DescribeCluster"], cluster),
        statement(
            ["kafka-cluster:DescribeTopic", "kafka-cluster:ReadData"], named.format("topic") + "/events-*"
        ),
        statement(
            ["kafka-cluster:AlterGroup", "kafka-cluster:DescribeGroup"], named.format("group") + f"/{GROUP}"
        ),
        statement(["sqs:SendMessage", "sqs:GetQueueUrl"], f"arn:aws:sqs:{REGION}:{ACCOUNT}:*"),
    ]
    iam.put_role_policy(
        RoleName="reader",
        PolicyName="read",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": policy}),
    )
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as bundle:
        bundle.writestr("handler.py", HANDLER)
    queue = gateway.client("sqs").create_queue(QueueName="seen")["QueueUrl"]
    function = gateway.client("lambda").create_function(
        FunctionName="reader",
        Runtime="python3.13",
        Handler="handler.handler",
        Role=role,
        Timeout=30,
        Code={"ZipFile": archive.getvalue()},
    )["FunctionArn"]
    eventually(lambda: kafka.describe_cluster_v2(ClusterArn=cluster)["ClusterInfo"]["State"] == "ACTIVE")
    return Reading(gateway, cluster, function, queue)


def journal(gateway, name):
    path = gateway.home / name
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_a_topic_is_read_from_its_start_in_batches_of_the_set_size_in_order(reading):
    topic = reading.topic()
    values = [f"v{number}" for number in range(25)]
    reading.send(topic, *values)
    mapping = reading.map(topic, BatchSize=10)
    invocations = reading.invocations(values)
    reading.unmap(mapping)

    assert max(one["size"] for one in invocations) <= 10
    assert {one["source"] for one in invocations} == {"aws:kafka"}
    seen = [tuple(each[2:]) for one in invocations for each in one["seen"]]
    assert len(seen) == len(set(seen)) == 25
    for partition in (0, 1):
        offsets = [offset for place, offset in seen if place == partition]
        assert offsets == sorted(offsets)


def test_pollers_use_the_function_s_role_and_nothing_that_it_may_not(reading):
    calls = [
        call
        for call in journal(reading.gateway, "callers.jsonl")
        if ":assumed-role/reader/reader" in call["caller"]
    ]
    operations = {f"{call['service']}:{call['operation']}" for call in calls}
    assert {
        *("kafka:DescribeClusterV2", "kafka:GetBootstrapBrokers", "kafka-cluster:Connect"),
        *("kafka-cluster:ReadData", "kafka-cluster:AlterGroup"),
    } <= operations
    assert [
        each for each in journal(reading.gateway, "would_deny.jsonl") if "/reader/" in each["caller"]
    ] == []


def test_a_mapping_goes_on_where_its_group_has_committed(reading):
    topic = reading.topic()
    reading.send(topic, "a", "b")
    mapping = reading.map(topic)
    reading.invocations(["a", "b"])
    eventually(lambda: mapping_of(reading, mapping)["LastProcessingResult"] == "OK", 60)
    reading.unmap(mapping)
    reading.send(topic, "c")
    again = reading.map(topic)
    found = [each[0] for one in reading.invocations(["c"]) for each in one["seen"]]
    reading.unmap(again)
    assert found == ["c"]


def mapping_of(reading, identity):
    return reading.gateway.client("lambda").get_event_source_mapping(UUID=identity)


def test_without_a_destination_a_batch_that_fails_is_tried_until_the_function_is_repaired(reading):
    topic = reading.topic(1)
    reading.send(topic, "good", "poison")
    mapping = reading.map(topic)
    eventually(lambda: mapping_of(reading, mapping)["LastProcessingResult"].startswith("PROBLEM"), 60)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as bundle:
        bundle.writestr("handler.py", HANDLER.replace('startswith("poison")', 'startswith("venom")'))
    functions = reading.gateway.client("lambda")
    functions.update_function_code(FunctionName="reader", ZipFile=archive.getvalue())
    found = reading.invocations(["good", "poison"])
    reading.unmap(mapping)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as bundle:
        bundle.writestr("handler.py", HANDLER)
    functions.update_function_code(FunctionName="reader", ZipFile=archive.getvalue())
    assert sorted(each[0] for one in found for each in one["seen"]) == ["good", "poison"]


def test_with_provisioned_pollers_poison_is_isolated_and_told_to_the_destination(reading):
    letters = reading.gateway.client("sqs").create_queue(QueueName="given-up")["QueueUrl"]
    topic = reading.topic(1)
    reading.send(topic, "a", "b", "poison", "c", "poison alone", "d")
    mapping = reading.map(
        topic,
        ProvisionedPollerConfig={"MinimumPollers": 1, "MaximumPollers": 1},
        MaximumRetryAttempts=0,
        BisectBatchOnFunctionError=True,
        FunctionResponseTypes=["ReportBatchItemFailures"],
        DestinationConfig={"OnFailure": {"Destination": f"arn:aws:sqs:{REGION}:{ACCOUNT}:given-up"}},
    )
    found = [each[0] for one in reading.invocations(["a", "b", "c", "d"]) for each in one["seen"]]
    messages = []
    deadline = time.monotonic() + 60
    while len(messages) < 2 and time.monotonic() < deadline:
        answer = reading.gateway.client("sqs").receive_message(QueueUrl=letters, WaitTimeSeconds=1)
        messages += [json.loads(message["Body"]) for message in answer.get("Messages", [])]
    reading.unmap(mapping)
    assert sorted(found) == ["a", "b", "c", "d"]
    places = [message["KafkaBatchInfo"]["recordsInfo"][f"{topic}-0"] for message in messages]
    assert sorted(place["firstRecordOffset"] for place in places) == ["2", "4"]


def test_a_disabled_mapping_reads_nothing_until_it_is_enabled(reading):
    functions = reading.gateway.client("lambda")
    topic = reading.topic()
    mapping = reading.map(topic, Enabled=False)
    reading.send(topic, "later")
    assert functions.get_event_source_mapping(UUID=mapping)["State"] == "Disabled"
    assert functions.update_event_source_mapping(UUID=mapping, Enabled=True, BatchSize=3)["BatchSize"] == 3
    reading.invocations(["later"])
    listed = functions.list_event_source_mappings(EventSourceArn=reading.cluster)["EventSourceMappings"]
    assert [each["UUID"] for each in listed] == [mapping]
    reading.unmap(mapping)
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        functions.get_event_source_mapping(UUID=mapping)


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"MaximumRetryAttempts": 3}, "needs ProvisionedPollerConfig"),
        ({"FunctionResponseTypes": ["ReportBatchItemFailures"]}, "needs ProvisionedPollerConfig"),
        ({"FilterCriteria": {"Filters": []}}, "FilterCriteria of a Kafka event source is not emulated"),
        ({"StartingPosition": "AT_TIMESTAMP"}, "StartingPosition"),
    ],
)
def test_what_would_not_be_done_is_refused(reading, settings, problem):
    with pytest.raises(ClientError, match=problem):
        reading.map("events-none", **settings)


def test_mappings_of_queues_are_still_ministack_s(reading):
    functions = reading.gateway.client("lambda")
    arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:seen"
    made = functions.create_event_source_mapping(FunctionName="reader", EventSourceArn=arn, Enabled=False)
    listed = functions.list_event_source_mappings(FunctionName="reader")["EventSourceMappings"]
    assert made["UUID"] in [each["UUID"] for each in listed]
    functions.tag_resource(Resource=made["EventSourceMappingArn"], Tags={"a": "b"})
    assert functions.list_tags(Resource=made["EventSourceMappingArn"])["Tags"] == {"a": "b"}
    functions.delete_event_source_mapping(UUID=made["UUID"])


def test_nothing_is_lost_and_the_mapping_goes_on_after_the_embedded_aws_was_stopped_and_started(reading):
    topic = reading.topic()
    mapping = reading.map(topic)
    reading.send(topic, *[f"before{number}" for number in range(5)])
    reading.invocations([f"before{number}" for number in range(5)])
    assert restart(reading.gateway)["restore_failures"] == []
    reading.send(topic, "after")
    reading.invocations(["after"])
    reading.unmap(mapping)
