"""Whom a role trusts: a service, on behalf of this account only."""

from __future__ import annotations

from aws_cdk import Aws
from aws_cdk import aws_iam as iam


def on_our_behalf(service: str, *, resource: str, arn_service: str | None = None) -> iam.IPrincipal:
    """The principal of `service`, acting for a resource of ours and for nobody else's (confused deputy).

    `service` is the first part of its name, such as "codebuild"; `resource` is what its ARNs have behind the
    account, such as "project/*"; `arn_service` is the service as its ARNs name it,
    where that differs.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html
    """
    here = f"{Aws.REGION}:{Aws.ACCOUNT_ID}"
    return iam.ServicePrincipal(
        f"{service}.amazonaws.com",
        conditions={
            "StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID},
            "ArnLike": {"aws:SourceArn": f"arn:{Aws.PARTITION}:{arn_service or service}:{here}:{resource}"},
        },
    )
