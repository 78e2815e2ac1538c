"""The functions behind Kafka: what Lambda reads for them, and how little each may do."""

from __future__ import annotations

from typing import Any

import pytest

from tests.stacks.assembly import synthesise
from tests.stacks.permissions import flat, permissions

NAMES = {"FlightBoard": ("flight-events", "flight-board"), "NotifyAlerts": ("flight-alerts", "notify-alerts")}
INTERFACES = {
    *("AssignPrivateIpAddresses", "CreateNetworkInterface", "DeleteNetworkInterface"),
    *("DescribeNetworkInterfaces", "DescribeSecurityGroups", "DescribeSubnets", "DescribeVpcs"),
    "UnassignPrivateIpAddresses",
}


def mapping(name: str) -> dict[str, Any]:
    found = synthesise().resources("AWS::Lambda::EventSourceMapping", stack="Ingestion")
    (resource,) = [each for key, each in found.items() if key.startswith(f"Ingestion/Consumers{name}Source")]
    return resource


def function(name: str) -> dict[str, Any]:
    found = synthesise().resources("AWS::Lambda::Function", stack="Ingestion")
    (each,) = [each for key, each in found.items() if key.startswith(f"Ingestion/Consumers{name}")]
    return each["Properties"]


@pytest.mark.parametrize("name", NAMES)
def test_lambda_reads_a_topic_from_its_start_in_a_group_of_a_known_name(name: str) -> None:
    topic, purpose = NAMES[name]
    properties = mapping(name)["Properties"]

    assert properties["Topics"] == [topic]
    assert properties["StartingPosition"] == "TRIM_HORIZON"
    group = properties["AmazonManagedKafkaEventSourceConfig"]["ConsumerGroupId"]
    assert group == f"refstack-dev-{purpose.replace('-', '_')}" or group == f"refstack-dev-{purpose}"
    assert name in flat(properties["FunctionName"])


@pytest.mark.parametrize("name", NAMES)
def test_a_failed_batch_is_never_given_up(name: str) -> None:
    properties = mapping(name)["Properties"]

    assert not {"DestinationConfig", "MaximumRetryAttempts", "MaximumRecordAgeInSeconds"} & set(properties)


@pytest.mark.parametrize("name", NAMES)
def test_a_mapping_is_made_once_its_function_may_read(name: str) -> None:
    assert any(f"Consumers{name}RoleDefaultPolicy" in each for each in mapping(name)["DependsOn"])


def test_the_pollers_start_one_after_the_other() -> None:
    """A small broker takes four new connections a second."""
    assert any("ConsumersFlightBoardSource" in each for each in mapping("NotifyAlerts")["DependsOn"])


@pytest.mark.parametrize("name", NAMES)
def test_a_function_reads_its_own_topic_in_its_own_group_and_writes_none(name: str) -> None:
    allowed = permissions(synthesise(), "Ingestion", f"Consumers{name}Role")
    group = mapping(name)["Properties"]["AmazonManagedKafkaEventSourceConfig"]["ConsumerGroupId"]

    assert allowed.of_service("kafka-cluster") == {
        *("AlterGroup", "Connect", "DescribeCluster", "DescribeClusterDynamicConfiguration", "DescribeGroup"),
        *("DescribeTopic", "ReadData"),
    }
    (topic,) = allowed.resources["kafka-cluster:ReadData"]
    assert topic.endswith(f"/{NAMES[name][0]}")
    (readers,) = allowed.resources["kafka-cluster:AlterGroup"]
    assert readers.endswith(f"/{group}")
    assert allowed.of_service("kafka") == {"DescribeCluster", "DescribeClusterV2", "GetBootstrapBrokers"}
    assert allowed.of_service("ec2") == INTERFACES


