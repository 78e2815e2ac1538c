"""The upgrade of a deployed dev from the templates of commit e1d6649, change set by change set."""

from __future__ import annotations

import io
import json
import re
import zipfile
from typing import Any

import pytest

from local import runtime
from local.lifecycle.account import Account, Template
from tests.lifecycle.before import STATEFUL, deployed_before, stateful
from tests.lifecycle.environment import ASSETS, Environment, bootstrap, templates
from tests.lifecycle.walks import COMPLETE, physical_ids
from tests.local.conftest import Gateway
from tests.stacks.assembly import Assembly, synthesise

ASSET = re.compile(r"[0-9a-f]{64}\.[a-z]+")


@pytest.fixture(scope="module")
def dev() -> Assembly:
    return synthesise("dev")


@pytest.mark.slow
@pytest.mark.gateway
def test_dev_is_upgraded_in_place(gateway: Gateway, dev: Assembly) -> None:
    account = Account(runtime.environment())
    bootstrap(account, dev)
    env = Environment(account, "dev", deployed_before("dev"))
    _upload_old_assets(env, dev)
    env.up()
    before = physical_ids(env)
    kept = [f"{stack}/{logical_id}" for stack, logical_id in stateful(env.templates)]

    env.templates = templates(dev)
    replaced = [
        f"{stack} {change['LogicalResourceId']} {change['Replacement']}"
        for stack in env.templates
        for change in _changes(env, stack)
        if change["ResourceType"] in STATEFUL
        and (change["Action"] == "Remove" or change.get("Replacement", "False") == "True")
    ]
    assert replaced == []

    env.up(agree=True)

    assert set(env.states().values()) <= COMPLETE
    after = physical_ids(env)
    assert {name: after.get(name) for name in kept} == {name: before[name] for name in kept}


def _changes(env: Environment, stack: str) -> list[dict[str, Any]]:
    """What an update of a stack would change, while nothing else has changed yet."""
    found = env.change_set(stack)
    env.cloudformation.delete_change_set(ChangeSetName=found["ChangeSetId"])
    return [each["ResourceChange"] for each in found.get("Changes", [])]


def _upload_old_assets(env: Environment, dev: Assembly) -> None:
    """Something under the name of each asset of e1d6649: its code is not what the upgrade is about.

    The DAG bucket gets today's DAGs, so that Airflow has something to read.
    """
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("handler.py", "def handler(event, context):\n    pass\n")
    s3 = env.account.client("s3")
    there = {each["Key"] for each in env.account.pages("s3", "list_objects_v2", "Contents", Bucket=ASSETS)}
    today = _deployments(templates(dev))
    for name, key in _deployments(env.templates).items():
        if key not in there:
            s3.copy_object(Bucket=ASSETS, Key=key, CopySource={"Bucket": ASSETS, "Key": today[name]})
            there.add(key)
    for key in set(ASSET.findall(json.dumps(env.templates))) - there:
        body = archive.getvalue() if key.endswith(".zip") else b"# nothing\n"
        s3.put_object(Bucket=ASSETS, Key=key, Body=body)


def _deployments(all_templates: dict[str, Template]) -> dict[str, str]:
    """Logical id → asset of each bucket deployment, without the CDK's hash at the id's end."""
    return {
        logical_id[:-8]: resource["Properties"]["SourceObjectKeys"][0]
        for template in all_templates.values()
        for logical_id, resource in template["Resources"].items()
        if resource["Type"] == "Custom::CDKBucketDeployment"
    }
