"""What a run of the pipeline left behind, counted where it lies rather than where it was reported."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow.parquet as parquet

from local import runtime, warehouse_client
from local.layout import home

READERS = 8


def deployment() -> dict[str, Any]:
    """Names and addresses of the deployed parts: the JSON variable that the DAGs read."""
    secrets = runtime.client("secretsmanager")
    [name] = [
        secret["Name"]
        for page in secrets.get_paginator("list_secrets").paginate()
        for secret in page["SecretList"]
        if secret["Name"].endswith("/variables/refstack")
    ]
    found: dict[str, Any] = json.loads(secrets.get_secret_value(SecretId=name)["SecretString"])
    return found


def stacks() -> list[dict[str, Any]]:
    """Name, status and number of resources of each deployed stack of ours."""
    cloudformation = runtime.client("cloudformation")
    found = []
    for page in cloudformation.get_paginator("describe_stacks").paginate():
        for stack in page["Stacks"]:
            if stack["StackName"].startswith("refstack-"):
                pages = cloudformation.get_paginator("list_stack_resources").paginate(
                    StackName=stack["StackName"]
                )
                count = sum(len(resources["StackResourceSummaries"]) for resources in pages)
                found.append({"name": stack["StackName"], "status": stack["StackStatus"], "resources": count})
    return sorted(found, key=lambda stack: stack["name"])


def rows(buckets: dict[str, str]) -> dict[str, int]:
    """Rows of the raw and curated zones and of every table of the warehouse's schemas core and marts."""
    counted = {
        "raw_flights": _count(buckets["raw"], "flights/", _csv_rows),
        "raw_weather": _count(buckets["raw"], "weather/", _lines),
        "raw_aircraft": _count(buckets["raw"], "aircraft/", _csv_rows),
        "raw_airlines": _count(buckets["raw"], "airlines/", _csv_rows),
        "curated_flights": _count(buckets["curated"], "flights/", _parquet_rows),
    }
    tables = warehouse_client.query(
        "SELECT table_schema, table_name FROM information_schema.tables "
        "WHERE table_schema IN ('core', 'marts') AND table_type = 'BASE TABLE' "
        "ORDER BY table_schema, table_name"
    )
    if tables:
        union = " UNION ALL ".join(
            f"SELECT '{table['table_name']}' AS name, COUNT(*) AS rows "  # noqa: S608 (from the catalogue)
            f"FROM {table['table_schema']}.{table['table_name']}"
            for table in tables
        )
        counted |= {str(row["name"]): int(row["rows"]) for row in warehouse_client.query(union)}
    return counted


def rejects(curated_bucket: str) -> dict[str, int]:
    """Rejected rows by reason, `duplicate` always among them."""
    reasons: Counter[str] = Counter({"duplicate": 0})
    s3 = runtime.client("s3")
    for key in keys(curated_bucket, "rejects/"):
        if key.endswith(".parquet"):
            body = s3.get_object(Bucket=curated_bucket, Key=key)["Body"].read()
            reasons.update(parquet.read_table(io.BytesIO(body), columns=["reason"])["reason"].to_pylist())
    return dict(reasons)


def accounting(buckets: dict[str, str]) -> list[dict[str, Any]]:
    """What each stage of each run says it read, wrote and rejected."""
    s3 = runtime.client("s3")
    return [
        json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
        for bucket in (buckets["curated"], buckets["warehouse"])
        for key in keys(bucket, "accounting/")
    ]


def quality(curated_bucket: str) -> dict[str, Any]:
    """Outcomes of all quality rules in all runs: their numbers, and each rule's own."""
    outcomes: dict[tuple[str, str, str], Counter[str]] = {}
    s3 = runtime.client("s3")
    for key in keys(curated_bucket, "quality/"):
        for line in s3.get_object(Bucket=curated_bucket, Key=key)["Body"].read().splitlines():
            result = json.loads(line)
            rule = (result["gate"], result["table"], result["rule"])
            outcomes.setdefault(rule, Counter())[result["outcome"]] += 1
    results: list[dict[str, Any]] = [
        {"gate": gate, "table": table, "rule": rule, **_passed_and_failed(counts)}
        for (gate, table, rule), counts in sorted(outcomes.items())
    ]
    totals = {outcome: sum(result[outcome] for result in results) for outcome in ("passed", "failed")}
    return {"rules": len(results), **totals, "results": results}


def dbt(warehouse_bucket: str) -> dict[str, int]:
    """What the last `dbt build` made and tested; snapshots and seeds count as models.

    A node that did not run, since one before it failed, has failed too.
    """
    runs = [item for item in objects(warehouse_bucket, "dbt/") if item["Key"].endswith("/run_results.json")]
    if not runs:
        return {"models": 0, "tests": 0, "passed": 0, "failed": 0}
    last = max(runs, key=lambda item: item["LastModified"])["Key"]
    nodes = json.loads(runtime.client("s3").get_object(Bucket=warehouse_bucket, Key=last)["Body"].read())[
        "results"
    ]
    kinds = Counter("tests" if "test" in node["unique_id"].split(".")[0] else "models" for node in nodes)
    passed = sum(node["status"] in {"success", "pass", "warn"} for node in nodes)
    return {
        "models": kinds["models"],
        "tests": kinds["tests"],
        "passed": passed,
        "failed": len(nodes) - passed,
    }


def would_deny() -> list[dict[str, Any]]:
    """Calls that the deployed policies would have refused: caller, action, resource and how often."""
    log = home() / "would_deny.jsonl"
    lines = log.read_text().splitlines() if log.exists() else []
    calls = Counter(
        (call["caller"], call["action"], call["resource"]) for call in (json.loads(line) for line in lines)
    )
    return [
        {"caller": caller, "action": action, "resource": resource, "count": count}
        for (caller, action, resource), count in calls.most_common()
    ]


def write(summary: dict[str, Any], folder: Path) -> Path:
    """Keep the summary as JSON in `folder`."""
    path = folder / "summary.json"
    path.write_text(json.dumps(summary, indent=2, sort_keys=False) + "\n")
    return path


def _passed_and_failed(outcomes: Counter[str]) -> dict[str, int]:
    """An error counts as a failure: the rule was not shown to hold."""
    return {"passed": outcomes["passed"], "failed": outcomes.total() - outcomes["passed"]}


def objects(bucket: str, prefix: str) -> Iterator[dict[str, Any]]:
    """The objects below a prefix, as S3 lists them."""
    pages = runtime.client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    for page in pages:
        yield from page.get("Contents", [])


def keys(bucket: str, prefix: str) -> Iterator[str]:
    """Their keys alone."""
    return (found["Key"] for found in objects(bucket, prefix))


def _count(bucket: str, prefix: str, counter: Any) -> int:
    with ThreadPoolExecutor(READERS) as pool:
        return sum(pool.map(partial(counter, runtime.client("s3"), bucket), keys(bucket, prefix)))


def _csv_rows(s3: Any, bucket: str, key: str) -> int:
    body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    with gzip.open(io.BytesIO(body), "rt", newline="") as text:
        return max(sum(1 for _ in csv.reader(text)) - 1, 0)


def _lines(s3: Any, bucket: str, key: str) -> int:
    return gzip.decompress(s3.get_object(Bucket=bucket, Key=key)["Body"].read()).count(b"\n")


def _parquet_rows(s3: Any, bucket: str, key: str) -> int:
    if not key.endswith(".parquet"):
        return 0
    body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    return int(parquet.ParquetFile(io.BytesIO(body)).metadata.num_rows)
