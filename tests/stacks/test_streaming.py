"""Streaming: MSK for IAM clients over TLS, provisioned or serverless."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.stacks.assembly import synthesise_core

CLUSTER = "AWS::MSK::Cluster"
SERVERLESS = "AWS::MSK::ServerlessCluster"


def server_properties(**overrides: str) -> dict[str, str]:
    text = synthesise_core(**overrides).only("AWS::MSK::Configuration", stack="Streaming")["ServerProperties"]
    return dict(line.split("=", 1) for line in text.splitlines())


def test_brokers_take_iam_clients_over_tls_only() -> None:
    cluster = synthesise_core().only(CLUSTER, stack="Streaming")

    assert cluster["ClientAuthentication"] == {
        "Sasl": {"Iam": {"Enabled": True}},
        "Unauthenticated": {"Enabled": False},
    }
    assert cluster["EncryptionInfo"]["EncryptionInTransit"] == {"ClientBroker": "TLS", "InCluster": True}
    assert "DataKey" in str(cluster["EncryptionInfo"]["EncryptionAtRest"])


@pytest.mark.parametrize("zones", [2, 3])
def test_brokers_are_a_multiple_of_their_zones(zones: int) -> None:
    assembly = synthesise_core(streaming__availability_zones=str(zones), streaming__brokers_per_zone="2")
    cluster = assembly.only(CLUSTER, stack="Streaming")

    assert len(cluster["BrokerNodeGroupInfo"]["ClientSubnets"]) == zones
    assert cluster["NumberOfBrokerNodes"] == 2 * zones


@pytest.mark.parametrize("zones", [2, 3])
def test_one_zone_may_fail_and_writers_still_write(zones: int) -> None:
    properties = server_properties(streaming__availability_zones=str(zones))

    assert int(properties["default.replication.factor"]) == zones
    assert int(properties["min.insync.replicas"]) == zones - 1
    assert properties["unclean.leader.election.enable"] == "false"
    assert properties["auto.create.topics.enable"] == "false"


def test_retention_is_the_settings() -> None:
    assert server_properties(streaming__retention_hours="5")["log.retention.hours"] == "5"


def test_the_cluster_runs_the_configuration_made_for_its_version() -> None:
    assembly = synthesise_core()
    cluster = assembly.only(CLUSTER, stack="Streaming")
    configuration = assembly.only("AWS::MSK::Configuration", stack="Streaming")

    assert configuration["KafkaVersionsList"] == [cluster["KafkaVersion"]]
    assert cluster["ConfigurationInfo"]["Revision"]["Fn::GetAtt"][1] == "LatestRevision.Revision"


def test_broker_logs_go_to_a_group_of_ours() -> None:
    assembly = synthesise_core()
    logs = assembly.only(CLUSTER, stack="Streaming")["LoggingInfo"]["BrokerLogs"]["CloudWatchLogs"]
    group = assembly.only("AWS::Logs::LogGroup", stack="Streaming")

    assert logs["Enabled"] is True
    assert group["LogGroupName"] == "/aws/vendedlogs/msk/refstack-dev-streaming"


def test_topics_have_a_replica_in_each_zone() -> None:
    assembly = synthesise_core(streaming__partitions="6")
    topics = {
        topic["Properties"]["TopicName"]: (
            topic["Properties"]["PartitionCount"],
            topic["Properties"]["ReplicationFactor"],
        )
        for topic in assembly.resources("AWS::MSK::Topic").values()
    }

    assert topics == {"flight-events": (6, 2), "flight-events-dead-letter": (1, 2), "flight-alerts": (1, 2)}


def topic_settings() -> dict[str, Any]:
    """Settings of each topic, by name: `Configs` is base64 of a JSON object."""
    return {
        topic["Properties"]["TopicName"]: json.loads(topic["Properties"]["Configs"]["Fn::Base64"])
        for topic in synthesise_core().resources("AWS::MSK::Topic").values()
    }


def test_topic_settings_are_a_json_object_of_strings() -> None:
    for settings in topic_settings().values():
        assert settings["cleanup.policy"] == "delete"
        assert settings["retention.ms"] == str(72 * 3_600_000)
        assert all(isinstance(value, str) for value in settings.values())


def test_a_dead_letter_may_be_larger_than_what_it_tells_of() -> None:
    settings = topic_settings()

    assert settings["flight-events-dead-letter"]["max.message.bytes"] == "2097152"
    assert "max.message.bytes" not in settings["flight-events"]


def test_no_way_in_is_plaintext() -> None:
    for environment in ("dev", "stage", "prod"):
        cluster = synthesise_core(environment).only(CLUSTER, stack="Streaming")
        assert "PLAINTEXT" not in str(cluster)
        assert cluster["ClientAuthentication"]["Unauthenticated"]["Enabled"] is False


def test_the_event_s_schema_is_registered_with_all_its_versions() -> None:
    assembly = synthesise_core()
    schema = assembly.only("AWS::Glue::Schema", stack="Streaming")
    (version,) = assembly.resources("AWS::Glue::SchemaVersion", stack="Streaming").values()

    assert (schema["DataFormat"], schema["Compatibility"]) == ("AVRO", "BACKWARD")
    assert "tail_number" not in schema["SchemaDefinition"]
    assert "tail_number" in version["Properties"]["SchemaDefinition"]


def test_a_serverless_cluster_takes_iam_clients_only() -> None:
    assembly = synthesise_core(streaming__kind="serverless")
    cluster = assembly.only(SERVERLESS, stack="Streaming")

    assert cluster["ClientAuthentication"] == {"Sasl": {"Iam": {"Enabled": True}}}
    assert len(cluster["VpcConfigs"][0]["SubnetIds"]) == 2
    assert assembly.resources(CLUSTER) == {}
    assert assembly.resources("AWS::MSK::Configuration") == {}


@pytest.mark.parametrize("kind", ["provisioned", "serverless"])
def test_nobody_is_let_in_before_a_client_writes_a_rule(kind: str) -> None:
    assembly = synthesise_core(streaming__kind=kind)
    group = assembly.only("AWS::EC2::SecurityGroup", stack="Streaming")

    assert "SecurityGroupIngress" not in group
    assert assembly.resources("AWS::EC2::SecurityGroupIngress", stack="Streaming") == {}


@pytest.mark.parametrize(("environment", "brokers"), [("dev", 2), ("prod", 3)])
def test_a_disk_that_fills_rings_an_alarm_for_each_broker(environment: str, brokers: int) -> None:
    alarms = [
        each["Properties"]
        for each in synthesise_core(environment)
        .resources("AWS::CloudWatch::Alarm", stack="Streaming")
        .values()
    ]

    assert {alarm["MetricName"] for alarm in alarms} == {"KafkaDataLogsDiskUsed"}
    assert sorted(alarm["Dimensions"][0]["Value"] for alarm in alarms) == [
        str(broker) for broker in range(1, brokers + 1)
    ]
    assert {alarm["Threshold"] for alarm in alarms} == {85}
