"""Glue Data Quality: runs that evaluate rulesets over a catalog's table, as the role that they are given."""

from __future__ import annotations

import copy
import tempfile
import threading
import uuid
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import duckdb
from botocore.exceptions import BotoCoreError, ClientError

from local.engines.catalog_tables import CatalogReader, Source, TableError
from local.engines.quality_rules import PRIMARY, Dataset, Outcome, evaluate
from local.services.clients import client
from local.services.glue import invalid, not_found, now, page, role_arn, service
from local.services.glue_rulesets import arn, known_ruleset, rules_of
from local.services.service import Request

SESSION_NAME = "AWSGlueDataQuality"
MINUTES_BY_DEFAULT = 2880
WORKERS_BY_DEFAULT = 5
THREADS = 2
WATCH_SECONDS = 0.2
ACTIVE = frozenset({"STARTING", "RUNNING", "STOPPING"})
OPTIONS = frozenset({"catalogPartitionPredicate", "pushDownPredicate"})
"""AdditionalOptions of a table that Glue documents."""

runs: dict[str, dict[str, Any]] = service.state("evaluation-runs")
"""By id: what GetDataQualityRulesetEvaluationRun tells of each run."""
results: dict[str, dict[str, Any]] = service.state("quality-results")
"""By id: what GetDataQualityResult tells of each result, one a ruleset of a run."""
_started: dict[str, str] = service.state("evaluation-tokens")
"""Run id by the client token of the call that started it."""

_lock = threading.RLock()


def known_run(run_id: str) -> dict[str, Any]:
    """The run with this id. Raises EntityNotFoundException."""
    if run_id not in runs:
        raise not_found(f"Data quality ruleset evaluation run {run_id} not found.")
    return runs[run_id]


@service.resource("StartDataQualityRulesetEvaluationRun")
def started_ruleset(request: Request) -> str:
    """ARN of the (first) ruleset that is to be evaluated."""
    return arn(request, next(iter(request.params.get("RulesetNames", [])), "*"))


@service.resource(
    *("GetDataQualityRulesetEvaluationRun", "CancelDataQualityRulesetEvaluationRun"),
    *("ListDataQualityRulesetEvaluationRuns", "ListDataQualityResults"),
    *("GetDataQualityResult", "BatchGetDataQualityResult"),
)
def evaluated_ruleset(request: Request) -> str:
    """ARN of the ruleset that the run or result in the call is of."""
    given = request.params
    names = runs.get(given.get("RunId", ""), {}).get("RulesetNames", [])
    asked = given.get("ResultIds", [given.get("ResultId", "")])
    names = names or [results[one]["RulesetName"] for one in asked if one in results]
    return arn(request, next(iter(names), "*"))


@service.operation("StartDataQualityRulesetEvaluationRun")
def start_run(request: Request) -> dict[str, Any]:
    given = request.params
    token = given.get("ClientToken")
    if token in _started:
        return {"RunId": _started[token]}
    for name in given["RulesetNames"]:
        known_ruleset(name)
    if options := sorted(given.get("AdditionalRunOptions", {})):
        raise invalid(f"AdditionalRunOptions {', '.join(options)} are not emulated.")
    sources = {PRIMARY: _source(given["DataSource"])}
    for alias, source in given.get("AdditionalDataSources", {}).items():
        if alias == PRIMARY:
            raise invalid("The alias primary is the data source's own.")
        sources[alias] = _source(source)
    if given.get("NumberOfWorkers", WORKERS_BY_DEFAULT) < 2:
        raise invalid("NumberOfWorkers must be at least 2.")
    role = role_arn(given["Role"], request.account)
    run_id = f"dqrun-{sha256(uuid.uuid4().bytes).hexdigest()[:40]}"
    run = {
        "RunId": run_id,
        "Status": "STARTING",
        "NumberOfWorkers": WORKERS_BY_DEFAULT,
        "Timeout": MINUTES_BY_DEFAULT,
        **{member: copy.deepcopy(value) for member, value in given.items() if member != "ClientToken"},
        "StartedOn": now(),
        "LastModifiedOn": now(),
        "ExecutionTime": 0,
    }
    with _lock:
        runs[run_id] = run
        if token:
            _started[token] = run_id
    texts = {name: known_ruleset(name)["Ruleset"] for name in given["RulesetNames"]}
    threading.Thread(target=_execute, args=(run, role, sources, texts), name=run_id[:20], daemon=True).start()
    return {"RunId": run_id}


