"""Glue crawlers: they read a sample of the objects below their targets and write the tables they infer."""

from __future__ import annotations

import copy
import threading
import time
import uuid
from statistics import median
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from local.services.clients import client
from local.services.glue import invalid, not_found, now, page, role_arn, service
from local.services.glue_inference import InferredTable, infer
from local.services.glue_script import put_lines
from local.services.service import Request

SESSION_NAME = "AWSGlueCrawler"
LOG_GROUP = "/aws-glue/crawlers"
PARTITIONS_A_CALL = 100
crawlers: dict[str, dict[str, Any]] = service.state("crawlers")
"""By name: what GetCrawler tells of each crawler."""

_lock = threading.RLock()
_counts: dict[str, dict[str, int]] = {}
"""By crawler: tables created and updated by its last crawl."""
_seconds: dict[str, list[float]] = {}
"""By crawler: how long each of its crawls took."""


def known(name: str) -> dict[str, Any]:
    """The crawler called `name`. Raises EntityNotFoundException."""
    if name not in crawlers:
        raise not_found(f"Crawler with name {name} does not exist")
    return crawlers[name]


@service.resource(
    *("CreateCrawler", "UpdateCrawler", "DeleteCrawler", "GetCrawler", "StartCrawler", "StopCrawler"),
)
def crawler_arn(request: Request) -> str:
    """ARN of the crawler that the call names; calls about many of them know none."""
    return f"arn:aws:glue:{request.region}:{request.account}:crawler/{request.params['Name']}"


@service.operation("CreateCrawler")
def create_crawler(request: Request) -> None:
    given = request.params
    if given["Name"] in crawlers:
        raise service.error("AlreadyExistsException", f"Crawler with name {given['Name']} already exists")
    crawlers[given["Name"]] = {
        **_definition(given, request.account),
        "State": "READY",
        "CrawlElapsedTime": 0,
        "CreationTime": now(),
        "LastUpdated": now(),
        "Version": 1,
    }


@service.operation("UpdateCrawler")
def update_crawler(request: Request) -> None:
    given = request.params
    with _lock:
        crawler = known(given["Name"])
        if crawler["State"] != "READY":
            raise service.error("CrawlerRunningException", f"Crawler with name {given['Name']} is running")
        before = {**crawler, "Schedule": crawler.get("Schedule", {}).get("ScheduleExpression", "")}
        merged = {**before, **given}
        crawler.update(_definition(merged, request.account))
        crawler.update(LastUpdated=now(), Version=crawler["Version"] + 1)


def _definition(given: dict[str, Any], account: str) -> dict[str, Any]:
    """A crawler's own members as GetCrawler tells them. Raises InvalidInputException."""
    targets = given.get("Targets", {})
    others = [kind for kind, listed in targets.items() if kind != "S3Targets" and listed]
    if others:
        raise invalid(f"Crawler targets {', '.join(others)} are not emulated; S3Targets are.")
    if not targets.get("S3Targets"):
        raise invalid("Crawler must have at least one target")
    role_arn(given["Role"], account)
    policy = {"UpdateBehavior": "UPDATE_IN_DATABASE", "DeleteBehavior": "DEPRECATE_IN_DATABASE"}
    schedule = given.get("Schedule")
    return {
        **{
            name: given[name]
            for name in (
                *("Name", "Role", "DatabaseName", "Description", "Targets", "TablePrefix", "Configuration"),
                *("CrawlerSecurityConfiguration", "LakeFormationConfiguration"),
            )
            if name in given
        },
        "Classifiers": given.get("Classifiers", []),
        "SchemaChangePolicy": {**policy, **given.get("SchemaChangePolicy", {})},
        "RecrawlPolicy": given.get("RecrawlPolicy", {"RecrawlBehavior": "CRAWL_EVERYTHING"}),
        "LineageConfiguration": given.get("LineageConfiguration", {"CrawlerLineageSettings": "DISABLE"}),
        **({"Schedule": {"ScheduleExpression": schedule, "State": "SCHEDULED"}} if schedule else {}),
    }


@service.operation("GetCrawler")
def get_crawler(request: Request) -> dict[str, Any]:
    return {"Crawler": copy.deepcopy(known(request.params["Name"]))}


@service.operation("GetCrawlers")
def get_crawlers(request: Request) -> dict[str, Any]:
    return page([copy.deepcopy(crawlers[name]) for name in sorted(crawlers)], request.params, "Crawlers")


@service.operation("ListCrawlers")
def list_crawlers(request: Request) -> dict[str, Any]:
    return page(sorted(crawlers), request.params, "CrawlerNames")


@service.operation("DeleteCrawler")
def delete_crawler(request: Request) -> None:
    with _lock:
        if known(request.params["Name"])["State"] != "READY":
            raise service.error("CrawlerRunningException", "The crawler is running")
        del crawlers[request.params["Name"]]


