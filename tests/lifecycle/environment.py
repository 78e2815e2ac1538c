"""Deploys synthesised templates through CloudFormation's API, in the calls and the order of the CDK CLI."""

from __future__ import annotations

import io
import json
import uuid
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from local import deploy, layout
from local.lifecycle import change, destruction
from local.lifecycle.account import Account, Template, deployed, exports, imports
from tests.stacks.assembly import Assembly

ASSETS = f"cdk-hnb659fds-assets-{layout.ACCOUNT}-{layout.REGION}"
"""The bootstrap's bucket, from which functions and jobs are deployed."""


class DeploymentError(Exception):
    """A stack did not reach a complete state; the message has the reasons of its events."""


@dataclass
class Environment:
    """One environment on an account: `templates` by stack name, in the order of their deployment."""

    account: Account
    name: str
    templates: dict[str, Template]
    protected: bool = False
    """Whether the CLI switches termination protection on."""
    said: list[str] = field(default_factory=list)
    """What the commands have said so far."""
    updated: list[str] = field(default_factory=list)
    """Stacks that changed, in this order."""

    @property
    def cloudformation(self) -> Any:
        return self.account.client("cloudformation")

    def up(self, templates: Mapping[str, Template] | None = None, *, agree: bool = False) -> None:
        """`make deploy`: prepare the environment, then deploy every stack."""
        if templates is not None:
            self.templates = dict(templates)
        change.prepare(
            self.account,
            self.name,
            self.templates,
            self.deploy,
            lambda question: agree,
            self.said.append,
            wait=lambda seconds: None,
        )
        for stack in self.templates:
            self.deploy(stack)

    def down(self) -> str | None:
        """`make destroy`, without its waiting and its sweep."""
        return destruction.destroy(self.account, self.name, self.said.append, wait=lambda seconds: None)

    def states(self) -> dict[str, str]:
        """State of each stack that there is."""
        return {name: stack.status for name, stack in deployed(self.account, self.name).items()}

    def deploy(self, stack: str) -> None:
        """Create or update one stack by a change set. Raises DeploymentError when it does not succeed."""
        change_set = self.change_set(stack)
        self._protect(stack)
        if change_set["Status"] == "FAILED":
            self.cloudformation.delete_change_set(ChangeSetName=change_set["ChangeSetId"])
            return
        self.cloudformation.execute_change_set(ChangeSetName=change_set["ChangeSetId"])
        kind = "create" if change_set["ChangeSetType"] == "CREATE" else "update"
        self._wait(kind, stack)
        self.updated.append(stack)

    def change_set(self, stack: str) -> dict[str, Any]:
        """A new change set of a stack, as DescribeChangeSet answers it; FAILED when nothing changes."""
        exists = self.states().get(stack, "REVIEW_IN_PROGRESS") != "REVIEW_IN_PROGRESS"
        kind = "UPDATE" if exists else "CREATE"
        made = self.cloudformation.create_change_set(
            StackName=stack,
            ChangeSetName=f"change-{uuid.uuid4().hex}",
            ChangeSetType=kind,
            TemplateURL=self._uploaded(stack),
            Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
            Tags=[{"Key": "project", "Value": "refstack"}, {"Key": "environment", "Value": self.name}],
        )
        while True:
            found = self.cloudformation.describe_change_set(ChangeSetName=made["Id"])
            if not found["Status"].endswith(("_PENDING", "_IN_PROGRESS")):
                break
        if found["Status"] == "FAILED" and "didn't contain changes" not in found["StatusReason"]:
            raise DeploymentError(f"{stack}: {found['StatusReason']}")
        return {**found, "ChangeSetType": kind}

    def _protect(self, stack: str) -> None:
        self.cloudformation.update_termination_protection(
            StackName=stack, EnableTerminationProtection=self.protected
        )

    def _wait(self, kind: str, stack: str) -> None:
        waiter = self.cloudformation.get_waiter(f"stack_{kind}_complete")
        waiter.config.delay, waiter.config.max_attempts = 0.1, 6000
        try:
            waiter.wait(StackName=stack)
        except Exception as error:
            reasons = [
                f"{each['LogicalResourceId']} {each['ResourceStatus']}: {each['ResourceStatusReason']}"
                for each in self.account.pages(
                    "cloudformation", "describe_stack_events", "StackEvents", StackName=stack
                )
                if each["ResourceStatus"].endswith("FAILED") and each.get("ResourceStatusReason")
            ]
            raise DeploymentError(f"{stack}: {'; '.join(reasons) or error}") from error

    def _uploaded(self, stack: str) -> str:
        body = json.dumps(self.templates[stack]).encode()
        s3 = self.account.client("s3")
        s3.put_object(Bucket=ASSETS, Key=f"templates/{stack}.json", Body=body)
        return f"{layout.gateway_url()}/{ASSETS}/templates/{stack}.json"


def bootstrap(account: Account, *assemblies: Assembly) -> None:
    """What templates of the CDK find in an account: the bootstrap's version, its bucket, their assets."""
    s3 = account.client("s3")
    try:
        s3.create_bucket(Bucket=ASSETS, CreateBucketConfiguration=layout.BUCKET_LOCATION)
    except ClientError as error:
        if error.response["Error"]["Code"] != "BucketAlreadyOwnedByYou":
            raise
    account.client("ssm").put_parameter(
        Name="/cdk-bootstrap/hnb659fds/version", Value="30", Type="String", Overwrite=True
    )
    for assembly in assemblies:
        for manifest in sorted(assembly.path.glob("*.assets.json")):
            for file in json.loads(manifest.read_text())["files"].values():
                (target,) = file["destinations"].values()
                source = assembly.path / file["source"]["path"]
                if not source.name.endswith(".template.json"):
                    s3.put_object(Bucket=ASSETS, Key=target["objectKey"], Body=_packed(source))


def _packed(source: Path) -> bytes:
    if source.is_file():
        return source.read_bytes()
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        for path in sorted(source.rglob("*")):
            if path.is_file():
                packed.write(path, path.relative_to(source))
    return archive.getvalue()


def templates(assembly: Assembly) -> dict[str, Template]:
    """The templates of an assembly by stack name, those that others need first."""
    found = deploy.templates(assembly.path)
    return {name: found[name] for name in deploy.stack_names(assembly.path)}


def skeleton(template: Template) -> Template:
    """A template that exports and imports what `template` does, and has one resource that costs nothing."""
    values = [{"Fn::ImportValue": name} for name in sorted(imports(template))]
    parameter = {
        "Type": "AWS::SSM::Parameter",
        "Properties": {"Type": "String", "Value": {"Fn::Join": [",", ["-", *values]]}},
    }
    outputs = {
        f"Output{number}": {"Value": "-", "Export": {"Name": name}}
        for number, name in enumerate(sorted(exports(template)))
    }
    return {"Resources": {"Imported": parameter}, **({"Outputs": outputs} if outputs else {})}
