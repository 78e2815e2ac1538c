"""MSK's control API: clusters, v1 and v2, described as they were asked for; Apache Kafka runs behind them."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime
from typing import Any

from local.engines import kafka
from local.services import kafka_brokers
from local.services.service import Request, Service, ServiceError

service = Service("kafka", validation_error="BadRequestException")

_clusters = service.state("clusters")
BOOTSTRAP = {
    kafka.IAM: "BootstrapBrokerStringSaslIam",
    kafka.TLS: "BootstrapBrokerStringTls",
    kafka.PLAINTEXT: "BootstrapBrokerString",
}

_VERSIONS = ("3.6.0", "3.7.x", "3.7.x.kraft", "3.8.x", "3.8.x.kraft", "3.9.x", "3.9.x.kraft", "4.0.x.kraft")


@service.operation("CreateClusterV2")
def create_cluster_v2(request: Request) -> dict[str, Any]:
    """Make a provisioned or a serverless cluster."""
    params = request.params
    if ("Provisioned" in params) == ("Serverless" in params):
        raise _bad_request("Give either Provisioned or Serverless", "provisioned")
    kind = "PROVISIONED" if "Provisioned" in params else "SERVERLESS"
    details = params.get("Provisioned") or params["Serverless"]
    made = _create(request, kind, details)
    return {**_named(made), "ClusterType": kind}


@service.operation("CreateCluster")
def create_cluster(request: Request) -> dict[str, Any]:
    """Make a provisioned cluster by the first API."""
    details = {key: value for key, value in request.params.items() if key not in ("ClusterName", "Tags")}
    return _named(_create(request, "PROVISIONED", details))


@service.operation("DescribeClusterV2")
def describe_cluster_v2(request: Request) -> dict[str, Any]:
    """One cluster of either kind."""
    return {"ClusterInfo": _info_v2(cluster_of(request))}


@service.operation("DescribeCluster")
def describe_cluster(request: Request) -> dict[str, Any]:
    """One provisioned cluster, as the first API describes it."""
    cluster = cluster_of(request)
    return {"ClusterInfo": {**_info_v2(cluster), **_provisioned(cluster)}}


@service.operation("ListClustersV2")
def list_clusters_v2(request: Request) -> dict[str, Any]:
    """Clusters by name prefix and kind."""
    return {"ClusterInfoList": [_info_v2(cluster) for cluster in _listed(request)]}


@service.operation("ListClusters")
def list_clusters(request: Request) -> dict[str, Any]:
    """Provisioned clusters by name prefix."""
    found = [cluster for cluster in _listed(request) if cluster["kind"] == "PROVISIONED"]
    return {"ClusterInfoList": [{**_info_v2(one), **_provisioned(one)} for one in found]}


@service.operation("DeleteCluster")
def delete_cluster(request: Request) -> dict[str, Any]:
    """Stop a cluster and delete what it holds."""
    cluster = cluster_of(request)
    kafka_brokers.drop(cluster)
    del _clusters[cluster["arn"]]
    return {"ClusterArn": cluster["arn"], "State": "DELETING"}


@service.operation("GetBootstrapBrokers")
def get_bootstrap_brokers(request: Request) -> dict[str, Any]:
    """Addresses of a cluster's brokers, for the ways to authenticate that it has."""
    cluster = cluster_of(request)
    if cluster["state"] == "CREATING":
        raise _bad_request("The cluster is being created", "clusterArn")
    engine = kafka_brokers.engine_of(cluster)
    return {BOOTSTRAP[listener]: engine.bootstrap(listener) for listener in engine.listeners}


@service.operation("ListNodes")
def list_nodes(request: Request) -> dict[str, Any]:
    """The broker nodes of a provisioned cluster."""
    cluster = cluster_of(request)
    details = cluster["details"]
    subnets = details.get("BrokerNodeGroupInfo", {}).get("ClientSubnets", [])
    nodes = [
        {
            "NodeType": "BROKER",
            "NodeARN": f"{cluster['arn']}/broker/{number + 1}",
            "InstanceType": details["BrokerNodeGroupInfo"]["InstanceType"],
            "BrokerNodeInfo": {"BrokerId": number + 1, "ClientSubnet": subnets[number % len(subnets)]},
        }
        for number in range(details.get("NumberOfBrokerNodes", 0))
    ]
    return {"NodeInfoList": nodes}


