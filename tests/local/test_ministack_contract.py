"""ministack is pinned and its private names are used: this fails by name when one moves or changes."""

from __future__ import annotations

import ast
import json
import subprocess

import pytest

from local import layout
from local.toolchain import tools

VERSION = "1.5.33"

SIGNATURES = {
    "ministack.app": {
        "app": ["scope", "receive", "send"],
        "detect_service": ["method", "path", "headers", "query_params"],
        "pin_request_origin": ["source_ip", "secure_transport"],
        "_dispatch_service_request": ["method", "path", "headers", "body", "query_params", "request_id"],
        "_get_module": ["name"],
    },
    "ministack.core.iam_evaluator": {
        "enforce": ["access_key_id", "iam_action", "service", "region", "resource_arn", "service_context"],
        "evaluate_trust_policy": ["trust_doc", "caller_arn", "ctx"],
        "_conditions_met": ["conditions", "ctx"],
        "_resolve_condition_key": ["key", "ctx"],
        "caller_arn": [],
    },
    "ministack.core.iam_actions": {
        "extract_iam_action": ["service", "method", "path", "headers", "body", "query_params"],
        "extract_resource_arn": [
            *("service", "method", "path", "headers", "body", "query_params", "region", "account_id"),
        ],
    },
    "ministack.core.lambda_runtime": {"reset": [], "_account_region_from_function_config": ["config"]},
    "ministack.services.lambda_svc": {
        "invoke_async_with_retry": ["func", "event"],
        "_execute_function": ["func", "event"],
        "_execute_function_dispatch": ["func", "config", "event", "request_id", "started"],
        "_execute_function_warm": ["func", "event", "request_id"],
        "_route_async_failure": ["target_arn", "func_name", "event", "result"],
        "_get_func_record_for_ref": ["function_ref"],
        "_execution_record_for_config": ["func", "config"],
    },
    "ministack.services.eventbridge": {
        "_dispatch_to_lambda": ["arn", "payload"],
        "_dispatch_event": ["event", "view"],
        "_invoke_target": ["target", "event", "rule", "view"],
    },
    "ministack.services.s3": {
        "_resolve_sse_write_headers": ["headers", "bucket_name"],
        "_complete_multipart_upload": ["bucket_name", "key", "body", "query_params", "headers"],
    },
    "ministack.services.ec2": {
        "_matches_filters": ["inst", "filters"],
        "_p": ["params", "key", "default"],
        "_error": ["code", "message", "status"],
    },
    "ministack.services.ssm": {"_select_parameter": ["name_or_arn"]},
    "ministack.services.cloudformation.provisioners": {
        "_cfn_wait_condition_definition": ["stack_name", "logical_id"],
        "_cr_stack_id": ["stack_name"],
    },
    "ministack.services.cloudformation.wait_conditions": {
        "validate_count": ["value", "logical_id"],
        "validate_resource_signal_timeout": ["value", "logical_id"],
    },
    "ministack.services.cloudformation.stacks": {
        "_runs_on_worker_thread": ["resource_type"],
        "_add_event": [
            *("stack_id", "stack_name", "logical_id", "resource_type", "status"),
            *("reason", "physical_id", "detailed_status"),
        ],
        "_topological_sort": ["resources", "conditions"],
        "_provision_resource": ["resource_type", "logical_id", "props", "stack_name"],
        "_update_resource": [
            *("resource_type", "physical_id", "old_props", "new_props", "stack_name", "logical_id"),
            "old_attrs",
        ],
        "_delete_resource": ["resource_type", "physical_id", "props", "stack_name", "logical_id"],
    },
}
"""Functions that are called or replaced → the names of their parameters."""

INSPECT = """
import importlib, inspect, json, sys
from importlib.metadata import version
wanted = json.load(sys.stdin)
found = {"version": version("ministack"), "missing": [], "parameters": {}}
for module, names in wanted.items():
    loaded = importlib.import_module(module)
    found["parameters"][module] = {}
    for name in names:
        if not hasattr(loaded, name):
            found["missing"].append(f"{module}.{name}")
        elif inspect.isfunction(getattr(loaded, name)):
            found["parameters"][module][name] = list(inspect.signature(getattr(loaded, name)).parameters)
print(json.dumps(found))
"""


def used():
    """Module of ministack → names of it that the local runtime uses, read from the source."""
    found: dict[str, set[str]] = {}
    for path in sorted((layout.ROOT / "local").rglob("*.py")):
        tree = ast.parse(path.read_text())
        modules = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "ministack":
                for alias in node.names:
                    modules[alias.asname or alias.name] = (node.module, alias.name)
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Attribute)
                and isinstance(node.value, ast.Name)
                and node.value.id in modules
            ):
                package, name = modules[node.value.id]
                found.setdefault(f"{package}.{name}", set()).add(node.attr)
    return found


@pytest.fixture(scope="module")
def ministack():
    """What the installed ministack has of the names that are used."""
    names = {module: sorted(attributes) for module, attributes in used().items()}
    # A name that is imported itself, such as a class, is no module.
    names = {module: found for module, found in names.items() if module.rpartition(".")[2].islower()}
    for module, functions in SIGNATURES.items():
        names[module] = sorted({*names.get(module, []), *functions})
    done = subprocess.run(
        [tools().gateway_python, "-c", INSPECT],
        input=json.dumps(names),
        capture_output=True,
        text=True,
        env={"AUTH": "true", "PATH": "/usr/bin:/bin"},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_it_is_the_version_that_this_was_written_for(ministack):
    assert ministack["version"] == VERSION


def test_every_name_that_is_used_is_there(ministack):
    assert ministack["missing"] == []


@pytest.mark.parametrize(
    ("module", "function"), [(module, name) for module, names in SIGNATURES.items() for name in names]
)
def test_a_function_that_is_called_or_replaced_takes_what_it_took(ministack, module, function):
    assert ministack["parameters"][module][function] == SIGNATURES[module][function]
