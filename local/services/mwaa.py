"""Amazon MWAA: environments whose Airflow is a real one, see `local.engines.airflow`."""

from __future__ import annotations

import logging
import threading
import uuid
from datetime import UTC, datetime
from typing import Any

from local.engines.airflow import Airflow
from local.services import mwaa_access, mwaa_airflows, mwaa_validation
from local.services.mwaa_environment import airflow_configuration, arn, defaults, logging_configuration
from local.services.service import Request, Service

log = logging.getLogger("refstack.mwaa")

service = Service("mwaa")

AIRFLOW_ROLES = ("Admin", "Op", "User", "Viewer", "Public")
"""Airflow's roles: IAM says which of them a caller may have. Airflow itself has one user here, an Admin."""

_environments: dict[str, dict[str, Any]] = service.state("environments")
_lock = threading.RLock()


@service.resource("GetEnvironment", "UpdateEnvironment", "DeleteEnvironment", "CreateEnvironment")
def _environment_arn(request: Request) -> str:
    return arn(request, request.params["Name"])


@service.resource("CreateWebLoginToken", "CreateCliToken", "InvokeRestApi")
def _role_arns(request: Request) -> tuple[str, ...]:
    name = request.params["Name"]
    here = f"arn:aws:airflow:{request.region}:{request.account}"
    return tuple(f"{here}:role/{name}/{role}" for role in AIRFLOW_ROLES)


@service.operation("CreateEnvironment")
def create_environment(request: Request) -> dict[str, Any]:
    """Define an environment and start its Airflow in the background; GetEnvironment tells when it is up."""
    wanted = {**defaults(request.params), **request.params}
    name = wanted["Name"]
    with _lock:
        if name in _environments:
            raise service.error("ValidationException", f"Environment {name} already exists")
        _check(wanted)
        environment = {
            **wanted,
            "Arn": arn(request, name),
            "Status": "CREATING",
            "CreatedAt": datetime.now(UTC),
            "ServiceRoleArn": (
                f"arn:aws:iam::{request.account}:role/aws-service-role/airflow.amazonaws.com/"
                "AWSServiceRoleForAmazonMWAA"
            ),
            "CeleryExecutorQueue": (
                f"arn:aws:sqs:{request.region}:{request.account}:airflow-celery-{uuid.uuid4()}"
            ),
            "LoggingConfiguration": logging_configuration(request, wanted),
        }
        _environments[name] = environment
        _in_background(_start, name, "CREATE_FAILED")
    return {"Arn": environment["Arn"]}


@service.operation("GetEnvironment")
def get_environment(request: Request) -> dict[str, Any]:
    """Describe an environment as it was asked for, with its state and where its web server answers."""
    with _lock:
        environment = dict(_find(request.params["Name"]))
    host = mwaa_airflows.web_server(environment["Name"])
    if environment["Status"] in ("AVAILABLE", "UPDATING", "UPDATE_FAILED") and host is not None:
        environment["WebserverUrl"] = host
    environment.pop("Problem", None)
    return {"Environment": environment}


@service.operation("ListEnvironments")
def list_environments(request: Request) -> dict[str, Any]:
    """Names of the environments, in pages of MaxResults (25)."""
    with _lock:
        names = sorted(_environments)
    first = int(request.params.get("NextToken") or 0)
    last = first + int(request.params.get("MaxResults", 25))
    page: dict[str, Any] = {"Environments": names[first:last]}
    if last < len(names):
        page["NextToken"] = str(last)
    return page


@service.operation("UpdateEnvironment")
def update_environment(request: Request) -> dict[str, Any]:
    """Change an environment; its Airflow restarts in the background, its runs and their logs are kept."""
    with _lock:
        environment = _find(request.params["Name"])
        if environment["Status"] not in ("AVAILABLE", "UPDATE_FAILED"):
            raise service.error(
                "ValidationException",
                f"Environment {environment['Name']} cannot be updated while it is {environment['Status']}",
            )
        changes = dict(request.params)
        strategy = changes.pop("WorkerReplacementStrategy", "FORCED")
        groups = changes.pop("NetworkConfiguration", {}).get("SecurityGroupIds")
        wanted = {**environment, **changes}
        if groups is not None:
            wanted["NetworkConfiguration"] = {
                **environment["NetworkConfiguration"],
                "SecurityGroupIds": groups,
            }
        _check(wanted)
        if "LoggingConfiguration" in changes:
            wanted["LoggingConfiguration"] = logging_configuration(request, wanted)
        update = {
            "Status": "PENDING",
            "CreatedAt": datetime.now(UTC),
            "Source": request.caller,
            "WorkerReplacementStrategy": strategy,
        }
        environment.update(wanted, Status="UPDATING", LastUpdate=update)
        _in_background(_restart, environment["Name"], "UPDATE_FAILED")
    return {"Arn": environment["Arn"]}


@service.operation("DeleteEnvironment")
def delete_environment(request: Request) -> dict[str, Any]:
    """End an environment's Airflow and forget it with its runs, in the background."""
    with _lock:
        environment = _find(request.params["Name"])
        if environment["Status"] in ("CREATING", "UPDATING", "DELETING"):
            raise service.error(
                "ValidationException",
                f"Environment {environment['Name']} cannot be deleted while it is {environment['Status']}",
            )
        environment["Status"] = "DELETING"
        _in_background(_remove, environment["Name"], "UNAVAILABLE")
    return {}


