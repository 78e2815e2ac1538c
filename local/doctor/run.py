"""All checks in their order, each on its own: one that cannot be asked stops none of the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console

from local import deploy as cdk
from local.doctor import account, names, quotas, zones
from local.doctor.finding import Clients, Finding, Verdict, missing, unknown
from local.layout import ROOT
from stacks.settings import Settings

MARKS = {
    Verdict.FINE: "[green]ok[/green]     ",
    Verdict.MISSING: "[red]missing[/red]",
    Verdict.UNKNOWN: "[yellow]unknown[/yellow]",
}
TRIES = 3
SECONDS = 15
"""How long one call may take: a proxy or a closed network should not keep anybody waiting."""


def run(settings: Settings, console: Console, *, output: Path | None = None) -> int:
    """Print what is missing for a deploy of `settings`; 0 when nothing is, 1 otherwise. Changes nothing.

    The stacks are synthesised, unless `output` has them already.
    """
    counts = dict.fromkeys(Verdict, 0)
    for finding in examine(settings, output):
        counts[finding.verdict] += 1
        console.print(f"{MARKS[finding.verdict]} {finding.what}", soft_wrap=True, highlight=False)
        if finding.remedy:
            console.print(f"        → {finding.remedy}", soft_wrap=True, highlight=False, markup=False)
    if counts[Verdict.MISSING]:
        console.print(f"{counts[Verdict.MISSING]} to mend before `make deploy ENV={settings.name}`.")
        return 1
    left = f", {counts[Verdict.UNKNOWN]} could not be asked" if counts[Verdict.UNKNOWN] else ""
    console.print(f"Nothing is missing for `make deploy ENV={settings.name}`{left}.")
    return 0


def examine(settings: Settings, output: Path | None = None) -> Iterator[Finding]:
    """What is found for `settings` in the account and region of this machine's AWS settings."""
    session = boto3.session.Session()
    region = session.region_name
    if region is None:
        yield missing("No region is chosen", "export AWS_DEFAULT_REGION=us-east-1, or another one")
        return
    clients = _clients(session)
    signed_in = list(account.credentials(clients))
    yield from signed_in
    if any(finding.verdict is Verdict.MISSING for finding in signed_in):
        return
    number = clients("sts").get_caller_identity()["Account"]
    if output is None:
        output = ROOT / "build" / "doctor" / settings.name
        cdk.synth(settings.name, output=output, log=output.parent / f"{settings.name}.log")
    stacks = output
    templates = cdk.templates(stacks)
    checks: tuple[tuple[str, Callable[[], Iterator[Finding]]], ...] = (
        ("the region's services", lambda: account.region(settings, region)),
        ("the bootstrap", lambda: account.bootstrap(clients, stacks, number, region)),
        ("access analyzers", lambda: account.analyzer(clients, settings)),
        ("zones", lambda: zones.check(clients, settings, templates)),
        ("quotas", lambda: quotas.check(clients, settings, templates)),
        ("names", lambda: names.check(clients, templates, number, region)),
    )
    for what, check in checks:
        try:
            yield from check()
        except (BotoCoreError, ClientError) as error:
            yield unknown(what, error)


def _clients(session: boto3.session.Session) -> Clients:
    """Clients of the session that give up soon, each made once."""
    config = Config(
        connect_timeout=SECONDS,
        read_timeout=SECONDS,
        retries={"total_max_attempts": TRIES, "mode": "standard"},
    )
    made: dict[str, Any] = {}

    def client(service: str) -> Any:
        if service not in made:
            made[service] = session.client(service, config=config)  # type: ignore[call-overload]
        return made[service]

    return client
