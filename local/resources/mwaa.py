"""AWS::MWAA::Environment, through the MWAA API: deployed once its Airflow answers, as CloudFormation does."""

from __future__ import annotations

import time
from typing import Any

from local.resources.provisioner import Context, Created, Properties, ResourceType, call, resource_type
from local.services import mwaa
from local.services.clients import client

SETTLE_SECONDS = 600.0
CREATE_ONLY = ("Name", "KmsKey", "EndpointManagement")
"""Properties whose change replaces the environment, beside the subnets."""


@resource_type("AWS::MWAA::Environment")
class Environment(ResourceType):
    """An MWAA environment; its physical id is its name."""

    def create(self, props: Properties, context: Context) -> Created:
        """Create, and wait until Airflow is up. Raises RuntimeError with the reason when it does not come."""
        call("mwaa", "create_environment", props)
        return self._settled(props["Name"])

    def update(self, physical_id: str, old: Properties, new: Properties, context: Context) -> Created:
        """Change in place what MWAA can change; else make a new environment, which needs a new name."""
        if any(old.get(name) != new.get(name) for name in CREATE_ONLY) or _subnets(old) != _subnets(new):
            return self.create(new, context)
        api = client("mwaa")
        changes = {
            name: value
            for name, value in new.items()
            if name not in (*CREATE_ONLY, "Tags", "NetworkConfiguration")
        }
        changes["NetworkConfiguration"] = {
            "SecurityGroupIds": new["NetworkConfiguration"]["SecurityGroupIds"]
        }
        # UpdateEnvironment keeps what it is not told, but an option that left the template must go.
        changes.setdefault("AirflowConfigurationOptions", {})
        self._retag(api, physical_id, new.get("Tags") or {})
        call("mwaa", "update_environment", {**changes, "Name": physical_id})
        return self._settled(physical_id)

    def delete(self, physical_id: str, props: Properties, context: Context) -> None:
        """Delete, and wait until every process has ended."""
        api = client("mwaa")
        api.delete_environment(Name=physical_id)
        deadline = time.monotonic() + SETTLE_SECONDS
        while time.monotonic() < deadline:
            if physical_id not in api.list_environments()["Environments"]:
                return
            time.sleep(0.2)
        raise RuntimeError(f"MWAA environment {physical_id} was not deleted in {SETTLE_SECONDS:.0f} s")

    def describe(self, physical_id: str) -> dict[str, Any]:
        """GetEnvironment's answer."""
        found: dict[str, Any] = client("mwaa").get_environment(Name=physical_id)["Environment"]
        return found

    def _settled(self, name: str) -> Created:
        deadline = time.monotonic() + SETTLE_SECONDS
        while time.monotonic() < deadline:
            found = self.describe(name)
            if found["Status"] == "AVAILABLE":
                return Created(name, _attributes(found))
            if found["Status"].endswith("FAILED"):
                raise RuntimeError(f"MWAA environment {name} is {found['Status']}: {mwaa.problem(name)}")
            time.sleep(0.2)
        raise RuntimeError(f"MWAA environment {name} was not up in {SETTLE_SECONDS:.0f} s")

    def _retag(self, api: Any, name: str, wanted: dict[str, str]) -> None:
        found = self.describe(name)
        gone = sorted(set(found.get("Tags", {})) - set(wanted))
        if gone:
            api.untag_resource(ResourceArn=found["Arn"], tagKeys=gone)
        if wanted:
            api.tag_resource(ResourceArn=found["Arn"], Tags={key: str(tag) for key, tag in wanted.items()})


def _attributes(environment: dict[str, Any]) -> dict[str, Any]:
    logs = {
        f"LoggingConfiguration.{kind}.CloudWatchLogGroupArn": level["CloudWatchLogGroupArn"]
        for kind, level in environment["LoggingConfiguration"].items()
    }
    names = ("Arn", "WebserverUrl", "CeleryExecutorQueue")
    return {**{name: environment[name] for name in names}, **logs}


def _subnets(props: Properties) -> list[str]:
    return sorted(props["NetworkConfiguration"]["SubnetIds"])
