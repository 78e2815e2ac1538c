"""Who deploys, where to, and what the account has once: credentials, region, bootstrap, access analyzer."""

from __future__ import annotations

import json
from pathlib import Path

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from local.doctor.finding import Clients, Findings, fine, missing, unknown
from stacks.settings import Settings

BOOTSTRAP_PARAMETER = "/cdk-bootstrap/hnb659fds/version"
"""Written by `cdk bootstrap`. https://docs.aws.amazon.com/cdk/v2/guide/bootstrapping-env.html"""
SERVICES = {
    "database": "rds",
    "warehouse": "redshift-serverless",
    "streaming": "kafka",
    "spark": "emr",
    "containers": "codebuild",
    "orchestration": "mwaa",
}
"""Stack → the service without which it cannot be, by boto3's name."""


def credentials(clients: Clients) -> Findings:
    """Whether somebody is signed in; without that nothing else can be asked."""
    try:
        caller = clients("sts").get_caller_identity()
    except (BotoCoreError, ClientError) as error:
        yield missing(
            f"No credentials that AWS takes: {error}",
            "set AWS_PROFILE, or sign in with `aws sso login` or `aws configure`",
        )
        return
    yield fine(f"signed in to account {caller['Account']} as {caller['Arn']}")
    if caller["Arn"].endswith(":root"):
        yield fine("this is the account's root user: it works; a role with administrator rights is safer")


def region(settings: Settings, name: str) -> Findings:
    """Whether the region has the services of the stacks that are on, as far as boto3 knows."""
    session = boto3.session.Session()
    needed = {stack: SERVICES[stack] for stack in settings.stacks.enabled() if stack in SERVICES}
    lacking = {
        stack: service
        for stack, service in needed.items()
        if (regions := session.get_available_regions(service)) and name not in regions
    }
    for stack, service in lacking.items():
        yield missing(
            f"{name} has no {service}, as far as boto3 {boto3.__version__} knows",
            f"choose another region, or REFSTACK_STACKS__{stack.upper()}=false",
        )
    if not lacking:
        yield fine(f"{name} has {', '.join(sorted(needed.values())) or 'what is needed'}")


def bootstrap(clients: Clients, output: Path, account: str, name: str) -> Findings:
    """Whether the CDK's own stack is there, and new enough for the stacks synthesised in `output`."""
    artifacts = json.loads((output / "manifest.json").read_text())["artifacts"].values()
    wanted = max(
        (
            part["properties"].get("requiresBootstrapStackVersion", 0)
            for part in artifacts
            if "properties" in part
        ),
        default=0,
    )
    remedy = f'npx aws-cdk@2 bootstrap --app "" aws://{account}/{name}'
    try:
        found = int(clients("ssm").get_parameter(Name=BOOTSTRAP_PARAMETER)["Parameter"]["Value"])
    except ClientError as error:
        if error.response["Error"]["Code"] != "ParameterNotFound":
            yield unknown("the CDK's bootstrap", error)
            return
        yield missing(f"account {account} is not bootstrapped in {name}", remedy)
        return
    if found < wanted:
        yield missing(f"the bootstrap has version {found}, the stacks need {wanted}", remedy)
    else:
        yield fine(f"bootstrapped, version {found}")


def analyzer(clients: Clients, settings: Settings) -> Findings:
    """Whether the account's only access analyzer is somebody else's.

    An account has one analyzer of its own kind in a region:
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
    """
    try:
        found = clients("accessanalyzer").list_analyzers(type="ACCOUNT")["analyzers"]
    except ClientError as error:
        yield unknown("access analyzers", error)
        return
    others = [each["name"] for each in found if each["name"] != settings.physical_name()]
    wanted = settings.environment.account_singletons and settings.stacks.security
    if others and wanted:
        yield missing(
            f"the account has the access analyzer {others[0]}, and an account may have one only",
            "REFSTACK_ENVIRONMENT__ACCOUNT_SINGLETONS=false, or account_singletons = false in its file",
        )
    elif others:
        yield fine(f"the account's access analyzer is {others[0]}; {settings.name} adds none")
    else:
        yield fine("no other access analyzer")
