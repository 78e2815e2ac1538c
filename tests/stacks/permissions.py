"""Reads from a template who may do what."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

from tests.stacks.assembly import Assembly


@dataclass
class Permissions:
    """What the policies of one role allow: resources by action, and the statements themselves."""

    resources: dict[str, set[str]] = field(default_factory=dict)
    statements: list[dict[str, Any]] = field(default_factory=list)

    @property
    def actions(self) -> set[str]:
        return set(self.resources)

    def of_service(self, service: str) -> set[str]:
        """Actions of one service, without its prefix."""
        return {action.split(":")[1] for action in self.resources if action.split(":")[0] == service}

    def condition(self, action: str) -> dict[str, Any]:
        """Condition of the one statement that allows `action`."""
        (statement,) = [each for each in self.statements if action in as_list(each["Action"])]
        return statement.get("Condition", {})


def permissions(assembly: Assembly, stack: str, role: str) -> Permissions:
    """Permissions of the role whose logical id begins with `role`, from all policies of `stack`."""
    found = Permissions()
    for policy in (
        *assembly.resources("AWS::IAM::Policy", stack=stack).values(),
        *assembly.resources("AWS::IAM::ManagedPolicy", stack=stack).values(),
    ):
        attached = [each["Ref"] for each in policy["Properties"].get("Roles", ())]
        if not any(each.startswith(role) for each in attached):
            continue
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]:
            assert statement["Effect"] == "Allow"
            found.statements.append(statement)
            for action in as_list(statement["Action"]):
                resources = {flat(each) for each in as_list(statement["Resource"])}
                found.resources.setdefault(action, set()).update(resources)
    assert found.statements, f"no role of {stack} begins with {role}"
    return found


def secrets(assembly: Assembly) -> dict[str, dict[str, Any]]:
    """Airflow's variables and connections by their place under refstack/<environment>/."""
    found = assembly.resources("AWS::SecretsManager::Secret", stack="Orchestration").values()
    return {each["Properties"]["Name"].split("/", 2)[2]: each["Properties"] for each in found}


def known_to_dags(assembly: Assembly) -> dict[str, Any]:
    """The DAGs' variable, references in angle brackets."""
    known: dict[str, Any] = json.loads(flat(secrets(assembly)["variables/refstack"]["SecretString"]))
    return known


def flat(value: Any) -> str:
    """A template's value as text: references in angle brackets, exports by the name of what they export."""
    match value:
        case str():
            return value
        case {"Ref": name}:
            return f"<{name}>"
        case {"Fn::GetAtt": [resource, attribute]}:
            return f"<{resource}.{attribute}>"
        case {"Fn::ImportValue": name}:
            return f"<{name.split(':')[1]}>"
        case {"Fn::Sub": template}:
            return re.sub(r"\$\{([^}]*)\}", r"<\1>", template)
        case {"Fn::Select": [index, {"Fn::Split": [delimiter, text]}]}:
            return f"{flat(text)}[{delimiter}{index}]"
        case {"Fn::Join": [delimiter, items]}:
            return str(delimiter).join(flat(item) for item in items)
    raise AssertionError(f"not a value that a template can have here: {value!r}")


def as_list(value: Any) -> list[Any]:
    """What a template writes as one value or as a list of several."""
    return value if isinstance(value, list) else [value]
