"""Properties that carry a document, of types that ministack provisions without reading it."""

from __future__ import annotations

import json
from typing import Any

from local.resources.provisioner import Properties, extend


@extend("AWS::ECR::Repository")
def repository_documents(physical_id: str, old: Properties | None, new: Properties) -> None:
    """Refuse a lifecycle policy that is not a JSON object with rules.

    https://docs.aws.amazon.com/AmazonECR/latest/userguide/lifecycle_policy_parameters.html
    """
    text = new.get("LifecyclePolicy", {}).get("LifecyclePolicyText")
    if text is not None and not isinstance(_object(text, "LifecyclePolicyText").get("rules"), list):
        raise ValueError("Invalid parameter at 'LifecyclePolicyText': object has missing required 'rules'")


@extend("AWS::SecretsManager::Secret")
def secret_documents(physical_id: str, old: Properties | None, new: Properties) -> None:
    """Refuse a template of a generated secret that is not a JSON object, or lacks the key to fill in.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-secretsmanager-secret-generatesecretstring.html
    """
    wanted = new.get("GenerateSecretString", {})
    if ("SecretStringTemplate" in wanted) != ("GenerateStringKey" in wanted):
        raise ValueError("SecretStringTemplate and GenerateStringKey go together")
    if "SecretStringTemplate" in wanted:
        _object(wanted["SecretStringTemplate"], "SecretStringTemplate")


def _object(text: str, name: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError as problem:
        raise ValueError(f"Invalid parameter at '{name}': not JSON: {problem}") from problem
    if not isinstance(found, dict):
        raise ValueError(f"Invalid parameter at '{name}': not a JSON object")
    return found
