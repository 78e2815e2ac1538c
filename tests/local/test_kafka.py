"""MSK's control API: clusters of both kinds, their configurations and topics."""

from __future__ import annotations

import uuid

import pytest
from botocore.exceptions import ClientError

from local.layout import REGION

pytestmark = pytest.mark.gateway


@pytest.fixture(scope="module")
def kafka(gateway):
    return gateway.client("kafka")


@pytest.fixture
def cluster(kafka):
    """A provisioned cluster with IAM authentication and two brokers."""
    answer = kafka.create_cluster_v2(
        ClusterName=f"stream-{uuid.uuid4().hex[:8]}",
        Tags={"a": "b"},
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
    )
    yield answer["ClusterArn"]
    kafka.delete_cluster(ClusterArn=answer["ClusterArn"])


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
    assert [one.rpartition(":")[2] for one in brokers["BootstrapBrokerStringSaslIam"].split(",")] == [
        "9098",
        "9098",
    ]
    assert len(kafka.list_nodes(ClusterArn=cluster)["NodeInfoList"]) == 2


def test_a_serverless_cluster_has_iam_only(kafka):
    made = kafka.create_cluster_v2(
        ClusterName="serverless",
        Serverless={
            "VpcConfigs": [{"SubnetIds": ["subnet-1"]}],
            "ClientAuthentication": {"Sasl": {"Iam": {"Enabled": True}}},
        },
    )
    assert made["ClusterType"] == "SERVERLESS"
    assert "BootstrapBrokerStringSaslIam" in kafka.get_bootstrap_brokers(ClusterArn=made["ClusterArn"])


def test_an_update_needs_the_current_version(kafka, cluster):
    with pytest.raises(kafka.exceptions.BadRequestException):
        kafka.update_monitoring(ClusterArn=cluster, CurrentVersion="K0", EnhancedMonitoring="PER_BROKER")
    version = kafka.describe_cluster_v2(ClusterArn=cluster)["ClusterInfo"]["CurrentVersion"]
    kafka.update_monitoring(ClusterArn=cluster, CurrentVersion=version, EnhancedMonitoring="PER_BROKER")
    described = kafka.describe_cluster_v2(ClusterArn=cluster)["ClusterInfo"]
    assert described["Provisioned"]["EnhancedMonitoring"] == "PER_BROKER"
    assert described["CurrentVersion"] != version


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


def test_topics_belong_to_their_cluster(kafka, cluster):
    kafka.create_topic(ClusterArn=cluster, TopicName="flights", PartitionCount=2, ReplicationFactor=2)
    assert kafka.describe_topic(ClusterArn=cluster, TopicName="flights")["PartitionCount"] == 2
    with pytest.raises(ClientError, match="TopicExists"):
        kafka.create_topic(ClusterArn=cluster, TopicName="flights", PartitionCount=2, ReplicationFactor=2)


def test_what_does_not_exist_is_not_found(kafka):
    with pytest.raises(kafka.exceptions.NotFoundException):
        kafka.describe_cluster_v2(ClusterArn=f"arn:aws:kafka:{REGION}:000000000000:cluster/none/1")
