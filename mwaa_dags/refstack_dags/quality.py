"""The results of Glue Data Quality as the platform keeps them: a line a rule, the same for every gate."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Any

OUTCOMES = {"PASS": "passed", "FAIL": "failed", "ERROR": "error"}
DAYS_METRIC = "Column.flight_date.DistinctValuesCount"
FRESHNESS = "Every file was written by the run's own curation"
"""Not a rule of DQDL: FileFreshness compares with the present, so an evaluation that is repeated days later,
after a rule was corrected, would refuse the very files that it accepted."""

Record = dict[str, str | None]
"""One rule's result: run_key, gate, table, rule, outcome, observed, message, evaluated_at."""


def curated_days(table: str, predicate: Any) -> dict[str, Any]:
    """The partitions of a table of the curated zone as a data source of Glue Data Quality.

    The catalog leaves out what the condition does not meet; the reader would, too.
    """
    return {
        "GlueTable": {
            "DatabaseName": "{{ cfg.catalog.curated_database }}",
            "TableName": table,
            "AdditionalOptions": {"catalogPartitionPredicate": predicate, "pushDownPredicate": predicate},
        }
    }


def files_of_days(
    listed: Iterable[Mapping[str, Any]], prefix: str, first: date, last: date
) -> dict[str, datetime]:
    """Key to last modification of objects, as S3 lists them, in the days' folders under `prefix`."""
    # Years, months and days have fixed widths, so folders sort as their days.
    low, high = (f"{prefix}year={day:%Y}/month={day:%m}/day={day:%d}/" for day in (first, last))
    return {
        file["Key"]: file["LastModified"]
        for file in listed
        if len(file["Key"]) > len(low) and low <= file["Key"][: len(low)] <= high
    }


def results_key(run_key: str, gate: str) -> str:
    """Key of a gate's results in the curated bucket."""
    return f"quality/run={run_key}/{gate}.jsonl"


def records(
    run_key: str,
    gate: str,
    results: Iterable[Mapping[str, Any]],
    days: int,
    files: Mapping[str, datetime],
    since: datetime,
) -> list[Record]:
    """A record for each rule of the results of one evaluation run.

    A ruleset does not know how many days a run has, nor when it wrote its files. It measures how many days
    have flights; that all `days` do is one more rule here. Another one is that all `files` of these days (key
    to last modification) were written after the run's curation had started, at `since`.
    """
    found: list[Record] = []
    for result in results:
        source = result["DataSource"]["GlueTable"]
        common: Record = {
            "run_key": run_key,
            "gate": gate,
            "table": f"{source['DatabaseName']}.{source['TableName']}",
        }
        at = result.get("CompletedOn") or datetime.now(UTC)
        evaluated_at = at.astimezone(UTC).isoformat(timespec="seconds")
        rules = [*result["RuleResults"], *_every_day(result["RuleResults"], days), _fresh(files, since)]
        found += [
            {
                **common,
                "rule": rule["Description"],
                "outcome": OUTCOMES[rule["Result"]],
                "observed": _observed(rule.get("EvaluatedMetrics", {})),
                "message": rule.get("EvaluationMessage"),
                "evaluated_at": evaluated_at,
            }
            for rule in rules
        ]
    return found


def _every_day(rules: list[Mapping[str, Any]], days: int) -> list[Mapping[str, Any]]:
    measured = [rule["EvaluatedMetrics"] for rule in rules if DAYS_METRIC in rule.get("EvaluatedMetrics", {})]
    return [
        {
            "Description": f'DistinctValuesCount "flight_date" = {days}',
            "Result": "PASS" if metrics[DAYS_METRIC] == days else "FAIL",
            "EvaluatedMetrics": metrics,
            "EvaluationMessage": None
            if metrics[DAYS_METRIC] == days
            else f"{metrics[DAYS_METRIC]:g} of the run's {days} days have flights",
        }
        for metrics in measured
    ]


def _fresh(files: Mapping[str, datetime], since: datetime) -> Mapping[str, Any]:
    # S3 gives whole seconds.
    stale = sorted(key for key, modified in files.items() if modified < since.replace(microsecond=0))
    return {
        "Description": FRESHNESS,
        "Result": "FAIL" if stale else "PASS",
        "EvaluatedMetrics": {"FileCount": len(files), "StaleFileCount": len(stale)},
        "EvaluationMessage": f"{stale[0]} is older than the curation, which started at {since.isoformat()}"
        if stale
        else None,
    }


def _observed(metrics: Mapping[str, float]) -> str | None:
    return ", ".join(f"{name} = {value:.6g}" for name, value in metrics.items()) or None


def lines(found: Iterable[Record]) -> str:
    """The records as JSON lines."""
    return "".join(json.dumps(record) + "\n" for record in found)


def summary(gate: str, found: list[Record]) -> dict[str, Any]:
    """The numbers of rules that passed and did not."""
    failed = sum(record["outcome"] != "passed" for record in found)
    return {"gate": gate, "rules": len(found), "passed": len(found) - failed, "failed": failed}


def refusal(gate: str, found: list[Record]) -> str | None:
    """Why nothing may be loaded: the rules that did not pass; None when all did."""
    broken = [
        f"{record['rule']} ({record['message'] or record['outcome']})"
        for record in found
        if record["outcome"] != "passed"
    ]
    if found and not broken:
        return None
    return (
        f"The quality gate {gate} does not let this run's data through, and nothing of it was loaded: "
        f"{len(broken)} of {len(found)} rules did not pass: {'; '.join(broken) or 'none was evaluated'}"
    )
