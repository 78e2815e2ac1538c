"""MSK: clusters, serverless clusters, configurations, topics."""

from __future__ import annotations

import time
from typing import Any

from local.resources.provisioner import Context, Created, Properties, ResourceType, call, resource_type
from local.services import kafka_topics
from local.services.clients import client

READY_SECONDS = 90


@resource_type("AWS::MSK::Configuration")
class Configuration(ResourceType):
    """A configuration; a change of its properties or description is a new revision."""

    create_only = frozenset({"Name", "KafkaVersionsList"})

    def create(self, props: Properties, context: Context) -> Created:
        made = call(
            "kafka",
            "create_configuration",
            {
                "Name": props["Name"],
                "Description": props.get("Description", ""),
                "KafkaVersions": props.get("KafkaVersionsList", []),
                "ServerProperties": props["ServerProperties"],
            },
        )
        return self._created(made["Arn"])

    def update(self, physical_id: str, old: Properties, new: Properties, context: Context) -> Created:
        if any(old.get(name) != new.get(name) for name in self.create_only):
            return self.create(new, context)
        client("kafka").update_configuration(
            Arn=physical_id,
            Description=new.get("Description", ""),
            ServerProperties=new["ServerProperties"],
        )
        return self._created(physical_id)

    def _created(self, arn: str) -> Created:
        latest = client("kafka").describe_configuration(Arn=arn)["LatestRevision"]
        return Created(
            arn,
            {
                "Arn": arn,
                "LatestRevision.Revision": latest["Revision"],
                "LatestRevision.Description": latest["Description"],
                "LatestRevision.CreationTime": latest["CreationTime"].isoformat(),
            },
        )

    def delete(self, physical_id: str, props: Properties, context: Context) -> None:
        client("kafka").delete_configuration(Arn=physical_id)

    def describe(self, physical_id: str) -> dict[str, Any]:
        kafka = client("kafka")
        found = kafka.describe_configuration(Arn=physical_id)
        number = found["LatestRevision"]["Revision"]
        latest = kafka.describe_configuration_revision(Arn=physical_id, Revision=number)
        properties = latest["ServerProperties"].decode()
        return {
            **found,
            "Description": latest["Description"],
            "KafkaVersionsList": found["KafkaVersions"],
            "ServerProperties": properties,
        }


@resource_type("AWS::MSK::Cluster")
class Cluster(ResourceType):
    """A provisioned cluster."""

    create_only = frozenset({"ClusterName"})

    def create(self, props: Properties, context: Context) -> Created:
        details = {key: value for key, value in props.items() if key not in ("ClusterName", "Tags")}
        details.pop("CurrentVersion", None)
        wanted = {
            "ClusterName": props["ClusterName"],
            "Provisioned": details,
            "Tags": props.get("Tags", {}),
        }
        arn = call("kafka", "create_cluster_v2", wanted)["ClusterArn"]
        _wait(arn)
        return Created(arn, {"Arn": arn})

    def update(self, physical_id: str, old: Properties, new: Properties, context: Context) -> Created:
        if any(old.get(name) != new.get(name) for name in self.create_only):
            return self.create(new, context)
        for method, params in _cluster_changes(old, new):
            version = self.describe(physical_id)["CurrentVersion"]
            call("kafka", method, {"ClusterArn": physical_id, "CurrentVersion": version, **params})
            _wait(physical_id)
        gone = sorted(set(old.get("Tags", {})) - set(new.get("Tags", {})))
        if gone:
            client("kafka").untag_resource(ResourceArn=physical_id, TagKeys=gone)
        if new.get("Tags"):
            client("kafka").tag_resource(ResourceArn=physical_id, Tags=new["Tags"])
        return Created(physical_id, {"Arn": physical_id})

    def delete(self, physical_id: str, props: Properties, context: Context) -> None:
        client("kafka").delete_cluster(ClusterArn=physical_id)

    def describe(self, physical_id: str) -> dict[str, Any]:
        found = client("kafka").describe_cluster_v2(ClusterArn=physical_id)["ClusterInfo"]
        details = found["Provisioned"]
        software = details["CurrentBrokerSoftwareInfo"]
        configuration = {
            "Arn": software.get("ConfigurationArn"),
            "Revision": software.get("ConfigurationRevision"),
        }
        return {**found, **details, **software, "ConfigurationInfo": configuration}


def _wait(arn: str) -> None:
    """Wait until the cluster is ACTIVE. RuntimeError when it fails, TimeoutError."""
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        found = client("kafka").describe_cluster_v2(ClusterArn=arn)["ClusterInfo"]
        if found["State"] == "ACTIVE":
            return
        if found["State"] == "FAILED":
            raise RuntimeError(found.get("StateInfo", {}).get("Message", f"{arn} failed"))
        time.sleep(0.1)
    raise TimeoutError(f"{arn} did not become ACTIVE in {READY_SECONDS} s")


