"""The main job: deploy everything, run the pipeline on a year of real flights, tell what happened."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from local import deploy, pipeline, processes, report, runtime, stream, stream_account, summary
from local.errors import UserFacingError
from local.layout import HOST, ROOT, home, log_file
from local.toolchain import tools

FOLDER = ROOT / "build" / "demo"
YEAR = (
    pipeline.Run("2013-01-01", "2013-12-29"),
    pipeline.Run("2013-12-30", "2013-12-30"),
    # Nobody asks for the last day: objects arrive that announce it.
    pipeline.Run("2013-12-31", "2013-12-31", arrives=True),
)
STORE_DAG, RECONCILIATION_DAG = "container_etl", "stream_reconciliation"
THREE_DAYS = (pipeline.Run("2013-01-01", "2013-01-03"),)
LOCAL_SETTINGS = {"REFSTACK_ORCHESTRATION__POLL_SECONDS": "1"}
"""What differs from dev on AWS: jobs take seconds here, and nothing bills or throttles the question."""
BUSY_DAY = date(2013, 7, 10)
"""A thunderstorm over New York: a thousand flights, a third of them an hour late or more."""
REPLAY = "replay"
REPLAY_READY_SECONDS = 60


class Stages:
    """Times each stage and says what goes on."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str, what: str) -> Iterator[None]:
        """Announce a stage, time it, and tell how long it took."""
        started = time.monotonic()
        self.console.print(f"[bold]{what}[/bold] ...")
        yield
        self.seconds[name] = round(time.monotonic() - started, 1)
        self.console.print(f"  done in {self.seconds[name]:.0f} s")


def run(console: Console) -> int:
    """Run the demo from an empty embedded AWS to the report; the exit code."""
    if runtime.running():
        raise UserFacingError(
            "The embedded AWS is already up, and the demo needs a fresh one. Run `make down` first."
        )
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    stages = Stages(console)
    try:
        bring_up(stages)
        backfill, *days = YEAR
        runs = run_pipeline(stages, (backfill,))
        # The operational store is loaded while the next days are.
        pipeline.wait_for_dag(STORE_DAG)
        pipeline.start(backfill, STORE_DAG)
        runs += run_pipeline(stages, days)
        runs.append(follow(stages, backfill, STORE_DAG))
        replayed, streamed = run_stream(stages, BUSY_DAY)
        runs.append(reconcile(stages, replayed))
        with stages.stage("summary", "Counting rows where they lie"):
            found = summarise(stages.seconds, runs, streamed)
        runtime.mark_finished()
        with stages.stage("report", "Drawing the report"):
            report.write(found, FOLDER)
    finally:
        with stages.stage("stop", "Stopping what was started"):
            runtime.stop()
    summary.write(found, FOLDER)
    show(found, console)
    return 0 if found["ok"] else 1


def bring_up(stages: Stages) -> None:
    """Start an empty embedded AWS and deploy every stack of `dev` to it with the stock CDK CLI."""
    with stages.stage("start", "Starting the embedded AWS and synthesising the stacks"):
        runtime.start(fresh=True)
        # The private CDK folder: the CLI caches which account a key belongs to.
        environment = {**runtime.environment(), "CDK_HOME": str(home() / "cdk")}
        with ThreadPoolExecutor() as pool:
            synthesis = pool.submit(deploy.synth, "dev", overrides=LOCAL_SETTINGS, log=log_file("synth"))
            bootstrap = pool.submit(deploy.bootstrap, environment, log=log_file("bootstrap"))
            synthesis.result()
            bootstrap.result()
    with stages.stage("deploy", "Deploying all stacks with the CDK CLI"):
        deploy.deploy(environment, log=log_file("deploy"))
    with stages.stage("airflow", "Waiting for Airflow"):
        start_replay()
        pipeline.wait_for_dag()
        runtime.write_endpoints()


def keep_up(stages: Stages) -> None:
    """Start the embedded AWS with the last demo's state; without one, deploy and load three days."""
    if not runtime.has_state():
        bring_up(stages)
        run_pipeline(stages, THREE_DAYS)
        runtime.mark_finished()
        return
    with stages.stage("start", "Starting the embedded AWS with the last run's state"):
        runtime.start(fresh=False)
    with stages.stage("airflow", "Waiting for Airflow"):
        start_replay()
        pipeline.wait_for_dag()
        runtime.write_endpoints()


def run_pipeline(stages: Stages, runs: Iterable[pipeline.Run]) -> list[dict[str, Any]]:
    """Run the batch for each range of dates, one after the other; their records."""
    records = []
    for each in runs:
        pipeline.start(each)
        records.append(follow(stages, each, pipeline.DAG_ID))
    return records


def follow(stages: Stages, run: pipeline.Run, dag_id: str) -> dict[str, Any]:
    """Show a started run's progress until its end; its record."""
    name = f"dag {run.label}" if dag_id == pipeline.DAG_ID else f"dag {dag_id}"
    how = ", which arrives as an event" if run.arrives else ""
    with (
        stages.stage(name, f"Running the DAG {dag_id} for {run.label}{how}"),
        stages.console.status("") as status,
    ):

        def progress(_: pipeline.Run, done: int, known: int, busy: list[str]) -> None:
            busy_now = ", ".join(busy) or "scheduling"
            status.update(f"{done} of {known} tasks done; now {busy_now}")

        return pipeline.await_end(run, progress, dag_id)