def test_the_board_s_function_reads_one_secret_and_writes_dead_letters() -> None:
    allowed = permissions(synthesise(), "Ingestion", "ConsumersFlightBoardRole")

    (secret,) = allowed.resources["secretsmanager:GetSecretValue"]
    assert "FlightBoard" in secret
    assert allowed.of_service("sqs") == {"SendMessage"}
    assert allowed.of_service("kms") == {"Decrypt"}
    assert allowed.of_service("glue") == {
        *("GetSchemaByDefinition", "GetSchemaVersion", "ListSchemaVersions"),
    }
    assert allowed.resources["glue:GetSchemaVersion"] == {"*"}
    assert "*" not in allowed.resources["glue:ListSchemaVersions"]
    assert not allowed.of_service("rds")


def test_the_alerts_function_publishes_notes_and_nothing_else() -> None:
    allowed = permissions(synthesise(), "Ingestion", "ConsumersNotifyAlertsRole")

    assert allowed.of_service("sns") == {"Publish"}
    assert allowed.of_service("dynamodb") == {"GetItem", "PutItem"}
    assert allowed.of_service("secretsmanager") == set()


def test_what_was_told_is_forgotten_after_a_while() -> None:
    tables = synthesise().resources("AWS::DynamoDB::Table", stack="Ingestion")
    (table,) = [each["Properties"] for key, each in tables.items() if "ToldAlerts" in key]

    assert table["TimeToLiveSpecification"] == {"AttributeName": "expires", "Enabled": True}
    assert "DataKey" in flat(table["SSESpecification"]["KMSMasterKeyId"])


def test_only_the_board_s_function_is_in_the_vpc_in_private_subnets() -> None:
    subnets = function("FlightBoard")["VpcConfig"]["SubnetIds"]

    assert len(subnets) == 3
    assert all("private" in str(each) for each in subnets)
    assert "VpcConfig" not in function("NotifyAlerts")


def test_a_letter_and_a_blocked_topic_ring_alarms() -> None:
    alarms = synthesise().resources("AWS::CloudWatch::Alarm", stack="Ingestion").values()
    metrics = sorted(each["Properties"]["MetricName"] for each in alarms)
    lags = [each["Properties"] for each in alarms if each["Properties"]["MetricName"] == "SumOffsetLag"]

    assert metrics == ["ApproximateNumberOfMessagesVisible"] * 2 + ["Errors"] * 2 + ["SumOffsetLag"] * 2
    assert {tuple(each["Value"] for each in lag["Dimensions"]) for lag in lags} == {
        ("refstack-dev-streaming", "refstack-dev-flight_board", "flight-events"),
        ("refstack-dev-streaming", "refstack-dev-notify_alerts", "flight-alerts"),
    }
    assert all("Alerts" in str(each["Properties"]["AlarmActions"]) for each in alarms)


def test_pollers_reach_the_brokers_and_aws_through_the_cluster_s_group() -> None:
    assembly = synthesise()
    (ingress,) = [
        each["Properties"]
        for each in assembly.resources("AWS::EC2::SecurityGroupIngress", stack="Streaming").values()
        if "Pollers" in each["Properties"]["Description"]
    ]
    group = assembly.only("AWS::EC2::SecurityGroup", stack="Streaming")

    assert ingress["SourceSecurityGroupId"] == ingress["GroupId"]
    assert (ingress["FromPort"], ingress["ToPort"]) == (9098, 9098)
    assert {(rule["CidrIp"], rule["FromPort"]) for rule in group["SecurityGroupEgress"]} == {
        ("0.0.0.0/0", 443)
    }
    subnets = assembly.only("AWS::MSK::Cluster", stack="Streaming")["BrokerNodeGroupInfo"]["ClientSubnets"]
    assert all("private" in str(each) for each in subnets)


def test_without_a_stream_there_are_no_consumers() -> None:
    assembly = synthesise(stacks__streaming="false")

    assert assembly.resources("AWS::Lambda::EventSourceMapping") == {}
    assert len(assembly.resources("AWS::Lambda::Function", stack="Ingestion")) == 5
