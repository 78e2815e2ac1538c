"""Start the batch of the day that an arriving object announces, once however many objects arrive.

Event: EventBridge's "Object Created" of `arrivals/date=<day>/<anything>` in the raw bucket. The day is the id
of the DAG run, and Airflow refuses a second run of the same id: to the second object that is a success.
"""

from __future__ import annotations

import os
import re
from datetime import date
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from flights.sources.settings import required

ENVIRONMENT, DAG = required(os.environ, "AIRFLOW_ENVIRONMENT", "DAG_ID")
ARRIVAL = re.compile(r"arrivals/date=(?P<day>\d{4}-\d\d-\d\d)/.+")
CONFLICT = 409
MWAA = boto3.client("mwaa")
logger = Logger(service="trigger_batch")


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """Start the day's run; return the day and whether its run is new."""
    key = event["detail"]["object"]["key"]
    day = arrived_day(key)
    result = {"key": key, "day": day.isoformat(), "started": start_run(day)}
    logger.info("day arrived", extra=result)
    return result


def arrived_day(key: str) -> date:
    """The day that an object's key announces. Raises ValueError when it announces none."""
    match = ARRIVAL.fullmatch(key)
    if match is None:
        raise ValueError(f"{key} announces no day: its key is not arrivals/date=<day>/<name>.")
    return date.fromisoformat(match["day"])


def start_run(day: date) -> bool:
    """Start the DAG for `day`; False when its run exists, in whatever state.

    Raises RuntimeError with Airflow's own words when Airflow refuses for another reason.
    """
    # A run that an event started has no logical date: those belong to the schedule, and are taken only once.
    body = {
        "dag_run_id": day.isoformat(),
        "logical_date": None,
        "conf": {"start": day.isoformat(), "end": day.isoformat()},
    }
    try:
        # InvokeRestApi takes paths of at most 64 characters.
        MWAA.invoke_rest_api(Name=ENVIRONMENT, Method="POST", Path=f"/dags/{DAG}/dagRuns", Body=body)
    except MWAA.exceptions.RestApiClientException as refused:
        status, answer = refused.response["RestApiStatusCode"], refused.response.get("RestApiResponse")
        if status != CONFLICT:
            raise RuntimeError(f"Airflow did not start {DAG} for {day}: {status} {answer}") from refused
        return False
    return True