def _source(given: dict[str, Any]) -> Source:
    table = given.get("GlueTable")
    if not table:
        raise invalid("A DataSource without a GlueTable is not emulated.")
    options = table.get("AdditionalOptions", {})
    if unknown := sorted(set(options) - OPTIONS):
        raise invalid(f"AdditionalOptions {', '.join(unknown)} are not supported: only {', '.join(OPTIONS)}.")
    return Source(
        table["DatabaseName"],
        table["TableName"],
        options.get("catalogPartitionPredicate", ""),
        options.get("pushDownPredicate", ""),
    )


def _execute(run: dict[str, Any], role: str, sources: dict[str, Source], texts: dict[str, str]) -> None:
    """Evaluate to the end, and note how it ended."""
    begun = now()
    expires = begun + timedelta(minutes=run["Timeout"])
    ended, message = "SUCCEEDED", ""
    done = threading.Event()
    with duckdb.connect(config={"threads": THREADS}) as connection:
        with _lock:
            if run["Status"] == "STARTING":
                run.update(Status="RUNNING", LastModifiedOn=now())
        threading.Thread(target=_watch, args=(run, connection, expires, done), daemon=True).start()
        try:
            found = _results(run, role, sources, texts, connection, begun)
        except (TableError, ClientError, BotoCoreError) as problem:
            ended, message = "FAILED", str(problem)
        except Exception as problem:
            ended, message = "FAILED", f"{type(problem).__name__}: {problem}"
        done.set()
    with _lock:
        if run["Status"] == "STOPPING":
            ended, message = "STOPPED", ""
        elif ended == "FAILED" and now() >= expires:
            ended, message = "TIMEOUT", f"The run exceeded its timeout of {run['Timeout']} minutes."
        elif ended == "SUCCEEDED":
            results.update(found)
            run["ResultIds"] = list(found)
        seconds = round((now() - begun).total_seconds())
        run.update(Status=ended, CompletedOn=now(), LastModifiedOn=now(), ExecutionTime=seconds)
        if message:
            run["ErrorString"] = message


def _watch(
    run: dict[str, Any], connection: duckdb.DuckDBPyConnection, expires: datetime, done: threading.Event
) -> None:
    """Interrupt whatever query the run is at, and the next one, once it is cancelled or out of time."""
    while not done.wait(WATCH_SECONDS):
        if run["Status"] == "STOPPING" or now() >= expires:
            connection.interrupt()


def _results(
    run: dict[str, Any],
    role: str,
    sources: dict[str, Source],
    texts: dict[str, str],
    connection: duckdb.DuckDBPyConnection,
    begun: datetime,
) -> dict[str, dict[str, Any]]:
    """Read the tables with the run's role, and evaluate each ruleset; the results by their ids."""
    with tempfile.TemporaryDirectory(prefix="glue-data-quality-") as folder:
        glue = client("glue", role_arn=role, session_name=SESSION_NAME)
        s3 = client("s3", role_arn=role, session_name=SESSION_NAME)
        reader = CatalogReader(connection, glue, s3, Path(folder))
        files = {alias: reader.load(source, alias) for alias, source in sources.items()}
    data = Dataset(connection, frozenset(files) - {PRIMARY}, files[PRIMARY])
    found = {}
    for name, text in texts.items():
        rules = rules_of(text)
        outcomes = [evaluate(rule, data) for rule in rules]
        passed = sum(outcome.result == "PASS" for outcome in outcomes)
        result_id = f"dqresult-{sha256(uuid.uuid4().bytes).hexdigest()[:40]}"
        found[result_id] = {
            "ResultId": result_id,
            "Score": passed / len(rules) if rules else 1.0,
            "DataSource": run["DataSource"],
            "RulesetName": name,
            "StartedOn": begun,
            "CompletedOn": now(),
            "RulesetEvaluationRunId": run["RunId"],
            "RuleResults": [
                _told(f"Rule_{number}", rule.text, outcome)
                for number, (rule, outcome) in enumerate(zip(rules, outcomes, strict=True), 1)
            ],
        }
    return found


