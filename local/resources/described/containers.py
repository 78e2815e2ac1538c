"""Answers of ECR."""

from __future__ import annotations

from typing import Any

from local.resources.described.describer import describer, only
from local.resources.provisioner import Properties
from local.services.clients import client


@describer("AWS::ECR::Repository")
def repository(physical_id: str, props: Properties) -> dict[str, Any]:
    ecr = client("ecr")
    found = only(ecr.describe_repositories(repositoryNames=[physical_id])["repositories"])
    policy = ecr.get_lifecycle_policy(repositoryName=physical_id)["lifecyclePolicyText"]
    tags = ecr.list_tags_for_resource(resourceArn=found["repositoryArn"])["tags"]
    return {**found, "LifecyclePolicy": {"LifecyclePolicyText": policy}, "Tags": tags}
