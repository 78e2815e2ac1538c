"""IAM Access Analyzer: analyzers are remembered and listed; nothing is analysed, so nothing is found."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import Any

from local.services.service import Request, Service

service = Service("accessanalyzer")

_analyzers: dict[str, dict[str, Any]] = {}
_lock = threading.Lock()


@service.operation("CreateAnalyzer")
def create_analyzer(request: Request) -> dict[str, Any]:
    """Remember an analyzer; an account has one of each account-level type.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/access-analyzer-quotas.html
    """
    name, kind = request.params["analyzerName"], request.params["type"]
    arn = f"arn:aws:access-analyzer:{request.region}:{request.account}:analyzer/{name}"
    with _lock:
        if name in _analyzers:
            raise service.error(
                "ConflictException", f"Analyzer {name} exists", resourceId=name, resourceType="Analyzer"
            )
        if kind.startswith("ACCOUNT") and any(one["type"] == kind for one in _analyzers.values()):
            raise service.error(
                "ServiceQuotaExceededException",
                f"You have reached the maximum number of analyzers of the type {kind} per account: 1",
                resourceId=name,
                resourceType="Analyzer",
            )
        _analyzers[name] = {
            "arn": arn,
            "name": name,
            "type": kind,
            "createdAt": datetime.now(UTC),
            "status": "ACTIVE",
            "tags": request.params.get("tags", {}),
            "configuration": request.params.get("configuration"),
        }
    return {"arn": arn}


@service.operation("GetAnalyzer")
def get_analyzer(request: Request) -> dict[str, Any]:
    """Describe one analyzer."""
    return {"analyzer": _find(request.params["analyzerName"])}


@service.operation("ListAnalyzers")
def list_analyzers(request: Request) -> dict[str, Any]:
    """Describe the analyzers, of one type if it is given."""
    wanted = request.params.get("type")
    with _lock:
        return {"analyzers": [one for one in _analyzers.values() if wanted in (None, one["type"])]}


@service.operation("DeleteAnalyzer")
def delete_analyzer(request: Request) -> dict[str, Any]:
    """Forget an analyzer."""
    _find(request.params["analyzerName"])
    with _lock:
        del _analyzers[request.params["analyzerName"]]
    return {}


def _find(name: str) -> dict[str, Any]:
    with _lock:
        if name not in _analyzers:
            raise service.error(
                "ResourceNotFoundException",
                f"There is no analyzer {name}",
                resourceId=name,
                resourceType="Analyzer",
            )
        return _analyzers[name]