def start_replay() -> None:
    """Serve the recorded year in the sources' own formats, and point the ingestion to it."""
    port = processes.free_port(8123)
    process = processes.spawn(
        REPLAY, [tools().main_python, "-m", "local.replay", "--port", str(port)], cwd=ROOT
    )
    deadline = time.monotonic() + REPLAY_READY_SECONDS
    while not processes.listening(port):
        if not process.running() or time.monotonic() > deadline:
            raise UserFacingError(f"The replay of the sources did not start; its log is {process.log}.")
        time.sleep(0.1)
    pipeline.point_sources_to(f"http://{HOST}:{port}")


def run_stream(stages: Stages, day: date) -> tuple[stream.Replayed, dict[str, Any]]:
    """Replay a day onto Kafka and have the streaming job read it; what was replayed, what became of it."""
    with (
        stages.stage("stream", f"Replaying {day:%-d %B %Y} onto Kafka, and reading it with Spark"),
        stages.console.status("") as status,
    ):
        replayed = stream.replay(day, status.update)
        return replayed, stream_account.counted(replayed)


def reconcile(stages: Stages, replayed: stream.Replayed) -> dict[str, Any]:
    """Have the DAG hold what was streamed of a day against the warehouse; its run's record."""
    day = replayed.day.isoformat()
    run = pipeline.Run(day, day, parameters={"day": day, "stream_run": replayed.run_key})
    pipeline.wait_for_dag(RECONCILIATION_DAG)
    pipeline.start(run, RECONCILIATION_DAG)
    return follow(stages, run, RECONCILIATION_DAG)


def summarise(
    seconds: dict[str, float], runs: list[dict[str, Any]], streamed: dict[str, Any]
) -> dict[str, Any]:
    """Everything that build/demo/summary.json holds; `ok` only when every row is accounted for."""
    buckets = summary.deployment()["buckets"]
    denied = summary.would_deny()
    (FOLDER / "would_deny.json").write_text(json.dumps(denied, indent=2) + "\n")
    found: dict[str, Any] = {
        "ok": False,
        "seconds": seconds,
        "stacks": summary.stacks(),
        "rows": summary.rows(buckets),
        "rejects": summary.rejects(buckets["curated"]),
        "accounting": summary.accounting(buckets),
        "quality": summary.quality(buckets["curated"]),
        "dbt": summary.dbt(buckets["warehouse"]),
        # A run that an event started has no logical date of its own, only the moment it came.
        "dag_runs": [
            {
                "dag_id": run["dag_id"],
                "run_id": run["dag_run_id"],
                "logical_date": run["logical_date"] or run["run_after"],
                "state": run["state"],
            }
            for run in runs
        ],
        "stream": streamed,
        "iam": {"would_deny": sum(call["count"] for call in denied)},
    }
    found["problems"] = problems(found)
    found["ok"] = not found["problems"]
    return found


def problems(found: dict[str, Any]) -> list[str]:
    """What does not add up, a sentence each."""
    wrong = [
        f"Stack {stack['name']} is {stack['status']}."
        for stack in found["stacks"]
        if stack["status"] not in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}
    ]
    wrong += [
        f"The run for {run['logical_date']} is {run['state']}."
        for run in found["dag_runs"]
        if run["state"] != "success"
    ]
    counted, rejected = found["rows"], sum(found["rejects"].values())
    if counted["raw_flights"] != counted["curated_flights"] + rejected:
        wrong.append(
            f"{counted['raw_flights']} raw flights are not {counted['curated_flights']} curated "
            f"and {rejected} rejected ones."
        )
    if counted.get("fact_flight") != counted["curated_flights"]:
        wrong.append(
            f"{counted['curated_flights']} flights are curated, but the warehouse has "
            f"{counted.get('fact_flight')}."
        )
    if failed := [result["rule"] for result in found["quality"]["results"] if result["failed"]]:
        wrong.append(f"Quality rules failed: {'; '.join(failed)}.")
    if found["dbt"]["failed"]:
        wrong.append(f"{found['dbt']['failed']} nodes of the last dbt build failed.")
    for stage in found["accounting"]:
        written = sum(stage["written"].get(table, 0) for table in stage["main"])
        if stage["read"] != written + sum(stage["rejected"].values()):
            wrong.append(f"Stage {stage['stage']} of {stage['run_key']} lost rows: {json.dumps(stage)}")
    if "stream" in found:
        wrong += stream_account.problems(found["stream"])
    return wrong


def show(found: dict[str, Any], console: Console) -> None:
    """Print the summary for a person."""
    table = Table(title="Rows", title_justify="left")
    table.add_column("table")
    table.add_column("rows", justify="right")
    for name, count in found["rows"].items():
        table.add_row(name, f"{count:,}")
    console.print(table)
    console.print(
        f"Rejected: {sum(found['rejects'].values())}. Stacks: {len(found['stacks'])}. "
        f"DAG runs: {', '.join(run['state'] for run in found['dag_runs'])}. "
        f"Calls that the policies would deny: {found['iam']['would_deny']}."
    )
    quality, dbt = found["quality"], found["dbt"]
    console.print(
        f"Quality: {quality['rules']} rules, {quality['passed']} checks passed, {quality['failed']} failed. "
        f"dbt: {dbt['models']} models, {dbt['tests']} tests, {dbt['failed']} failed."
    )
    console.print(stream_account.sentence(found["stream"]))
    for problem in found["problems"]:
        console.print(f"[red]{problem}[/red]")
    console.print(f"Summary: {_shown(FOLDER / 'summary.json')}   Report: {_shown(FOLDER / 'report.html')}")


def _shown(path: Path) -> str:
    return str(path.relative_to(ROOT))