def _told(name: str, text: str, outcome: Outcome) -> dict[str, Any]:
    return {
        "Name": name,
        "Description": text[:2048],
        "EvaluatedRule": text[:2048],
        "Result": outcome.result,
        "EvaluatedMetrics": outcome.metrics,
        **({"EvaluationMessage": outcome.message[:2048]} if outcome.message else {}),
    }


@service.operation("GetDataQualityRulesetEvaluationRun")
def get_run(request: Request) -> dict[str, Any]:
    with _lock:
        return copy.deepcopy(known_run(request.params["RunId"]))


@service.operation("ListDataQualityRulesetEvaluationRuns")
def list_runs(request: Request) -> dict[str, Any]:
    """The newest first; `Filter` leaves those of a data source or a time."""
    wanted = request.params.get("Filter", {})
    members = ("RunId", "Status", "StartedOn", "DataSource")
    with _lock:
        found = [
            {member: copy.deepcopy(run[member]) for member in members}
            for run in sorted(runs.values(), key=lambda run: run["StartedOn"], reverse=True)
            if run["DataSource"] == wanted.get("DataSource", run["DataSource"])
            and run["StartedOn"] < wanted.get("StartedBefore", now())
            and run["StartedOn"] > wanted.get("StartedAfter", run["StartedOn"].replace(year=1970))
        ]
    return page(found, request.params, "Runs", 1000)


@service.operation("CancelDataQualityRulesetEvaluationRun")
def cancel_run(request: Request) -> None:
    with _lock:
        run = known_run(request.params["RunId"])
        if run["Status"] not in ACTIVE:
            raise invalid(f"Data quality ruleset evaluation run {run['RunId']} is in state {run['Status']}.")
        run.update(Status="STOPPING", LastModifiedOn=now())


@service.operation("GetDataQualityResult")
def get_result(request: Request) -> dict[str, Any]:
    if request.params["ResultId"] not in results:
        raise not_found(f"Data quality result {request.params['ResultId']} not found.")
    return copy.deepcopy(results[request.params["ResultId"]])


@service.operation("BatchGetDataQualityResult")
def batch_get_results(request: Request) -> dict[str, Any]:
    asked = request.params["ResultIds"]
    missing = [one for one in asked if one not in results]
    return {
        "Results": [copy.deepcopy(results[one]) for one in asked if one in results],
        **({"ResultsNotFound": missing} if missing else {}),
    }


@service.operation("ListDataQualityResults")
def list_results(request: Request) -> dict[str, Any]:
    """The newest first; `Filter` leaves those of a data source or a time."""
    wanted = request.params.get("Filter", {})
    found = [
        {"ResultId": one["ResultId"], "DataSource": one["DataSource"], "StartedOn": one["StartedOn"]}
        for one in sorted(results.values(), key=lambda one: one["StartedOn"], reverse=True)
        if one["DataSource"] == wanted.get("DataSource", one["DataSource"])
        and one["StartedOn"] < wanted.get("StartedBefore", now())
        and one["StartedOn"] > wanted.get("StartedAfter", one["StartedOn"].replace(year=1970))
    ]
    return page(found, request.params, "Results", 1000)


@service.on_restore
def resume() -> None:
    """Runs that were active when an earlier gateway stopped have failed with it."""
    for run in runs.values():
        if run["Status"] in ACTIVE:
            run.update(Status="FAILED", CompletedOn=now(), LastModifiedOn=now())
            run["ErrorString"] = "The embedded AWS was stopped meanwhile."