def _cluster_changes(old: Properties, new: Properties) -> list[tuple[str, dict[str, Any]]]:
    """The calls that turn one provisioned cluster's properties into the other's, in MSK's terms."""

    def changed(*names: str) -> dict[str, Any]:
        return {name: new[name] for name in names if name in new and new[name] != old.get(name)}

    calls: list[tuple[str, dict[str, Any]]] = []
    if monitoring := changed("EnhancedMonitoring", "OpenMonitoring", "LoggingInfo"):
        calls.append(("update_monitoring", monitoring))
    if security := changed("ClientAuthentication", "EncryptionInfo"):
        calls.append(("update_security", security))
    if "NumberOfBrokerNodes" in changed("NumberOfBrokerNodes"):
        calls.append(("update_broker_count", {"TargetNumberOfBrokerNodes": new["NumberOfBrokerNodes"]}))
    before, after = old["BrokerNodeGroupInfo"], new["BrokerNodeGroupInfo"]
    if before["InstanceType"] != after["InstanceType"]:
        calls.append(("update_broker_type", {"TargetInstanceType": after["InstanceType"]}))
    if before.get("StorageInfo") != after.get("StorageInfo"):
        size = after["StorageInfo"]["EBSStorageInfo"]["VolumeSize"]
        volumes = [{"KafkaBrokerNodeId": "All", "VolumeSizeGB": size}]
        calls.append(("update_broker_storage", {"TargetBrokerEBSVolumeInfo": volumes}))
    configuration = changed("ConfigurationInfo")
    if "KafkaVersion" in changed("KafkaVersion"):
        version = {"TargetKafkaVersion": new["KafkaVersion"]}
        calls.append(("update_cluster_kafka_version", {**version, **configuration}))
    elif configuration:
        calls.append(("update_cluster_configuration", configuration))
    return calls


@resource_type("AWS::MSK::ServerlessCluster")
class ServerlessCluster(ResourceType):
    """A serverless cluster; apart from its tags, every change replaces it."""

    def create(self, props: Properties, context: Context) -> Created:
        wanted = {
            "ClusterName": props["ClusterName"],
            "Serverless": {
                "VpcConfigs": [
                    {"SubnetIds": one["SubnetIds"], "SecurityGroupIds": one.get("SecurityGroups", [])}
                    for one in props["VpcConfigs"]
                ],
                "ClientAuthentication": props["ClientAuthentication"],
            },
            "Tags": props.get("Tags", {}),
        }
        arn = call("kafka", "create_cluster_v2", wanted)["ClusterArn"]
        _wait(arn)
        return Created(arn, {"Arn": arn})

    def delete(self, physical_id: str, props: Properties, context: Context) -> None:
        client("kafka").delete_cluster(ClusterArn=physical_id)

    def describe(self, physical_id: str) -> dict[str, Any]:
        found = client("kafka").describe_cluster_v2(ClusterArn=physical_id)["ClusterInfo"]
        return {**found, **found["Serverless"]}


@resource_type("AWS::MSK::Topic")
class Topic(ResourceType):
    """A topic of a provisioned cluster."""

    create_only = frozenset({"ClusterArn", "TopicName", "ReplicationFactor"})

    def create(self, props: Properties, context: Context) -> Created:
        arn = call("kafka", "create_topic", props)["TopicArn"]
        return Created(arn, {"TopicArn": arn})

    def update(self, physical_id: str, old: Properties, new: Properties, context: Context) -> Created:
        if any(old.get(name) != new.get(name) for name in self.create_only):
            return self.create(new, context)
        named = {"ClusterArn": new["ClusterArn"], "TopicName": new["TopicName"]}
        # MSK takes one of both in a call; settings that a template no longer has are the cluster's again.
        for name, unset in (("PartitionCount", None), ("Configs", kafka_topics.encoded({}))):
            wanted = new.get(name, unset)
            if wanted != old.get(name, unset):
                call("kafka", "update_topic", {**named, name: wanted})
        return Created(physical_id, {"TopicArn": physical_id})

    def delete(self, physical_id: str, props: Properties, context: Context) -> None:
        client("kafka").delete_topic(ClusterArn=props["ClusterArn"], TopicName=props["TopicName"])

    def describe(self, physical_id: str) -> dict[str, Any]:
        cluster, _, name = physical_id.replace(":topic/", ":cluster/").rpartition("/")
        found = client("kafka").describe_topic(ClusterArn=cluster, TopicName=name)
        # MSK answers the cluster's settings, too.
        own = kafka_topics.encoded(kafka_topics.own_settings(cluster, name))
        return {**found, "ClusterArn": cluster, "Configs": own}