@service.operation("TagResource")
def tag_resource(request: Request) -> dict[str, Any]:
    """Add tags to an environment."""
    with _lock:
        environment = _find_by_arn(request)
        environment["Tags"] = {**environment.get("Tags", {}), **request.params["Tags"]}
    return {}


@service.operation("UntagResource")
def untag_resource(request: Request) -> dict[str, Any]:
    """Remove tags from an environment."""
    with _lock:
        environment = _find_by_arn(request)
        gone = set(request.params["tagKeys"])
        environment["Tags"] = {
            key: tag for key, tag in environment.get("Tags", {}).items() if key not in gone
        }
    return {}


@service.operation("ListTagsForResource")
def list_tags(request: Request) -> dict[str, Any]:
    """Tags of an environment."""
    with _lock:
        return {"Tags": dict(_find_by_arn(request).get("Tags", {}))}


@service.operation("CreateWebLoginToken")
def create_web_login_token(request: Request) -> dict[str, Any]:
    """A bearer token of the environment's Airflow, and the host and port that take it."""
    airflow = _available(request.params["Name"])
    return {
        "WebToken": airflow.api.token(),
        "WebServerHostname": mwaa_airflows.web_server(request.params["Name"]),
        "IamIdentity": request.caller,
        "AirflowIdentity": airflow.api.user,
    }


@service.operation("CreateCliToken")
def create_cli_token(request: Request) -> dict[str, Any]:
    """A bearer token of the environment's Airflow. Its REST API takes it; there is no /aws_mwaa/cli here."""
    airflow = _available(request.params["Name"])
    host = mwaa_airflows.web_server(request.params["Name"])
    return {"CliToken": airflow.api.token(), "WebServerHostname": host}


@service.operation("InvokeRestApi")
def invoke_rest_api(request: Request) -> dict[str, Any]:
    """Call the REST API of the environment's Airflow; its refusals become RestApiClientException."""
    params = request.params
    airflow = _available(params["Name"])
    unreachable = mwaa_access.refusal(_find(params["Name"]), request.caller)
    if unreachable is not None:
        raise service.error("AccessDeniedException", unreachable)
    status, answer = airflow.api.call(
        params["Method"], params["Path"], params.get("QueryParameters"), params.get("Body")
    )
    document = answer if isinstance(answer, dict) else {"response": answer}
    if status >= 400:
        kind = "RestApiServerException" if status >= 500 else "RestApiClientException"
        raise service.error(
            kind, f"Airflow answered {status}", RestApiStatusCode=status, RestApiResponse=document
        )
    return {"RestApiStatusCode": status, "RestApiResponse": document}


@service.on_restore
def restart_all() -> None:
    """Start the Airflow of every environment that an earlier gateway left, on its kept database."""
    for name, environment in list(_environments.items()):
        if environment["Status"] == "DELETING":
            del _environments[name]
        else:
            _start(name)


def problem(name: str) -> str | None:
    """Why the last create or update of an environment failed, as a sentence."""
    with _lock:
        found = _environments.get(name, {}).get("Problem")
    return None if found is None else str(found)


def stop_environments() -> None:
    """End the Airflow of every environment; what it stored stays, and a restored state starts it again."""
    mwaa_airflows.stop_all()


def _start(name: str) -> None:
    mwaa_airflows.start(name, lambda: airflow_configuration(_environments[name]))
    with _lock:
        _environments[name]["Status"] = "AVAILABLE"


def _restart(name: str) -> None:
    mwaa_airflows.stop(name)
    _start(name)
    with _lock:
        _environments[name]["LastUpdate"]["Status"] = "SUCCESS"


def _remove(name: str) -> None:
    mwaa_airflows.remove(name, lambda: airflow_configuration(_environments[name]))
    with _lock:
        del _environments[name]


def _in_background(work: Any, name: str, failed: str) -> None:
    def run() -> None:
        try:
            work(name)
        except Exception as error:
            log.exception("environment %s: %s", name, failed)
            with _lock:
                environment = _environments[name]
                environment.update(Status=failed, Problem=str(error))
                if "LastUpdate" in environment:
                    environment["LastUpdate"].update(
                        Status="FAILED",
                        Error={"ErrorCode": "INCORRECT_CONFIGURATION", "ErrorMessage": str(error)[:1024]},
                    )
                else:
                    environment["LastUpdate"] = {
                        "Status": "FAILED",
                        "CreatedAt": datetime.now(UTC),
                        "Error": {"ErrorCode": "INCORRECT_CONFIGURATION", "ErrorMessage": str(error)[:1024]},
                    }

    threading.Thread(target=run, name=f"mwaa {name}", daemon=True).start()


def _check(wanted: dict[str, Any]) -> None:
    sentence = mwaa_validation.problem(wanted)
    if sentence is not None:
        raise service.error("ValidationException", sentence)
    if wanted.get("StartupScriptS3Path"):
        raise service.error("ValidationException", "Startup scripts are not run by the embedded AWS")


def _available(name: str) -> Airflow:
    with _lock:
        environment = _find(name)
    airflow = mwaa_airflows.find(name)
    if airflow is None:
        raise service.error("ValidationException", f"Environment {name} is {environment['Status']}")
    return airflow


def _find(name: str) -> dict[str, Any]:
    if name not in _environments:
        raise service.error("ResourceNotFoundException", f"Environment {name} not found")
    return _environments[name]


def _find_by_arn(request: Request) -> dict[str, Any]:
    return _find(str(request.params["ResourceArn"]).rpartition("/")[2])
