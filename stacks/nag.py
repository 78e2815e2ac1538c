"""cdk-nag's AwsSolutions rules over the whole app, and the acknowledgements of single findings.

An acknowledgement names one resource, one rule and the reason, and stands beside the code that needs it. One
that no finding needs any more is reported as well, so that their number can only fall.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aws_cdk import Acknowledgment, App, CfnResource, Reference, Stack, Tokenization, Validations
from aws_cdk import aws_iam as iam
from cdk_nag import AwsSolutionsChecks
from constructs import IConstruct

PACK = "AwsSolutions"
REPORT = "validation-report.json"

_ACTION = re.compile(r"[a-z0-9-]+:[A-Za-z0-9*]+")
_TOKEN = re.compile(r"(\$\{Token\[[^\]]+\]\})")


@dataclass(frozen=True, order=True)
class Acknowledgement:
    """One acknowledged finding: the path of the construct, the rule it does not meet, and why it may."""

    path: str
    rule: str
    reason: str


def check(app: App) -> None:
    """Hold every resource of `app` against the AwsSolutions rules when it is synthesised."""
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))


def synthesise(app: App) -> int:
    """Synthesise `app`, print what the rules found, and return the exit code: 1 with any finding.

    An acknowledgement that no finding needs is a finding, too.
    """
    try:
        assembly = Path(app.synth().directory)
    except RuntimeError as error:
        if "ValidationFailed" not in str(error):
            raise
        print("cdk-nag found what is listed above: repair it, or acknowledge it.", file=sys.stderr)
        return 1
    needless = unused(assembly)
    for each in needless:
        print(f"{each.path}: the acknowledgement of {each.rule} is not needed any more", file=sys.stderr)
    failed = [report for report in _reports(assembly) if report["conclusion"] != "success"]
    if needless or failed:
        return 1
    print(f"cdk-nag: no findings, {len(acknowledgements(assembly))} acknowledgements", file=sys.stderr)
    return 0


def acknowledge(construct: IConstruct, rule: str, reason: str) -> None:
    """Accept that the resource of `construct` does not meet `rule`, for instance "RDS3".

    The resource is the construct itself or its default child. Raises ValueError when it has neither.
    """
    resource = construct if CfnResource.is_cfn_resource(construct) else construct.node.default_child
    if resource is None:
        raise ValueError(f"{construct.node.path} is not one resource: name the resource that has the finding")
    rule_id = f"{PACK}::{PACK}-{rule}"
    Validations.of(resource).acknowledge(Acknowledgment(id=rule_id, reason=" ".join(reason.split())))


def acknowledge_wildcard(policy: IConstruct, *wildcards: str, reason: str) -> None:
    """Accept that the statements of `policy` name actions or resources with a `*`; one finding each.

    `policy` is a policy, or a role: then its default policy is meant, or its inline ones when it has none.
    A wildcard such as "s3:GetObject*" is an action; any other is a resource, and may contain references, also
    to resources of other stacks.
    """
    if isinstance(policy, iam.Role):
        policy = policy.node.try_find_child("DefaultPolicy") or policy
    stack = Stack.of(policy)
    for wildcard in wildcards:
        kind = "Action" if _ACTION.fullmatch(wildcard) else "Resource"
        acknowledge(policy, f"IAM5[{kind}::{flatten(stack, wildcard)}]", reason)


def flatten(stack: Stack, value: str) -> str:
    """`value` as cdk-nag writes it in a finding of `stack`: references in brackets or by export name."""
    return "".join(
        _flat(stack.resolve(_imported(stack, part))) if _TOKEN.fullmatch(part) else part
        for part in _TOKEN.split(value)
    )


def acknowledgements(assembly: Path) -> list[Acknowledgement]:
    """Every acknowledgement of this pack that the synthesised `assembly` records, sorted."""
    return sorted(
        Acknowledgement(path.lstrip("/"), rule.removeprefix(f"{PACK}::"), reason)
        for file in _metadata_files(assembly)
        for path, entries in json.loads(file.read_text(encoding="utf-8")).items()
        for entry in entries
        if entry["type"] == Validations.ACKNOWLEDGED_RULES_METADATA_KEY
        for rule, reason in entry["data"].items()
        if rule.startswith(f"{PACK}::")
    )


def _metadata_files(assembly: Path) -> Iterator[Path]:
    """The metadata of the stacks that are on; the folder may still hold another environment's."""
    manifest = json.loads((assembly / "manifest.json").read_text(encoding="utf-8"))
    for artifact in manifest["artifacts"].values():
        if "additionalMetadataFile" in artifact:
            yield assembly / artifact["additionalMetadataFile"]


def unused(assembly: Path) -> list[Acknowledgement]:
    """Acknowledgements in the synthesised `assembly` that no finding needed."""
    met = {
        (each["acknowledgedAt"], each["acknowledgedId"].removeprefix(f"{PACK}::"))
        for each in _suppressed(assembly)
    }
    return [each for each in acknowledgements(assembly) if (each.path, each.rule) not in met]


def _reports(assembly: Path) -> list[dict[str, Any]]:
    report = assembly / REPORT
    if not report.is_file():
        return []
    return list(json.loads(report.read_text(encoding="utf-8"))["pluginReports"])


def _suppressed(assembly: Path) -> Iterator[dict[str, Any]]:
    for report in _reports(assembly):
        yield from report.get("suppressedViolations", ())


def _imported(stack: Stack, token: str) -> str:
    """The token, or, when it refers to another stack's resource, the import that takes its place at synth."""
    reference = Tokenization.reverse_string(token).first_token
    if isinstance(reference, Reference):
        producer = Stack.of(reference.target)
        if producer.node.path != stack.node.path and CfnResource.is_cfn_resource(reference.target):
            return producer.export_value(token)
    return token


def _flat(value: Any) -> str:
    match value:
        case str():
            return re.sub(r"\$\{([^}]*)\}", r"<\1>", value)
        case {"Fn::Join": [delimiter, items]}:
            return str(delimiter).join(_flat(item) for item in items)
        case {"Fn::Sub": template}:
            return _flat(template)
        case {"Fn::GetAtt": [resource, attribute]}:
            return f"<{resource}.{attribute}>"
        case {"Fn::ImportValue": name}:
            return _flat(name)
        case {"Ref": name}:
            return f"<{name}>"
        case _:
            return json.dumps(value, separators=(",", ":"))
