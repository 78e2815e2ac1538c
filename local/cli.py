"""The commands behind the Makefile: plain sentences on failure, a traceback only with DEBUG=1."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from local import demo as demo_job
from local import deploy as cdk
from local import deployed, live_sources, runtime, stream_view
from local import spark_history as history
from local.errors import UserFacingError
from local.layout import ROOT, home
from local.lifecycle import change, destruction
from local.lifecycle.account import Account
from local.lifecycle.sweep import sweep as list_remnants
from local.toolchain import ToolchainError, tools
from stacks.configuration import SettingsError, load

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)
console = Console()
Env = Annotated[str, typer.Option(help="dev, stage, prod or localstack")]


@app.command()
def demo() -> None:
    """Deploy everything to an empty embedded AWS, run the pipeline on a year of flights, write the report."""
    raise typer.Exit(demo_job.run(console))


@app.command()
def up() -> None:
    """Start the embedded AWS with ENV=dev deployed and keep it running, with the last demo's state if any."""
    if runtime.running():
        raise UserFacingError(
            "The embedded AWS is already up. `make status` tells where, `make down` stops it."
        )
    try:
        demo_job.keep_up(demo_job.Stages(console))
    except BaseException:
        runtime.stop()
        raise
    console.print(
        f"Everything runs. Addresses and passwords: {home() / 'endpoints.json'}. Stop it: make down"
    )


@app.command()
def stream(day: Annotated[str, typer.Option(help="a day that the lake has, ISO")] = "") -> None:
    """Replay a day onto the stream of the running embedded AWS, and show live what is read of it."""
    if not runtime.running():
        raise UserFacingError("The embedded AWS is not up: run `make up` first.")
    chosen = date.fromisoformat(day) if day else demo_job.BUSY_DAY
    found = stream_view.watch(chosen, console)
    raise typer.Exit(0 if found["reconciled"] else 1)


@app.command()
def down() -> None:
    """Stop the embedded AWS and everything that it started; its state stays for the next `make up`."""
    stopped = runtime.stop()
    console.print(f"Stopped: {', '.join(stopped) or 'nothing was running'}.")


@app.command()
def status() -> None:
    """What runs, and where it answers."""
    for name, state in runtime.describe():
        console.print(f"{name:24} {state}")
    endpoints = home() / "endpoints.json"
    console.print(f"Addresses: {endpoints}" if endpoints.exists() else "The embedded AWS is not up.")


@app.command()
def spark_history() -> None:
    """Serve Spark's UI over the event logs of the runs."""
    address, found = history.start()
    console.print(
        f"{address} shows the {found} runs of Spark so far. Stop it with everything else: make down"
    )


@app.command()
def synth(env: Env = "dev") -> None:
    """Synthesise every stack into cdk.out/."""
    cdk.synth(env)
    console.print(f"{len(cdk.stack_names())} stacks of {env} are in cdk.out/.")


@app.command()
def deploy(
    env: Env = "dev",
    yes: Annotated[bool, typer.Option(help="delete stacks that are switched off without asking")] = False,
) -> None:
    """Deploy to AWS with your own credentials; with ENV=localstack to the endpoint in LOCALSTACK_HOST."""
    environment = cdk.localstack_environment() if env == "localstack" else {}
    if environment:
        cdk.bootstrap(environment)
    cdk.synth(env)

    def agree(question: str) -> bool:
        return yes or (sys.stdin.isatty() and typer.confirm(question))

    account = Account(environment)
    change.prepare(
        account,
        env,
        cdk.templates(),
        lambda stack: cdk.deploy(environment, only=stack),
        agree,
        say,
    )
    cdk.deploy(environment)
    deployed.finish(account.client, env, say)


@app.command()
def doctor(env: Env = "dev") -> None:
    """Ask the account, with calls that only read, what a deploy of ENV would stumble over."""
    from local.doctor.run import run

    raise typer.Exit(run(load(env, os.environ), console))


@app.command()
def destroy(
    env: Env = "dev",
    sweep: Annotated[bool, typer.Option(help="delete what the stacks leave, except retained data")] = False,
) -> None:
    """Delete the stacks with the buckets that the settings allow to delete; list what is left."""
    environment = cdk.localstack_environment() if env == "localstack" else {}
    settings = load(env, os.environ)
    account = Account(environment)
    problem = destruction.destroy(account, env, say)
    list_remnants(account, env, say, delete=sweep, remove_data=settings.environment.remove_data_on_destroy)
    if problem:
        raise UserFacingError(problem)


def say(text: str) -> None:
    """Print a sentence as it is, without markup."""
    console.print(text, markup=False, highlight=False, soft_wrap=True)


