"""Answers of Lambda, CloudWatch, EventBridge, SNS, SQS, Glue and Athena."""

from __future__ import annotations

import json
from typing import Any

from local.layout import ACCOUNT, REGION
from local.resources.described.describer import describer, only
from local.resources.provisioner import Properties
from local.services.clients import client


@describer("AWS::Lambda::Function")
def function(physical_id: str, props: Properties) -> dict[str, Any]:
    answer = client("lambda").get_function(FunctionName=physical_id)
    found = answer["Configuration"]
    return {
        **found,
        "Layers": [one["Arn"] for one in found.get("Layers", [])],
        "Tags": answer.get("Tags", {}),
    }


@describer("AWS::Lambda::EventInvokeConfig")
def event_invoke_config(physical_id: str, props: Properties) -> dict[str, Any]:
    name, qualifier = props["FunctionName"], props["Qualifier"]
    found = client("lambda").get_function_event_invoke_config(FunctionName=name, Qualifier=qualifier)
    return {**found, "FunctionName": name, "Qualifier": found["FunctionArn"].rpartition(":")[2]}


@describer("AWS::Lambda::LayerVersion")
def layer_version(physical_id: str, props: Properties) -> dict[str, Any]:
    return dict(client("lambda").get_layer_version_by_arn(Arn=physical_id))


@describer("AWS::Lambda::Permission")
def permission(physical_id: str, props: Properties) -> dict[str, Any]:
    policy = json.loads(client("lambda").get_policy(FunctionName=props["FunctionName"])["Policy"])
    statements = [
        {
            "Action": one["Action"],
            "Principal": one["Principal"].get("Service") or one["Principal"].get("AWS"),
            "SourceArn": one.get("Condition", {}).get("ArnLike", {}).get("AWS:SourceArn"),
            "FunctionName": one["Resource"],
        }
        for one in policy["Statement"]
    ]
    return only([one for one in statements if one["SourceArn"] == props.get("SourceArn")])


@describer("AWS::Logs::LogGroup")
def log_group(physical_id: str, props: Properties) -> dict[str, Any]:
    logs = client("logs")
    groups = logs.describe_log_groups(logGroupNamePrefix=physical_id)["logGroups"]
    found = only([one for one in groups if one["logGroupName"] == physical_id])
    arn = found["arn"].removesuffix(":*")
    return {**found, "Tags": logs.list_tags_for_resource(resourceArn=arn).get("tags", {})}


@describer("AWS::Logs::MetricFilter")
def metric_filter(physical_id: str, props: Properties) -> dict[str, Any]:
    asked = {"logGroupName": props["LogGroupName"], "filterNamePrefix": physical_id}
    return only(client("logs").describe_metric_filters(**asked)["metricFilters"])


@describer("AWS::CloudWatch::Alarm")
def alarm(physical_id: str, props: Properties) -> dict[str, Any]:
    cloudwatch = client("cloudwatch")
    found = only(cloudwatch.describe_alarms(AlarmNames=[physical_id])["MetricAlarms"])
    tags = cloudwatch.list_tags_for_resource(ResourceARN=found["AlarmArn"])["Tags"]
    return {**found, "Tags": tags}


@describer("AWS::Events::Rule")
def rule(physical_id: str, props: Properties) -> dict[str, Any]:
    events = client("events")
    found = events.describe_rule(Name=physical_id)
    return {
        **found,
        "Targets": events.list_targets_by_rule(Rule=physical_id)["Targets"],
        "Tags": events.list_tags_for_resource(ResourceARN=found["Arn"])["Tags"],
    }


@describer("AWS::SNS::Topic")
def topic(physical_id: str, props: Properties) -> dict[str, Any]:
    sns = client("sns")
    tags = sns.list_tags_for_resource(ResourceArn=physical_id)["Tags"]
    return {**sns.get_topic_attributes(TopicArn=physical_id)["Attributes"], "Tags": tags}


@describer("AWS::SNS::TopicPolicy")
def topic_policy(physical_id: str, props: Properties) -> dict[str, Any]:
    [arn] = props["Topics"]
    return {
        "Topics": [arn],
        "PolicyDocument": client("sns").get_topic_attributes(TopicArn=arn)["Attributes"]["Policy"],
    }


@describer("AWS::SQS::Queue")
def queue(physical_id: str, props: Properties) -> dict[str, Any]:
    sqs = client("sqs")
    answer = sqs.get_queue_attributes(QueueUrl=physical_id, AttributeNames=["All"])
    return {**answer["Attributes"], "Tags": sqs.list_queue_tags(QueueUrl=physical_id).get("Tags", {})}


@describer("AWS::SQS::QueuePolicy")
def queue_policy(physical_id: str, props: Properties) -> dict[str, Any]:
    [url] = props["Queues"]
    answer = client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])
    return {"Queues": [url], "PolicyDocument": answer["Attributes"]["Policy"]}


@describer("AWS::Glue::Database")
def glue_database(physical_id: str, props: Properties) -> dict[str, Any]:
    found = client("glue").get_database(Name=physical_id)["Database"]
    return {"CatalogId": found["CatalogId"], "DatabaseInput": found}


@describer("AWS::Glue::Table")
def glue_table(physical_id: str, props: Properties) -> dict[str, Any]:
    found = client("glue").get_table(DatabaseName=props["DatabaseName"], Name=physical_id)["Table"]
    return {"CatalogId": found["CatalogId"], "DatabaseName": found["DatabaseName"], "TableInput": found}


@describer("AWS::Glue::Crawler")
def crawler(physical_id: str, props: Properties) -> dict[str, Any]:
    found = client("glue").get_crawler(Name=physical_id)["Crawler"]
    return {**found, "Tags": _glue_tags("crawler", physical_id)}


@describer("AWS::Glue::Job")
def job(physical_id: str, props: Properties) -> dict[str, Any]:
    return {**client("glue").get_job(JobName=physical_id)["Job"], "Tags": _glue_tags("job", physical_id)}


def _glue_tags(kind: str, name: str) -> dict[str, str]:
    arn = f"arn:aws:glue:{REGION}:{ACCOUNT}:{kind}/{name}"
    return dict(client("glue").get_tags(ResourceArn=arn)["Tags"])


@describer("AWS::Athena::WorkGroup")
def workgroup(physical_id: str, props: Properties) -> dict[str, Any]:
    athena = client("athena")
    found = athena.get_work_group(WorkGroup=physical_id)["WorkGroup"]
    arn = f"arn:aws:athena:{REGION}:{ACCOUNT}:workgroup/{physical_id}"
    tags = athena.list_tags_for_resource(ResourceARN=arn)["Tags"]
    return {**found, "WorkGroupConfiguration": found["Configuration"], "Tags": tags}
