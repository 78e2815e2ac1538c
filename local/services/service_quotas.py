"""Service Quotas: the limits of the embedded account, and those of a new one.

A test gives the account smaller ones: local/account.py.
https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/API_GetServiceQuota.html
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from local import account
from local.services.service import Request, Service

service = Service("service-quotas", validation_error="IllegalArgumentException")


@dataclass(frozen=True)
class Quota:
    """One quota: its name, AWS' default, and the value of the embedded account, which has been in use."""

    service: str
    code: str
    name: str
    default: float
    applied: float


QUOTAS = {
    f"{quota.service}/{quota.code}": quota
    for quota in (
        Quota("ec2", "L-1216C47A", "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances", 5, 64),
        Quota("ec2", "L-0263D0A3", "EC2-VPC Elastic IPs", 5, 5),
        Quota("vpc", "L-F678F1CE", "VPCs per Region", 5, 5),
        Quota("codebuild", "L-5ED1D25B", "Concurrently running builds for ARM/Small environment", 1, 20),
        Quota("fargate", "L-3032A538", "Fargate On-Demand vCPU resource count", 6, 140),
        Quota("lambda", "L-B99A9384", "Concurrent executions", 1000, 1000),
        Quota("emr-serverless", "L-D05C8A75", "Max concurrent vCPUs per account", 16, 16),
    )
}
"""By service and code."""

SERVICE_NAMES = {
    "ec2": "Amazon Elastic Compute Cloud (Amazon EC2)",
    "vpc": "Amazon Virtual Private Cloud (Amazon VPC)",
    "codebuild": "AWS CodeBuild",
    "fargate": "AWS Fargate",
    "lambda": "AWS Lambda",
    "emr-serverless": "Amazon EMR Serverless",
}


def applied(service_code: str, quota_code: str) -> float:
    """The account's value of a quota."""
    key = f"{service_code}/{quota_code}"
    return float(account.planted().quotas.get(key, QUOTAS[key].applied))


@service.operation("GetServiceQuota")
def get_service_quota(request: Request) -> dict[str, Any]:
    """The account's value of one quota."""
    return {"Quota": _shown(_find(request), request, default=False)}


@service.operation("GetAWSDefaultServiceQuota")
def get_default_quota(request: Request) -> dict[str, Any]:
    """AWS' default of one quota."""
    return {"Quota": _shown(_find(request), request, default=True)}


@service.operation("ListServiceQuotas")
def list_service_quotas(request: Request) -> dict[str, Any]:
    """The account's values of a service's quotas."""
    return {"Quotas": _listed(request, default=False)}


@service.operation("ListAWSDefaultServiceQuotas")
def list_default_quotas(request: Request) -> dict[str, Any]:
    """AWS' defaults of a service's quotas."""
    return {"Quotas": _listed(request, default=True)}


def _find(request: Request) -> Quota:
    code, quota = request.params["ServiceCode"], request.params["QuotaCode"]
    known = QUOTAS.get(f"{code}/{quota}")
    if known is None:
        raise service.error("NoSuchResourceException", f"There is no quota {quota} of {code} here.")
    return known


def _listed(request: Request, *, default: bool) -> list[dict[str, Any]]:
    code = request.params["ServiceCode"]
    if code not in SERVICE_NAMES:
        raise service.error("NoSuchResourceException", f"There is no service {code} here.")
    return [_shown(quota, request, default=default) for quota in QUOTAS.values() if quota.service == code]


def _shown(quota: Quota, request: Request, *, default: bool) -> dict[str, Any]:
    arn = f"arn:aws:servicequotas:{request.region}:{request.account}:{quota.service}/{quota.code}"
    return {
        "ServiceCode": quota.service,
        "ServiceName": SERVICE_NAMES[quota.service],
        "QuotaArn": arn,
        "QuotaCode": quota.code,
        "QuotaName": quota.name,
        "Value": quota.default if default else applied(quota.service, quota.code),
        "Unit": "None",
        "Adjustable": True,
        "GlobalQuota": False,
        "QuotaAppliedAtLevel": "ACCOUNT",
    }
