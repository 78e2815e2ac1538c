"""EC2, where ministack forgets what it was told: flow logs, NAT gateways, and details of instances."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

from ministack.services import ec2

from local.services.service import Request, Service

service = Service("ec2", fallback=True)

_flow_logs = service.state("flow_logs")
_nat_gateways = service.state("nat_gateways")
_instances = service.state("instances")
"""Instance id → the members of its description that ministack does not keep."""


@service.operation("CreateFlowLogs")
def create_flow_logs(request: Request) -> dict[str, Any]:
    """Remember a flow log for each resource; no traffic exists, so nothing is ever delivered."""
    params = request.params
    made = []
    for resource in params["ResourceIds"]:
        identifier = _identifier("fl")
        _flow_logs[identifier] = {
            "FlowLogId": identifier,
            "ResourceId": resource,
            "CreationTime": datetime.now(UTC),
            "FlowLogStatus": "ACTIVE",
            "DeliverLogsStatus": "SUCCESS",
            "TrafficType": params.get("TrafficType", "ALL"),
            "LogDestinationType": params.get("LogDestinationType", "cloud-watch-logs"),
            "MaxAggregationInterval": params.get("MaxAggregationInterval", 600),
            **_given(
                params,
                "LogGroupName",
                "LogDestination",
                "DeliverLogsPermissionArn",
                "LogFormat",
                "DestinationOptions",
            ),
        }
        ec2._tags[identifier] = _tags(params, "vpc-flow-log")
        made.append(identifier)
    return {"FlowLogIds": made, "Unsuccessful": []}


@service.operation("DescribeFlowLogs")
def describe_flow_logs(request: Request) -> dict[str, Any]:
    """Flow logs by id and by the filters resource-id, log-group-name and traffic-type."""
    keys = {"resource-id": "ResourceId", "log-group-name": "LogGroupName", "traffic-type": "TrafficType"}
    filters = _filters(request, "Filter", keys)
    wanted = request.params.get("FlowLogIds")
    found = [
        one
        for one in _flow_logs.values()
        if _selected({**one, **_by_filter(one["FlowLogId"])}, "FlowLogId", wanted, filters)
    ]
    return {"FlowLogs": [{**one, "Tags": ec2._tags.get(one["FlowLogId"], [])} for one in found]}


@service.operation("DeleteFlowLogs")
def delete_flow_logs(request: Request) -> dict[str, Any]:
    """Forget flow logs."""
    for identifier in request.params["FlowLogIds"]:
        _flow_logs.pop(identifier, None)
        ec2._tags.pop(identifier, None)
    return {"Unsuccessful": []}


@service.operation("CreateNatGateway")
def create_nat_gateway(request: Request) -> dict[str, Any]:
    """Remember a NAT gateway with the address it was given."""
    params = request.params
    subnet = ec2._subnets.get(params["SubnetId"])
    if subnet is None:
        raise service.error(
            "InvalidSubnetID.NotFound", f"The subnet ID '{params['SubnetId']}' does not exist"
        )
    address = ec2._addresses.get(params.get("AllocationId", ""))
    if params.get("ConnectivityType", "public") == "public" and address is None:
        raise service.error(
            "InvalidAllocationID.NotFound", f"There is no address {params.get('AllocationId')}"
        )
    identifier = _identifier("nat")
    _nat_gateways[identifier] = {
        "NatGatewayId": identifier,
        "SubnetId": params["SubnetId"],
        "VpcId": subnet["VpcId"],
        "State": "available",
        "ConnectivityType": params.get("ConnectivityType", "public"),
        "CreateTime": datetime.now(UTC),
        "NatGatewayAddresses": []
        if address is None
        else [{"AllocationId": params["AllocationId"], "PublicIp": address["PublicIp"], "IsPrimary": True}],
    }
    ec2._tags[identifier] = _tags(params, "natgateway")
    return {"NatGateway": {**_nat_gateways[identifier], "Tags": ec2._tags[identifier]}}


@service.operation("DescribeNatGateways")
def describe_nat_gateways(request: Request) -> dict[str, Any]:
    """NAT gateways by id and by the filters vpc-id, subnet-id, state and tag:<key>."""
    keys = {"vpc-id": "VpcId", "subnet-id": "SubnetId", "state": "State"}
    filters = _filters(request, "Filter", keys)
    wanted = request.params.get("NatGatewayIds")
    found = [
        one
        for one in _nat_gateways.values()
        if _selected({**one, **_by_filter(one["NatGatewayId"])}, "NatGatewayId", wanted, filters)
    ]
    return {"NatGateways": [{**one, "Tags": ec2._tags.get(one["NatGatewayId"], [])} for one in found]}


@service.operation("DeleteNatGateway")
def delete_nat_gateway(request: Request) -> dict[str, Any]:
    """Forget a NAT gateway."""
    identifier = request.params["NatGatewayId"]
    if _nat_gateways.pop(identifier, None) is None:
        raise service.error("NatGatewayNotFound", f"NAT gateway {identifier} was not found")
    return {"NatGatewayId": identifier}


@service.operation("DescribeAddresses")
def describe_addresses(request: Request) -> dict[str, Any]:
    """Elastic IP addresses by id, address and the filters allocation-id, public-ip, domain and tag:<key>."""
    keys = {"allocation-id": "AllocationId", "public-ip": "PublicIp", "domain": "Domain"}
    filters = _filters(request, "Filters", keys)
    known = list(ec2._addresses.values())
    for member, key, code in (
        ("AllocationIds", "AllocationId", "InvalidAllocationID.NotFound"),
        ("PublicIps", "PublicIp", "InvalidAddress.NotFound"),
    ):
        wanted = request.params.get(member, [])
        if unknown := set(wanted) - {one[key] for one in known}:
            raise service.error(code, f"Address not found: {', '.join(sorted(unknown))}")
        known = [one for one in known if not wanted or one[key] in wanted]
    found = [
        {
            **{key: value for key, value in one.items() if value is not None},
            "Tags": ec2._tags.get(one["AllocationId"], []),
        }
        for one in known
        if _selected({**one, **_by_filter(one["AllocationId"])}, "AllocationId", None, filters)
    ]
    return {"Addresses": found}


@service.operation("DescribeInstances")
def describe_instances(request: Request) -> dict[str, Any]:
    """ministack's instances, completed by what was recorded about them here."""
    wanted = request.params.get("InstanceIds")
    known = dict(ec2._instances.items())
    for identifier in wanted or []:
        if identifier not in known:
            raise service.error(
                "InvalidInstanceID.NotFound", f"The instance ID '{identifier}' does not exist"
            )
    filters = {one["Name"]: one["Values"] for one in request.params.get("Filters", [])}
    found = [
        {**record, "Tags": ec2._tags.get(identifier, []), **_instances.get(identifier, {})}
        for identifier, record in known.items()
        if (not wanted or identifier in wanted) and ec2._matches_filters(record, filters)
    ]
    return {
        "Reservations": [
            {"ReservationId": f"r-{one['InstanceId'][2:]}", "OwnerId": request.account, "Instances": [one]}
            for one in found
        ]
    }


