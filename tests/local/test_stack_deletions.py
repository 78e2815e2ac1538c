"""What holds a resource against its deletion, what stays behind, and what AWS does late."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local.conftest import Gateway
from tests.local.stack_operations import Stack, plan

pytestmark = pytest.mark.gateway

QUEUE = {"Type": "AWS::SQS::Queue"}


def bucket(**properties: Any) -> dict[str, Any]:
    return {"Type": "AWS::S3::Bucket", "Properties": properties}


def emptied(gateway: Gateway, name: str) -> None:
    """Delete every version of every object of a bucket."""
    s3 = gateway.client("s3")
    found = s3.list_object_versions(Bucket=name)
    for one in [*found.get("Versions", []), *found.get("DeleteMarkers", [])]:
        s3.delete_object(Bucket=name, Key=one["Key"], VersionId=one["VersionId"])


def test_a_bucket_with_objects_stays_and_the_deletion_is_continued(gateway: Gateway) -> None:
    stack = Stack(gateway, "full")
    resources = {"Full": bucket(), "Empty": bucket(), "Queue": QUEUE}
    assert stack.create(resources) == "CREATE_COMPLETE"
    name = stack.resources()["Full"]
    gateway.client("s3").put_object(Bucket=name, Key="k", Body=b"")

    assert stack.delete() == "DELETE_FAILED"

    said = stack.why("Full", "DELETE_FAILED")
    assert said.startswith("The bucket you tried to delete is not empty")
    assert "Error Code: BucketNotEmpty" in said
    assert set(stack.resources()) == {"Full"}
    assert gateway.client("s3").list_objects_v2(Bucket=name)["KeyCount"] == 1
    listed = stack.api.list_stack_resources(StackName="full")["StackResourceSummaries"]
    assert {one["LogicalResourceId"]: one["ResourceStatus"] for one in listed} == {
        "Full": "DELETE_FAILED",
        "Empty": "DELETE_COMPLETE",
        "Queue": "DELETE_COMPLETE",
    }
    with pytest.raises(ClientError, match="Do not specify resources that are in the DELETE_COMPLETE state"):
        stack.delete(RetainResources=["Full", "Queue"])
    emptied(gateway, name)
    assert stack.delete() == "DELETE_COMPLETE"
    with pytest.raises(ClientError, match=r"404|NoSuchBucket"):
        gateway.client("s3").head_bucket(Bucket=name)


@pytest.mark.parametrize("left", ["version", "marker"])
def test_versions_and_delete_markers_are_content(gateway: Gateway, left: str) -> None:
    stack = Stack(gateway, f"only-a-{left}")
    resources = {"Bucket": bucket(VersioningConfiguration={"Status": "Enabled"})}
    assert stack.create(resources) == "CREATE_COMPLETE"
    name, s3 = stack.resources()["Bucket"], gateway.client("s3")
    version = s3.put_object(Bucket=name, Key="k", Body=b"")["VersionId"]
    marker = s3.delete_object(Bucket=name, Key="k")["VersionId"]
    s3.delete_object(Bucket=name, Key="k", VersionId={"version": marker, "marker": version}[left])

    assert stack.delete() == "DELETE_FAILED"

    assert "You must delete all versions in the bucket" in stack.why("Bucket", "DELETE_FAILED")
    emptied(gateway, name)
    assert stack.delete() == "DELETE_COMPLETE"


def test_what_cannot_be_deleted_can_be_retained(gateway: Gateway) -> None:
    stack = Stack(gateway, "retained")
    assert stack.create({"Bucket": bucket()}) == "CREATE_COMPLETE"
    name = stack.resources()["Bucket"]
    gateway.client("s3").put_object(Bucket=name, Key="k", Body=b"")
    with pytest.raises(ClientError, match="RetainResources"):
        stack.delete(RetainResources=["Bucket"])
    assert stack.delete() == "DELETE_FAILED"

    assert stack.delete(RetainResources=["Bucket"]) == "DELETE_COMPLETE"

    assert gateway.client("s3").list_objects_v2(Bucket=name)["KeyCount"] == 1


@pytest.mark.parametrize(("policy", "stays"), [("Retain", True), ("RetainExceptOnCreate", False)])
def test_retain_also_holds_on_the_rollback_of_a_creation(gateway: Gateway, policy: str, stays: bool) -> None:
    name = f"/kept/{policy}"
    group = {
        "Type": "AWS::Logs::LogGroup",
        "DeletionPolicy": policy,
        "Properties": {"LogGroupName": name, "RetentionInDays": 1},
    }
    resources = {"Group": group, "Queue": {**QUEUE, "DependsOn": "Group"}}
    stack = Stack(gateway, f"policy-{policy}")
    plan(gateway, {"stack": stack.name, "last": True})

    assert stack.create(resources) == "ROLLBACK_COMPLETE"

    groups = gateway.client("logs").describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    assert [one["logGroupName"] for one in groups] == [name] * stays
    assert stack.delete() == "DELETE_COMPLETE"
    assert stack.create(resources) == ("ROLLBACK_COMPLETE" if stays else "CREATE_COMPLETE")
    if not stays:
        assert stack.delete() == "DELETE_COMPLETE"
        [kept] = gateway.client("logs").describe_log_groups(logGroupNamePrefix=name)["logGroups"]
        assert kept["logGroupName"] == name


def test_access_logs_arrive_after_the_log_bucket_was_emptied(gateway: Gateway) -> None:
    stack = Stack(gateway, "late-logs")
    assert stack.create({"Logs": bucket()}) == "CREATE_COMPLETE"
    name = stack.resources()["Logs"]
    plan(gateway, {"effect": "access-logs", "resource": name})

    assert stack.delete() == "DELETE_FAILED"

    assert "BucketNotEmpty" in stack.why("Logs", "DELETE_FAILED")
    emptied(gateway, name)
    assert stack.delete() == "DELETE_COMPLETE"


def network() -> dict[str, Any]:
    return {
        "Vpc": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.7.0.0/16"}},
        "Subnet": {
            "Type": "AWS::EC2::Subnet",
            "Properties": {"CidrBlock": "10.7.0.0/24", "VpcId": {"Ref": "Vpc"}},
        },
        "Group": {
            "Type": "AWS::EC2::SecurityGroup",
            "Properties": {"GroupDescription": "a group", "VpcId": {"Ref": "Vpc"}},
        },
        "Function": {
            "Type": "AWS::Lambda::Function",
            "Properties": {
                "Role": "arn:aws:iam::000000000000:role/nobody",
                "Runtime": "python3.13",
                "Handler": "index.handler",
                "Code": {"ZipFile": "def handler(event, context): pass"},
                "VpcConfig": {
                    "SubnetIds": [{"Ref": "Subnet"}],
                    "SecurityGroupIds": [{"Fn::GetAtt": ["Group", "GroupId"]}],
                },
            },
        },
    }


def test_interfaces_of_a_function_hold_its_network_until_they_are_released(gateway: Gateway) -> None:
    stack, ec2 = Stack(gateway, "held"), gateway.client("ec2")
    assert stack.create(network()) == "CREATE_COMPLETE"
    made = stack.resources()
    plan(gateway, {"effect": "network-interfaces", "resource": made["Function"], "times": 0})

    assert stack.delete() == "DELETE_FAILED"

    assert set(stack.resources()) == {"Vpc", "Subnet", "Group"}
    held = f"The subnet '{made['Subnet']}' has dependencies and cannot be deleted."
    assert stack.why("Subnet", "DELETE_FAILED").startswith(held)
    said = stack.why("Group", "DELETE_FAILED")
    assert "has a dependent object" in said
    assert "Error Code: DependencyViolation" in said
    filters = [{"Name": "subnet-id", "Values": [made["Subnet"]]}]
    [interface] = ec2.describe_network_interfaces(Filters=filters)["NetworkInterfaces"]
    assert interface["Description"].startswith(f"AWS Lambda VPC ENI-{made['Function']}-")
    with pytest.raises(ClientError, match="DependencyViolation"):
        ec2.delete_subnet(SubnetId=made["Subnet"])
    with pytest.raises(ClientError, match="DependencyViolation"):
        ec2.delete_security_group(GroupId=made["Group"])

    plan(gateway)

    assert stack.delete() == "DELETE_COMPLETE"
    assert ec2.describe_network_interfaces(Filters=filters)["NetworkInterfaces"] == []


def test_interfaces_withstand_as_many_deletions_as_planned(gateway: Gateway) -> None:
    stack = Stack(gateway, "held-once")
    assert stack.create(network()) == "CREATE_COMPLETE"
    plan(gateway, {"effect": "network-interfaces", "times": 1})

    assert stack.delete() == "DELETE_FAILED"
    assert stack.delete() == "DELETE_COMPLETE"


def instance(name: str, **properties: Any) -> dict[str, Any]:
    return {
        "Group": {
            "Type": "AWS::Logs::LogGroup",
            "Properties": {"LogGroupName": f"/aws/rds/instance/{name}/postgresql", "RetentionInDays": 1},
        },
        "Instance": {
            "Type": "AWS::RDS::DBInstance",
            "DependsOn": "Group",
            "DeletionPolicy": "Snapshot",
            "Properties": {
                "DBInstanceIdentifier": name,
                "DBInstanceClass": "db.t4g.micro",
                "AllocatedStorage": "20",
                "Engine": "postgres",
                "EngineVersion": "18.4",
                "MasterUsername": "boss",
                "MasterUserPassword": "not-secret",
                "EnableCloudwatchLogsExports": ["postgresql"],
                **properties,
            },
        },
    }


def test_deletion_protection_holds_on_a_deletion_and_on_the_rollback_of_a_creation(gateway: Gateway) -> None:
    stack, rds = Stack(gateway, "protected"), gateway.client("rds")
    resources = instance("protected", DeletionProtection=True)
    plan(gateway, {"stack": "protected", "last": True})

    assert stack.create({**resources, "Queue": {**QUEUE, "DependsOn": "Instance"}}) == "ROLLBACK_FAILED"

    said = "Cannot delete protected DB Instance, please disable deletion protection and try again."
    assert said in stack.why("Instance", "DELETE_FAILED")
    assert rds.describe_db_instances(DBInstanceIdentifier="protected")["DBInstances"]
    with pytest.raises(ClientError, match="is in ROLLBACK_FAILED state and can not be updated"):
        stack.update(resources)
    assert stack.delete() == "DELETE_FAILED"
    assert said in stack.why("Instance", "DELETE_FAILED")
    # A deletion that is refused takes no snapshot.
    assert rds.describe_db_snapshots(DBInstanceIdentifier="protected")["DBSnapshots"] == []
    rds.modify_db_instance(DBInstanceIdentifier="protected", DeletionProtection=False)
    assert stack.delete() == "DELETE_COMPLETE"


def test_an_instance_leaves_a_snapshot_and_late_a_log_group(gateway: Gateway) -> None:
    stack, rds, logs = Stack(gateway, "leaving"), gateway.client("rds"), gateway.client("logs")
    assert stack.create(instance("leaving")) == "CREATE_COMPLETE"
    plan(gateway, {"effect": "database-logs", "resource": "leaving"})

    assert stack.delete() == "DELETE_COMPLETE"

    [snapshot] = rds.describe_db_snapshots(DBInstanceIdentifier="leaving")["DBSnapshots"]
    assert snapshot["DBSnapshotIdentifier"].startswith("leaving-snapshot-instance-")
    assert (snapshot["SnapshotType"], snapshot["Status"]) == ("manual", "available")
    [group] = logs.describe_log_groups(logGroupNamePrefix="/aws/rds/instance/leaving")["logGroups"]
    assert "retentionInDays" not in group
    assert stack.create(instance("leaving")) == "ROLLBACK_COMPLETE"
    logs.delete_log_group(logGroupName=group["logGroupName"])
    assert stack.delete() == "DELETE_COMPLETE"

    assert stack.create(instance("leaving")) == "CREATE_COMPLETE"
    with pytest.raises(ClientError, match="DBSnapshotAlreadyExists"):
        rds.delete_db_instance(
            DBInstanceIdentifier="leaving", FinalDBSnapshotIdentifier=snapshot["DBSnapshotIdentifier"]
        )
    assert stack.delete() == "DELETE_COMPLETE"
    # CloudFormation makes up another name each time.
    assert len(rds.describe_db_snapshots(DBInstanceIdentifier="leaving")["DBSnapshots"]) == 2


def test_a_new_major_version_must_be_allowed_and_needs_its_own_parameter_group(gateway: Gateway) -> None:
    stack = Stack(gateway, "major")

    def resources(version: str, family: str, **properties: Any) -> dict[str, Any]:
        group = {"Family": family, "Description": "for a test"}
        return {
            "Parameters": {"Type": "AWS::RDS::DBParameterGroup", "Properties": group},
            **instance(
                "major",
                EngineVersion=version,
                DBParameterGroupName={"Ref": "Parameters"},
                **properties,
            ),
        }

    assert stack.create(resources("17.9", "postgres17")) == "CREATE_COMPLETE"

    assert stack.update(resources("18.4", "postgres18")) == "UPDATE_ROLLBACK_COMPLETE"
    said = "The AllowMajorVersionUpgrade flag must be present when upgrading to a new major version."
    assert said in stack.why("Instance", "UPDATE_FAILED")
    allowed = {"AllowMajorVersionUpgrade": True}
    assert stack.update(resources("18.4", "postgres17", **allowed)) == "UPDATE_ROLLBACK_COMPLETE"
    assert "can't be used for this instance" in stack.why("Instance", "UPDATE_FAILED")

    assert stack.update(resources("18.4", "postgres18", **allowed)) == "UPDATE_COMPLETE"

    [found] = gateway.client("rds").describe_db_instances(DBInstanceIdentifier="major")["DBInstances"]
    assert found["EngineVersion"] == "18.4"
    assert stack.delete() == "DELETE_COMPLETE"


def test_a_namespace_s_final_snapshot_has_its_name_once(gateway: Gateway) -> None:
    stack, redshift = Stack(gateway, "final"), gateway.client("redshift-serverless")
    namespace = {
        "NamespaceName": "final",
        "AdminUsername": "boss",
        "AdminUserPassword": "Not-secret-1",
        "LogExports": ["userlog"],
        "FinalSnapshotName": "final-snapshot",
    }
    resources = {"Namespace": {"Type": "AWS::RedshiftServerless::Namespace", "Properties": namespace}}
    assert stack.create(resources) == "CREATE_COMPLETE"
    plan(gateway, {"effect": "warehouse-logs", "resource": "final"})
    assert stack.delete() == "DELETE_COMPLETE"
    [snapshot] = redshift.list_snapshots(namespaceName="final")["snapshots"]
    assert snapshot["snapshotName"] == "final-snapshot"
    groups = gateway.client("logs").describe_log_groups(logGroupNamePrefix="/aws/redshift/final/")
    assert [one["logGroupName"] for one in groups["logGroups"]] == ["/aws/redshift/final/userlog"]

    assert stack.create(resources) == "CREATE_COMPLETE"
    assert stack.delete() == "DELETE_FAILED"

    assert "Snapshot final-snapshot already exists" in stack.why("Namespace", "DELETE_FAILED")
    redshift.delete_snapshot(snapshotName="final-snapshot")
    assert stack.delete() == "DELETE_COMPLETE"