@service.operation("ListKafkaVersions")
def list_kafka_versions(request: Request) -> dict[str, Any]:
    """The Kafka versions that MSK offers."""
    return {"KafkaVersions": [{"Version": version, "Status": "ACTIVE"} for version in _VERSIONS]}


def _updates(*members: str) -> Any:
    """A handler that changes members of a provisioned cluster's details."""

    def update(request: Request) -> dict[str, Any]:
        cluster = cluster_of(request)
        if request.params.get("CurrentVersion") not in (None, cluster["version"]):
            raise _bad_request("The cluster has another current version", "currentVersion")
        for member in members:
            if member in request.params:
                cluster["details"][member] = request.params[member]
        cluster["version"] = _version()
        kafka_brokers.check(cluster["kind"], cluster["details"])
        cluster["state"] = "UPDATING"
        kafka_brokers.provision(cluster)
        return _operation(cluster)

    return update


service.operation("UpdateMonitoring")(_updates("EnhancedMonitoring", "OpenMonitoring", "LoggingInfo"))
service.operation("UpdateSecurity")(_updates("ClientAuthentication", "EncryptionInfo"))
service.operation("UpdateClusterConfiguration")(_updates("ConfigurationInfo"))


@service.operation("UpdateBrokerCount")
def update_broker_count(request: Request) -> dict[str, Any]:
    """Change the number of brokers."""
    cluster = cluster_of(request)
    cluster["details"]["NumberOfBrokerNodes"] = request.params["TargetNumberOfBrokerNodes"]
    return dict(_updates()(request))


@service.operation("RebootBroker")
def reboot_broker(request: Request) -> dict[str, Any]:
    """Stop one broker and start it again."""
    cluster = cluster_of(request)
    [broker] = request.params["BrokerIds"]
    kafka_brokers.reboot(cluster, int(broker))
    return dict(_operation(cluster))


@service.operation("UpdateBrokerType")
def update_broker_type(request: Request) -> dict[str, Any]:
    """Change the brokers' instance type."""
    cluster_of(request)["details"]["BrokerNodeGroupInfo"]["InstanceType"] = request.params[
        "TargetInstanceType"
    ]
    return dict(_updates()(request))


@service.operation("UpdateBrokerStorage")
def update_broker_storage(request: Request) -> dict[str, Any]:
    """Grow the brokers' disks, in GiB."""
    size = request.params["TargetBrokerEBSVolumeInfo"][0]["VolumeSizeGB"]
    storage = cluster_of(request)["details"]["BrokerNodeGroupInfo"].setdefault("StorageInfo", {})
    storage.setdefault("EbsStorageInfo", {})["VolumeSize"] = size
    return dict(_updates()(request))


@service.operation("UpdateClusterKafkaVersion")
def update_cluster_kafka_version(request: Request) -> dict[str, Any]:
    """Change the Kafka version."""
    cluster_of(request)["details"]["KafkaVersion"] = request.params["TargetKafkaVersion"]
    return dict(_updates("ConfigurationInfo")(request))


@service.operation("TagResource")
def tag_resource(request: Request) -> dict[str, Any]:
    """Add tags to a cluster."""
    _tagged(request).update(request.params["Tags"])
    return {}


@service.operation("UntagResource")
def untag_resource(request: Request) -> dict[str, Any]:
    """Take tags from a cluster."""
    for key in request.params["TagKeys"]:
        _tagged(request).pop(key, None)
    return {}


@service.operation("ListTagsForResource")
def list_tags_for_resource(request: Request) -> dict[str, Any]:
    """A cluster's tags."""
    return {"Tags": _tagged(request)}


def _create(request: Request, kind: str, details: dict[str, Any]) -> dict[str, Any]:
    name = request.params["ClusterName"]
    if any(cluster["name"] == name for cluster in _clusters.values()):
        raise ServiceError("ConflictException", f"A cluster {name} exists", InvalidParameter="clusterName")
    kafka_brokers.check(kind, details)
    arn = f"arn:aws:kafka:{request.region}:{request.account}:cluster/{name}/{uuid.uuid4()}-1"
    _clusters[arn] = {
        "arn": arn,
        "name": name,
        "kind": kind,
        "state": "CREATING",
        "created": datetime.now(UTC),
        "version": _version(),
        "tags": dict(request.params.get("Tags", {})),
        "details": json.loads(json.dumps(details)),
    }
    kafka_brokers.provision(_clusters[arn])
    return dict(_clusters[arn])


