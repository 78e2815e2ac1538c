"""The policies that AWS keeps for everyone, with their real documents, from the copy that moto carries."""

from __future__ import annotations

import functools
import json
from typing import Any

from ministack.services import iam

PREFIX = "arn:aws:iam::aws:policy/"


def install() -> None:
    """Let IAM find every AWS-managed policy, not only the few that ministack carries."""
    lookup = iam._lookup_policy

    def with_all_managed(arn: str) -> Any:
        found = lookup(arn)
        if found is None and arn.startswith(PREFIX) and arn in _documents():
            name = arn.removeprefix(PREFIX)
            found = iam._make_aws_managed_record(name, json.dumps(_documents()[arn]))
            iam._aws_managed_policies[arn] = found
        return found

    iam._lookup_policy = with_all_managed


@functools.cache
def _documents() -> dict[str, Any]:
    """ARN → document of each AWS-managed policy."""
    from moto.iam.aws_managed_policies import aws_managed_policies_data

    data = json.loads(aws_managed_policies_data)
    return {
        f"{PREFIX}{policy['Path'].lstrip('/')}{name}": policy["Document"] for name, policy in data.items()
    }