@service.operation("StartCrawler")
def start_crawler(request: Request) -> None:
    with _lock:
        crawler = known(request.params["Name"])
        if crawler["State"] != "READY":
            raise service.error(
                "CrawlerRunningException", f"Crawler with name {crawler['Name']} has already started"
            )
        crawler["State"] = "RUNNING"
    arn = role_arn(crawler["Role"], request.account)
    threading.Thread(
        target=_crawl, args=(crawler, arn), name=f"crawler-{crawler['Name']}", daemon=True
    ).start()


@service.operation("StopCrawler")
def stop_crawler(request: Request) -> None:
    with _lock:
        crawler = known(request.params["Name"])
        if crawler["State"] != "RUNNING":
            raise service.error("CrawlerNotRunningException", f"Crawler {crawler['Name']} is not running")
        crawler["State"] = "STOPPING"


@service.operation("GetCrawlerMetrics")
def get_crawler_metrics(request: Request) -> dict[str, Any]:
    names = request.params.get("CrawlerNameList") or sorted(crawlers)
    metrics = [
        {
            "CrawlerName": name,
            "LastRuntimeSeconds": crawlers[name]["CrawlElapsedTime"] / 1000,
            "MedianRuntimeSeconds": median(_seconds.get(name, (0.0,))),
            "StillEstimating": False,
            "TimeLeftSeconds": 0,
            "TablesCreated": _counts.get(name, {}).get("created", 0),
            "TablesUpdated": _counts.get(name, {}).get("updated", 0),
            "TablesDeleted": 0,
        }
        for name in names
        if name in crawlers
    ]
    return page(metrics, request.params, "CrawlerMetricsList")


def _crawl(crawler: dict[str, Any], arn: str) -> None:
    """One crawl, with the crawler's role: infer a table for each target, write it and its partitions."""
    started, begun = now(), time.monotonic()
    stream = crawler["Name"]
    status, message = "SUCCEEDED", ""
    counts = {"created": 0, "updated": 0}
    try:
        for target in crawler["Targets"]["S3Targets"]:
            if crawler["State"] == "STOPPING":
                status = "CANCELLED"
                break
            s3 = client("s3", role_arn=arn, session_name=SESSION_NAME)
            table = infer(s3, target["Path"], target.get("SampleSize"), target.get("Exclusions", []))
            if table is not None:
                counts[_write(crawler, arn, table)] += 1
    except (ClientError, BotoCoreError, ValueError) as problem:
        status, message = "FAILED", str(problem)
    crawl_id = str(uuid.uuid4())
    lines = [f"[{crawl_id}] INFO : {done} {count} tables" for done, count in counts.items()]
    lines.append(f"[{crawl_id}] {'ERROR' if message else 'INFO'} : Crawl ended: {status} {message}".rstrip())
    try:
        put_lines(client("logs", role_arn=arn, session_name=SESSION_NAME), LOG_GROUP, stream, lines)
    except (ClientError, BotoCoreError) as problem:
        message = f"{message} The log was not delivered: {problem}".strip()
    with _lock:
        elapsed = round((time.monotonic() - begun) * 1000)
        _counts[crawler["Name"]] = counts
        _seconds.setdefault(crawler["Name"], []).append(elapsed / 1000)
        crawler.update(State="READY", CrawlElapsedTime=elapsed)
        crawler["LastCrawl"] = {
            "Status": status,
            "LogGroup": LOG_GROUP,
            "LogStream": stream,
            "MessagePrefix": crawl_id,
            "StartTime": started,
            **({"ErrorMessage": message} if message else {}),
        }


def _write(crawler: dict[str, Any], arn: str, table: InferredTable) -> str:
    """Create or update the table and add its new partitions; `created` or `updated`."""
    glue = client("glue", role_arn=arn, session_name=SESSION_NAME)
    database = crawler["DatabaseName"]
    definition = table.definition(crawler.get("TablePrefix", ""), crawler["Name"])
    try:
        glue.get_table(DatabaseName=database, Name=definition["Name"])
        done = "updated"
        if crawler["SchemaChangePolicy"]["UpdateBehavior"] == "UPDATE_IN_DATABASE":
            glue.update_table(DatabaseName=database, TableInput=definition)
    except glue.exceptions.EntityNotFoundException:
        glue.create_table(DatabaseName=database, TableInput=definition)
        done = "created"
    partitions = table.partition_inputs()
    for start in range(0, len(partitions), PARTITIONS_A_CALL):
        batch = partitions[start : start + PARTITIONS_A_CALL]
        # Those that are there already come back as errors of the answer, which is no failure.
        glue.batch_create_partition(
            DatabaseName=database, TableName=definition["Name"], PartitionInputList=batch
        )
    return done


@service.on_restore
def resume() -> None:
    """Crawls that ran when an earlier gateway stopped are over."""
    for crawler in crawlers.values():
        crawler["State"] = "READY"
