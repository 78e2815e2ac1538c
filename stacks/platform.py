"""Which stacks there are, and who is handed to whom: the order of deployment is the order of this file."""

from __future__ import annotations

import json
from pathlib import Path

from aws_cdk import Annotations, App
from aws_cdk import aws_iam as iam

from stacks import nag
from stacks.catalog import CatalogStack
from stacks.containers import ContainersStack
from stacks.database import DatabaseStack
from stacks.ingestion import IngestionStack
from stacks.lake import LakeStack
from stacks.network import NetworkStack
from stacks.orchestration import OrchestrationStack
from stacks.requirements import not_run_here
from stacks.security import SecurityStack
from stacks.settings import Settings
from stacks.spark import SparkStack
from stacks.streaming import StreamingStack
from stacks.warehouse import WarehouseStack

ROOT = Path(__file__).resolve().parent.parent


def new_app(outdir: str) -> App:
    """An app that synthesises to `outdir`, under the feature flags of cdk.json and the rules of cdk-nag."""
    flags = json.loads((ROOT / "cdk.json").read_text(encoding="utf-8"))["context"]
    app = App(
        outdir=outdir,
        # The CLI sets these two: with them `python app.py` writes the same templates.
        context={**flags, "aws:cdk:enable-path-metadata": True, "aws:cdk:enable-asset-metadata": True},
        analytics_reporting=False,
        # It takes 5 s of each synth; `make lint` holds the templates against cfn-lint instead.
        builtin_cloud_formation_validation=False,
    )
    nag.check(app)
    return app


def add_stacks(app: App, settings: Settings) -> None:
    """Add the stacks that are on in `settings` to `app`; `stacks/requirements.py` says what each needs."""
    on = settings.stacks
    security = SecurityStack(app, "Security", settings=settings) if on.security else None
    if security is None:
        return
    iam.PermissionsBoundary.of(app).apply(security.boundary)
    network = NetworkStack(app, "Network", settings=settings, security=security) if on.network else None
    lake = LakeStack(app, "Lake", settings=settings, security=security) if on.lake else None
    catalog = database = warehouse = streaming = spark = containers = ingestion = None
    if on.catalog and lake:
        catalog = CatalogStack(app, "Catalog", settings=settings, security=security, lake=lake)
    if on.database and network:
        database = DatabaseStack(app, "Database", settings=settings, security=security, network=network)
    if on.warehouse and network and lake:
        warehouse = WarehouseStack(
            app, "Warehouse", settings=settings, security=security, network=network, lake=lake
        )
    if on.streaming and network:
        streaming = StreamingStack(app, "Streaming", settings=settings, security=security, network=network)
    if on.spark and network and lake:
        spark = SparkStack(
            app,
            "Spark",
            settings=settings,
            security=security,
            network=network,
            lake=lake,
            streaming=streaming,
        )
    if on.containers and network and lake and database and warehouse:
        containers = ContainersStack(
            app,
            "Containers",
            settings=settings,
            security=security,
            network=network,
            lake=lake,
            database=database,
            warehouse=warehouse,
            streaming=streaming,
        )
    if on.ingestion and lake and catalog and warehouse:
        ingestion = IngestionStack(
            app,
            "Ingestion",
            settings=settings,
            security=security,
            lake=lake,
            catalog=catalog,
            warehouse=warehouse,
            network=network,
            database=database,
            streaming=streaming,
        )
    if (
        on.orchestration
        and network
        and lake
        and catalog
        and database
        and warehouse
        and spark
        and containers
        and ingestion
    ):
        OrchestrationStack(
            app,
            "Orchestration",
            settings=settings,
            security=security,
            network=network,
            lake=lake,
            catalog=catalog,
            database=database,
            warehouse=warehouse,
            spark=spark,
            containers=containers,
            ingestion=ingestion,
        )
    for name, warning in not_run_here(settings).items():
        stack = app.node.try_find_child(name)
        if stack is not None:
            Annotations.of(stack).add_warning_v2("refstack:NotRunHere", warning)
