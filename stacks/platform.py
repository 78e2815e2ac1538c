"""Which stacks there are, and who is handed to whom: the order of deployment is the order of this file."""

from __future__ import annotations

import json
from pathlib import Path

from aws_cdk import App
from aws_cdk import aws_iam as iam

from stacks import nag
from stacks.database import DatabaseStack
from stacks.lake import LakeStack
from stacks.network import NetworkStack
from stacks.security import SecurityStack
from stacks.settings import Settings
from stacks.streaming import StreamingStack
from stacks.warehouse import WarehouseStack

ROOT = Path(__file__).resolve().parent.parent


def new_app(outdir: str) -> App:
    """An app that synthesises to `outdir`, under the feature flags of cdk.json and the rules of cdk-nag."""
    flags = json.loads((ROOT / "cdk.json").read_text(encoding="utf-8"))["context"]
    app = App(
        outdir=outdir,
        context=flags,
        analytics_reporting=False,
        # It takes 5 s of each synth; `make lint` holds the templates against cfn-lint instead.
        builtin_cloud_formation_validation=False,
    )
    nag.check(app)
    return app


def add_stacks(app: App, settings: Settings) -> None:
    """Add every stack that is on in `settings` to `app`; none that needs one that is off."""
    on = settings.stacks
    if not on.security:
        return
    security = SecurityStack(app, "Security", settings=settings)
    iam.PermissionsBoundary.of(app).apply(security.boundary)
    network = NetworkStack(app, "Network", settings=settings, security=security) if on.network else None
    lake = LakeStack(app, "Lake", settings=settings, security=security) if on.lake else None
    if on.database and network:
        DatabaseStack(app, "Database", settings=settings, security=security, network=network)
    if on.warehouse and network and lake:
        WarehouseStack(app, "Warehouse", settings=settings, security=security, network=network, lake=lake)
    if on.streaming and network:
        StreamingStack(app, "Streaming", settings=settings, security=security, network=network)