@service.operation("DescribeInstanceAttribute")
def describe_instance_attribute(request: Request) -> dict[str, Any]:
    """One attribute of an instance: userData, sourceDestCheck or instanceType."""
    identifier, attribute = request.params["InstanceId"], request.params["Attribute"]
    record = ec2._instances.get(identifier)
    if record is None:
        raise service.error("InvalidInstanceID.NotFound", f"The instance ID '{identifier}' does not exist")
    found = {**record, **_instances.get(identifier, {})}
    answers = {
        "userData": {"UserData": {"Value": found.get("UserData", "")}},
        "sourceDestCheck": {"SourceDestCheck": {"Value": found.get("SourceDestCheck", True)}},
        "instanceType": {"InstanceType": {"Value": found["InstanceType"]}},
    }
    if attribute not in answers:
        raise service.error("InvalidParameterValue", f"The attribute {attribute} is not emulated here")
    return {"InstanceId": identifier, **answers[attribute]}


def complete_instance(identifier: str, details: dict[str, Any]) -> None:
    """Keep members of an instance's description that ministack has no place for."""
    _instances.setdefault(identifier, {}).update(details)


def forget_instance(identifier: str) -> None:
    """Drop what was kept about an instance."""
    _instances.pop(identifier, None)


def _identifier(prefix: str) -> str:
    return f"{prefix}-{uuid.uuid4().hex[:17]}"


def _tags(params: dict[str, Any], resource_type: str) -> list[dict[str, str]]:
    return [
        tag
        for specification in params.get("TagSpecifications", [])
        if specification.get("ResourceType") == resource_type
        for tag in specification.get("Tags", [])
    ]


def _given(params: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: params[name] for name in names if name in params}


def _filters(request: Request, member: str, keys: dict[str, str]) -> dict[str, list[str]]:
    found = {}
    for one in request.params.get(member, []):
        if one["Name"] not in keys and not one["Name"].startswith("tag:"):
            raise service.error("InvalidParameterValue", f"The filter '{one['Name']}' is invalid")
        found[keys.get(one["Name"], one["Name"])] = one["Values"]
    return found


def _by_filter(identifier: str) -> dict[str, str]:
    """A resource's tags by the names that filters have for them."""
    return {f"tag:{tag['Key']}": tag["Value"] for tag in ec2._tags.get(identifier, [])}


def _selected(
    record: dict[str, Any], key: str, wanted: list[str] | None, filters: dict[str, list[str]]
) -> bool:
    return (not wanted or record[key] in wanted) and all(
        record.get(name) in values for name, values in filters.items()
    )