@app.command()
def sources(env: Env = "dev") -> None:
    """Ask each source of ENV one small request from this machine, and show what it answers."""
    found = []
    for each in live_sources.ask(load(env, os.environ).ingestion):
        sentence = each.sentence if each.good else f"FAILED: {each.sentence}"
        # The sentences are of servers: square brackets in them are not rich's.
        console.print(f"{each.request.source:10}{sentence}", highlight=False, markup=False, soft_wrap=True)
        found.append(each)
    bad = [each.request.source for each in found if not each.good]
    if bad:
        raise UserFacingError(
            f"{len(bad)} of {len(found)} sources did not answer as the pipeline needs it: {', '.join(bad)}. "
            "The reasons are above; docs/data.md, Downloads, has the settings that may help."
        )
    console.print(f"All {len(found)} sources answer.")


@app.command()
def test() -> None:
    """The whole offline suite, without the slow rest."""
    # Two workers: half of the time goes by waiting. Their groups are in tests/conftest.py.
    _check("the tests", "pytest", "-n", "2", "--no-loadscope-reorder", _junit("junit.xml"))


@app.command()
def test_all() -> None:
    """The slow rest, which `make test` leaves out: walks through an environment's life, soaks."""
    _check("the slow tests", "pytest", "-m", "slow or soak", _junit("junit-slow.xml"))


def _junit(name: str) -> str:
    reports = ROOT / "build" / "test"
    reports.mkdir(parents=True, exist_ok=True)
    return f"--junitxml={reports / name}"


@app.command()
def test_faults() -> None:
    """The faults of the stream, by chance, for some minutes."""
    _check("the soak", "pytest", "-m", "soak", "tests/streaming")


@app.command()
def bench() -> None:
    """Benchmarks on an embedded AWS of their own: the cost of a day, Spark's techniques, the stream."""
    from bench.run import run  # Spark's Python, which no other command needs

    raise typer.Exit(run(console))


@app.command()
def lint() -> None:
    """Ruff, mypy --strict, hadolint, the compose schema; cdk-nag and cfn-lint on every environment."""
    # Of everything: what is left out, pyproject.toml says.
    _check("ruff", "ruff", "check", ".")
    _check("ruff's formatter", "ruff", "format", "--check", ".")
    _check("mypy", "mypy", ".")
    dockerfiles = [*sorted((ROOT / "containers").glob("*/Dockerfile")), ROOT / "compose" / "Dockerfile"]
    _check("hadolint", "hadolint", *map(str, dockerfiles))
    compose = ("--builtin-schema", "vendor.compose-spec", "docker-compose.yml")
    _check("the compose file's schema", "check-jsonschema", "--quiet", *compose)
    outputs = [cdk.synth(env, output=ROOT / "build" / "lint" / env) for env in ENVIRONMENTS]
    templates = [str(path) for output in outputs for path in sorted(output.glob("*.template.json"))]
    _check("cfn-lint", "cfn-lint", "--non-zero-exit-code", "error", "--template", *templates)
    console.print("Lint is clean.")


@app.command()
def fidelity() -> None:
    """Write docs/fidelity.md."""
    done = subprocess.run([tools().gateway_python, "-m", "local.fidelity"], cwd=ROOT, check=False)
    if done.returncode != 0:
        raise UserFacingError("The fidelity page could not be written; the reason stands above.")


INTERRUPTED = 130
"""Exit code of a command that a signal ended, as shells have it."""
ENVIRONMENTS = ("dev", "stage", "prod", "localstack")


def _check(what: str, program: str, *arguments: str) -> None:
    """Run one of the environment's Python tools; raise UserFacingError when it finds something."""
    programs = Path(sys.executable).parent
    path = f"{programs}{os.pathsep}{os.environ.get('PATH', '')}"
    done = subprocess.run(
        [programs / program, *arguments], cwd=ROOT, env={**os.environ, "PATH": path}, check=False
    )
    if done.returncode != 0:
        raise UserFacingError(f"{what[0].upper()}{what[1:]} found something; it stands above.")


def main() -> int:
    """Run a command; every failure that a user can mend is one sentence."""
    # An ended terminal or a `kill` must stop what was started, like Ctrl-C.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        code = app(standalone_mode=False) or 0
    except (UserFacingError, ToolchainError, SettingsError) as failure:
        if os.environ.get("DEBUG") == "1":
            raise
        console.print(f"[red]Failed:[/red] {failure}", soft_wrap=True)
        return 1
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    except Exception as failure:
        if os.environ.get("DEBUG") == "1":
            raise
        console.print(
            f"[red]Failed:[/red] {type(failure).__name__}: {failure}. Logs: {runtime.logs()}. "
            "Run again with DEBUG=1 for the traceback.",
            soft_wrap=True,
        )
        return 1
    if code == INTERRUPTED:
        console.print("Interrupted; what was started has been stopped. Run the command again when you like.")
    return int(code)


if __name__ == "__main__":
    sys.exit(main())