def _operation(cluster: dict[str, Any]) -> dict[str, Any]:
    operation = f"{cluster['arn'].replace(':cluster/', ':cluster-operation/')}/{uuid.uuid4()}"
    return {"ClusterArn": cluster["arn"], "ClusterOperationArn": operation}


def _named(cluster: dict[str, Any]) -> dict[str, Any]:
    return {"ClusterArn": cluster["arn"], "ClusterName": cluster["name"], "State": cluster["state"]}


def _info_v2(cluster: dict[str, Any]) -> dict[str, Any]:
    serverless = cluster["kind"] == "SERVERLESS"
    return {
        **_named(cluster),
        "ClusterType": cluster["kind"],
        **({"StateInfo": {"Message": cluster["state_message"]}} if "state_message" in cluster else {}),
        "CreationTime": cluster["created"],
        "CurrentVersion": cluster["version"],
        "Tags": cluster["tags"],
        "Serverless" if serverless else "Provisioned": cluster["details"]
        if serverless
        else _provisioned(cluster),
    }


def _provisioned(cluster: dict[str, Any]) -> dict[str, Any]:
    details = cluster["details"]
    configuration = details.get("ConfigurationInfo", {})
    software = {
        "KafkaVersion": details.get("KafkaVersion"),
        "ConfigurationArn": configuration.get("Arn"),
        "ConfigurationRevision": configuration.get("Revision"),
    }
    return {
        "EnhancedMonitoring": "DEFAULT",
        "StorageMode": "LOCAL",
        **details,
        "CurrentBrokerSoftwareInfo": {key: value for key, value in software.items() if value is not None},
    }


def _listed(request: Request) -> list[dict[str, Any]]:
    prefix = request.params.get("ClusterNameFilter", "")
    kind = request.params.get("ClusterTypeFilter", "")
    return [
        cluster
        for cluster in _clusters.values()
        if cluster["name"].startswith(prefix) and kind.upper() in ("", cluster["kind"])
    ]


@service.resource(
    *("DescribeCluster", "DescribeClusterV2", "GetBootstrapBrokers", "ListNodes", "DeleteCluster"),
    *("RebootBroker", "UpdateBrokerCount", "UpdateBrokerStorage", "UpdateBrokerType", "ListTopics"),
    *("UpdateClusterConfiguration", "UpdateClusterKafkaVersion", "UpdateMonitoring", "UpdateSecurity"),
)
def cluster_arn(request: Request) -> str:
    """The cluster that policies are held against."""
    return str(request.params["ClusterArn"])


@service.resource("CreateTopic", "DescribeTopic", "DescribeTopicPartitions", "UpdateTopic", "DeleteTopic")
def topic_arn(request: Request) -> str:
    """The topic that policies are held against."""
    cluster = str(request.params["ClusterArn"]).replace(":cluster/", ":topic/")
    return f"{cluster}/{request.params['TopicName']}"


def cluster_of(request: Request) -> dict[str, Any]:
    """The cluster that the call names."""
    arn = request.params["ClusterArn"]
    if arn not in _clusters:
        raise ServiceError("NotFoundException", f"The cluster {arn} does not exist")
    found: dict[str, Any] = _clusters[arn]
    return found


def _tagged(request: Request) -> dict[str, str]:
    arn = request.params["ResourceArn"]
    if arn not in _clusters:
        raise ServiceError("NotFoundException", f"{arn} does not exist")
    found: dict[str, str] = _clusters[arn]["tags"]
    return found


@service.on_restore
def restore() -> None:
    """Start the brokers of an earlier gateway again."""
    kafka_brokers.restore(_clusters)


def _version() -> str:
    return f"K{uuid.uuid4().hex[:13].upper()}"


def _bad_request(message: str, parameter: str) -> ServiceError:
    return ServiceError("BadRequestException", message, InvalidParameter=parameter)
