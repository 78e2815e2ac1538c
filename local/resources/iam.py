"""IAM: groups, and the users that a template puts into them."""

from __future__ import annotations

import json
from typing import Any

from local.resources.provisioner import Context, Created, Properties, ResourceType, extend, resource_type
from local.services.clients import client


@resource_type("AWS::IAM::Group")
class Group(ResourceType):
    """A group with its inline and attached policies."""

    create_only = frozenset({"GroupName"})

    def create(self, props: Properties, context: Context) -> Created:
        name = props.get("GroupName") or context.name(128)
        answer = client("iam").create_group(GroupName=name, Path=props.get("Path", "/"))["Group"]
        self._apply(name, {}, props)
        return Created(name, {"Arn": answer["Arn"]})

    def update(self, physical_id: str, old: Properties, new: Properties, context: Context) -> Created:
        if new.get("GroupName", physical_id) != physical_id:
            return self.create(new, context)
        self._apply(physical_id, old, new)
        return Created(physical_id, {"Arn": self.describe(physical_id)["Arn"]})

    def _apply(self, name: str, old: Properties, new: Properties) -> None:
        iam = client("iam")
        for arn in set(old.get("ManagedPolicyArns", [])) - set(new.get("ManagedPolicyArns", [])):
            iam.detach_group_policy(GroupName=name, PolicyArn=arn)
        for arn in new.get("ManagedPolicyArns", []):
            iam.attach_group_policy(GroupName=name, PolicyArn=arn)
        kept = {policy["PolicyName"] for policy in new.get("Policies", [])}
        for policy in old.get("Policies", []):
            if policy["PolicyName"] not in kept:
                iam.delete_group_policy(GroupName=name, PolicyName=policy["PolicyName"])
        for policy in new.get("Policies", []):
            iam.put_group_policy(
                GroupName=name,
                PolicyName=policy["PolicyName"],
                PolicyDocument=json.dumps(policy["PolicyDocument"]),
            )

    def delete(self, physical_id: str, props: Properties, context: Context) -> None:
        iam = client("iam")
        for policy in iam.list_attached_group_policies(GroupName=physical_id)["AttachedPolicies"]:
            iam.detach_group_policy(GroupName=physical_id, PolicyArn=policy["PolicyArn"])
        for name in iam.list_group_policies(GroupName=physical_id)["PolicyNames"]:
            iam.delete_group_policy(GroupName=physical_id, PolicyName=name)
        iam.delete_group(GroupName=physical_id)

    def describe(self, physical_id: str) -> dict[str, Any]:
        iam = client("iam")
        attached = iam.list_attached_group_policies(GroupName=physical_id)["AttachedPolicies"]
        found = iam.get_group(GroupName=physical_id)["Group"]
        return {**found, "ManagedPolicyArns": [one["PolicyArn"] for one in attached]}


@extend("AWS::IAM::ManagedPolicy")
def attach_to_groups(physical_id: str, old: Properties | None, new: Properties) -> None:
    """Attach a managed policy to the groups that its template names."""
    iam = client("iam")
    before = set((old or {}).get("Groups", []))
    for group in before - set(new.get("Groups", [])):
        iam.detach_group_policy(GroupName=group, PolicyArn=physical_id)
    for group in new.get("Groups", []):
        iam.attach_group_policy(GroupName=group, PolicyArn=physical_id)


@extend("AWS::IAM::Role")
def permissions_boundary(physical_id: str, old: Properties | None, new: Properties) -> None:
    """Put or take away a role's boundary."""
    iam = client("iam")
    if "PermissionsBoundary" in new:
        iam.put_role_permissions_boundary(
            RoleName=physical_id, PermissionsBoundary=new["PermissionsBoundary"]
        )
    elif "PermissionsBoundary" in (old or {}):
        iam.delete_role_permissions_boundary(RoleName=physical_id)


@resource_type("AWS::IAM::InstanceProfile")
class InstanceProfile(ResourceType):
    """An instance profile; Ref is its name, which is what EC2 and EMR ask for."""

    create_only = frozenset({"InstanceProfileName", "Path"})

    def create(self, props: Properties, context: Context) -> Created:
        name = props.get("InstanceProfileName") or context.name(128)
        iam = client("iam")
        made = iam.create_instance_profile(InstanceProfileName=name, Path=props.get("Path", "/"))
        for role in props["Roles"]:
            iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=role)
        return Created(name, {"Arn": made["InstanceProfile"]["Arn"]})

    def update(self, physical_id: str, old: Properties, new: Properties, context: Context) -> Created:
        if any(old.get(name) != new.get(name) for name in self.create_only):
            return self.create(new, context)
        iam = client("iam")
        for role in set(old["Roles"]) - set(new["Roles"]):
            iam.remove_role_from_instance_profile(InstanceProfileName=physical_id, RoleName=role)
        for role in set(new["Roles"]) - set(old["Roles"]):
            iam.add_role_to_instance_profile(InstanceProfileName=physical_id, RoleName=role)
        return Created(physical_id, {"Arn": self.describe(physical_id)["Arn"]})

    def delete(self, physical_id: str, props: Properties, context: Context) -> None:
        iam = client("iam")
        for role in self.describe(physical_id)["Roles"]:
            iam.remove_role_from_instance_profile(InstanceProfileName=physical_id, RoleName=role)
        iam.delete_instance_profile(InstanceProfileName=physical_id)

    def describe(self, physical_id: str) -> dict[str, Any]:
        found = client("iam").get_instance_profile(InstanceProfileName=physical_id)["InstanceProfile"]
        return {**found, "Roles": [one["RoleName"] for one in found["Roles"]]}
