"""CloudFormation types of Glue that run something: jobs and crawlers."""

from __future__ import annotations

from typing import Any

from local.layout import ACCOUNT, REGION
from local.resources.provisioner import Context, Created, Properties, ResourceType, call, resource_type, tags
from local.services.clients import client


@resource_type("AWS::Glue::Job")
class Job(ResourceType):
    create_only = frozenset({"Name"})

    def create(self, props: Properties, context: Context) -> Created:
        name = props.get("Name") or context.name(longest=255)
        call("glue", "create_job", {**tagged(props), "Name": name})
        return Created(name)

    def update(self, physical_id: str, old: Properties, new: Properties, context: Context) -> Created:
        if old.get("Name") != new.get("Name"):
            return self.create(new, context)
        update = {name: value for name, value in new.items() if name not in {"Name", "Tags"}}
        call("glue", "update_job", {"JobName": physical_id, "JobUpdate": update})
        retag(f"job/{physical_id}", new)
        return Created(physical_id)

    def delete(self, physical_id: str, props: Properties, context: Context) -> None:
        client("glue").delete_job(JobName=physical_id)

    def describe(self, physical_id: str) -> dict[str, Any]:
        job: dict[str, Any] = client("glue").get_job(JobName=physical_id)["Job"]
        return {**job, "Tags": client("glue").get_tags(ResourceArn=glue_arn(f"job/{physical_id}"))["Tags"]}


@resource_type("AWS::Glue::Crawler")
class Crawler(ResourceType):
    create_only = frozenset({"Name"})

    def create(self, props: Properties, context: Context) -> Created:
        name = props.get("Name") or context.name(longest=255)
        call("glue", "create_crawler", {**_crawler(props), "Name": name})
        retag(f"crawler/{name}", props)
        return Created(name)

    def update(self, physical_id: str, old: Properties, new: Properties, context: Context) -> Created:
        if old.get("Name") != new.get("Name"):
            return self.create(new, context)
        call("glue", "update_crawler", {**_crawler(new), "Name": physical_id})
        retag(f"crawler/{physical_id}", new)
        return Created(physical_id)

    def delete(self, physical_id: str, props: Properties, context: Context) -> None:
        client("glue").delete_crawler(Name=physical_id)

    def describe(self, physical_id: str) -> dict[str, Any]:
        crawler: dict[str, Any] = client("glue").get_crawler(Name=physical_id)["Crawler"]
        found = client("glue").get_tags(ResourceArn=glue_arn(f"crawler/{physical_id}"))["Tags"]
        return {**crawler, "Tags": found}


def _crawler(props: Properties) -> Properties:
    """Parameters of the crawler's calls: they take the schedule as the expression alone, and no tags."""
    given = {name: value for name, value in props.items() if name not in {"Schedule", "Tags"}}
    schedule = props.get("Schedule")
    if isinstance(schedule, dict):
        schedule = schedule.get("ScheduleExpression", "")
    return {**given, **({"Schedule": schedule} if schedule is not None else {})}


def tagged(props: Properties) -> Properties:
    """The properties with their tags as the API takes them."""
    return {**props, "Tags": {tag["Key"]: tag["Value"] for tag in tags(props.get("Tags"))}}


def retag(resource: str, props: Properties) -> None:
    """Make the tags of a resource those of the template, and no others."""
    glue = client("glue")
    wanted = {tag["Key"]: tag["Value"] for tag in tags(props.get("Tags"))}
    dropped = sorted(set(glue.get_tags(ResourceArn=glue_arn(resource))["Tags"]) - set(wanted))
    if dropped:
        glue.untag_resource(ResourceArn=glue_arn(resource), TagsToRemove=dropped)
    if wanted:
        glue.tag_resource(ResourceArn=glue_arn(resource), TagsToAdd=wanted)


def glue_arn(resource: str) -> str:
    """ARN of a resource such as job/<name>."""
    return f"arn:aws:glue:{REGION}:{ACCOUNT}:{resource}"
