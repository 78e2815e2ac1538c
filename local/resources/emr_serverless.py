"""EMR Serverless: applications."""

from __future__ import annotations

import time
from typing import Any

from local.resources.provisioner import Context, Created, Properties, ResourceType, call, resource_type, tags
from local.services.clients import client

STOP_SECONDS = 60


@resource_type("AWS::EMRServerless::Application")
class Application(ResourceType):
    """An application; its name and type are for good."""

    create_only = frozenset({"Name", "Type"})

    def create(self, props: Properties, context: Context) -> Created:
        made = call("emr-serverless", "create_application", _parameters(props))
        return self._created(made["applicationId"])

    def update(self, physical_id: str, old: Properties, new: Properties, context: Context) -> Created:
        if any(old.get(name) != new.get(name) for name in self.create_only):
            return self.create(new, context)
        serverless = client("emr-serverless")
        _stop(physical_id)
        wanted = _parameters(new)
        labels = wanted.pop("tags", {})
        for name in ("name", "type"):
            wanted.pop(name, None)
        call("emr-serverless", "update_application", {"applicationId": physical_id, **wanted})
        arn = serverless.get_application(applicationId=physical_id)["application"]["arn"]
        gone = [
            key for key in serverless.list_tags_for_resource(resourceArn=arn)["tags"] if key not in labels
        ]
        if gone:
            serverless.untag_resource(resourceArn=arn, tagKeys=gone)
        if labels:
            serverless.tag_resource(resourceArn=arn, tags=labels)
        return self._created(physical_id)

    def delete(self, physical_id: str, props: Properties, context: Context) -> None:
        _stop(physical_id)
        client("emr-serverless").delete_application(applicationId=physical_id)

    def describe(self, physical_id: str) -> dict[str, Any]:
        found = client("emr-serverless").get_application(applicationId=physical_id)["application"]
        capacity = found.get("initialCapacity", {})
        return {**found, "initialCapacity": [{"Key": key, "Value": value} for key, value in capacity.items()]}

    def _created(self, physical_id: str) -> Created:
        found = client("emr-serverless").get_application(applicationId=physical_id)["application"]
        return Created(physical_id, {"ApplicationId": physical_id, "Arn": found["arn"]})


def _parameters(props: Properties) -> dict[str, Any]:
    """CreateApplication's parameters: maps where CloudFormation has lists of Key and Value."""
    wanted = {f"{name[0].lower()}{name[1:]}": value for name, value in props.items()}
    if "initialCapacity" in wanted:
        wanted["initialCapacity"] = {each["Key"]: each["Value"] for each in wanted["initialCapacity"]}
    if "tags" in wanted:
        wanted["tags"] = {each["Key"]: each["Value"] for each in tags(wanted["tags"])}
    return wanted


def _stop(identity: str) -> None:
    """Cancel what runs on the application, and stop it."""
    serverless = client("emr-serverless")
    deadline = time.monotonic() + STOP_SECONDS
    while time.monotonic() < deadline:
        busy = serverless.list_job_runs(
            applicationId=identity,
            states=["SUBMITTED", "PENDING", "SCHEDULED", "QUEUED", "RUNNING", "CANCELLING"],
        )["jobRuns"]
        if not busy:
            serverless.stop_application(applicationId=identity)
            return
        for run in busy:
            serverless.cancel_job_run(applicationId=identity, jobRunId=run["id"])
        time.sleep(0.2)
    raise TimeoutError(f"The job runs of {identity} did not end in {STOP_SECONDS} s")
