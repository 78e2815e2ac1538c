"""AWS::RedshiftServerless::Namespace and ::Workgroup, through the service's own API."""

from __future__ import annotations

from typing import Any

from local.resources.provisioner import (
    Context,
    Created,
    Properties,
    ResourceType,
    call,
    resource_type,
    tags,
)
from local.services.clients import client

SERVICE = "redshift-serverless"
ON_DELETE = ("FinalSnapshotName", "FinalSnapshotRetentionPeriod")


def _retag(arn: str, old: Properties, new: Properties) -> None:
    before = {tag["Key"]: tag["Value"] for tag in tags(old.get("Tags"))}
    after = {tag["Key"]: tag["Value"] for tag in tags(new.get("Tags"))}
    api = client(SERVICE)
    if gone := sorted(set(before) - set(after)):
        api.untag_resource(resourceArn=arn, tagKeys=gone)
    if changed := {key: value for key, value in after.items() if before.get(key) != value}:
        api.tag_resource(
            resourceArn=arn, tags=[{"key": key, "value": value} for key, value in changed.items()]
        )


def _attributes(prefix: str, record: dict[str, Any]) -> dict[str, Any]:
    """Fn::GetAtt's names: the answer's members in CloudFormation's case, nested ones with dots."""
    found: dict[str, Any] = {}
    for name, value in record.items():
        key = f"{prefix}.{name[0].upper()}{name[1:]}"
        if isinstance(value, dict):
            found |= _attributes(key, value)
        else:
            found[key] = value if isinstance(value, list) else str(value)
    return found


@resource_type("AWS::RedshiftServerless::Namespace")
class Namespace(ResourceType):
    """A namespace; Ref is its name."""

    create_only = frozenset({"NamespaceName", "DbName"})

    def create(self, props: Properties, context: Context) -> Created:
        wanted = {name: value for name, value in props.items() if name not in ON_DELETE}
        made = call(SERVICE, "create_namespace", wanted)["namespace"]
        return Created(made["namespaceName"], _attributes("Namespace", made))

    def update(self, physical_id: str, old: Properties, new: Properties, context: Context) -> Created:
        if any(old.get(name) != new.get(name) for name in self.create_only):
            return self.create(new, context)
        known = self.describe(physical_id)
        _retag(known["namespaceArn"], old, new)
        kept = (*ON_DELETE, *self.create_only, "Tags")
        # UpdateNamespace takes one change at a time of each kind, and leaves alone what it is not told.
        changes = {name: value for name, value in new.items() if name not in kept and old.get(name) != value}
        for name in set(old) - set(new) & {"LogExports", "IamRoles"}:
            changes[name] = []
        if changes:
            call(SERVICE, "update_namespace", {**changes, "NamespaceName": physical_id})
        return Created(physical_id, _attributes("Namespace", self.describe(physical_id)))

    def delete(self, physical_id: str, props: Properties, context: Context) -> None:
        snapshot = {key[0].lower() + key[1:]: props[key] for key in ON_DELETE if key in props}
        client(SERVICE).delete_namespace(namespaceName=physical_id, **snapshot)

    def describe(self, physical_id: str) -> dict[str, Any]:
        """GetNamespace's answer."""
        found: dict[str, Any] = client(SERVICE).get_namespace(namespaceName=physical_id)["namespace"]
        return found


@resource_type("AWS::RedshiftServerless::Workgroup")
class Workgroup(ResourceType):
    """A workgroup; Ref is its name."""

    create_only = frozenset({"WorkgroupName", "NamespaceName"})

    def create(self, props: Properties, context: Context) -> Created:
        made = call(SERVICE, "create_workgroup", props)["workgroup"]
        return Created(made["workgroupName"], _attributes("Workgroup", made))

    def update(self, physical_id: str, old: Properties, new: Properties, context: Context) -> Created:
        if any(old.get(name) != new.get(name) for name in self.create_only):
            return self.create(new, context)
        _retag(self.describe(physical_id)["workgroupArn"], old, new)
        kept = (*self.create_only, "Tags")
        changes = {name: value for name, value in new.items() if name not in kept and old.get(name) != value}
        if changes:
            call(SERVICE, "update_workgroup", {**changes, "WorkgroupName": physical_id})
        return Created(physical_id, _attributes("Workgroup", self.describe(physical_id)))

    def delete(self, physical_id: str, props: Properties, context: Context) -> None:
        client(SERVICE).delete_workgroup(workgroupName=physical_id)

    def describe(self, physical_id: str) -> dict[str, Any]:
        """GetWorkgroup's answer."""
        found: dict[str, Any] = client(SERVICE).get_workgroup(workgroupName=physical_id)["workgroup"]
        return found
