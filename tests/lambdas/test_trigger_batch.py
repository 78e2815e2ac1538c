"""A day is started once, however many of its objects arrive; what Airflow refuses otherwise is an error."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest
from botocore.stub import Stubber

RUN = {
    "dag_run_id": "2013-12-31",
    "logical_date": None,
    "conf": {"start": "2013-12-31", "end": "2013-12-31"},
}
CALL = {"Name": "airflow", "Method": "POST", "Path": "/dags/flights_batch/dagRuns", "Body": RUN}


def created(key: str) -> dict[str, Any]:
    """An "Object Created" event of EventBridge, as far as it matters."""
    return {"detail-type": "Object Created", "detail": {"bucket": {"name": "raw"}, "object": {"key": key}}}


@pytest.fixture
def trigger(load: Callable[..., ModuleType]) -> ModuleType:
    return load("trigger_batch", AIRFLOW_ENVIRONMENT="airflow", DAG_ID="flights_batch")


@pytest.fixture
def airflow(trigger: ModuleType) -> Iterator[Stubber]:
    with Stubber(trigger.MWAA) as stub:
        yield stub
        stub.assert_no_pending_responses()


def test_the_first_object_of_a_day_starts_its_run(trigger, airflow, context) -> None:
    airflow.add_response("invoke_rest_api", {"RestApiStatusCode": 200, "RestApiResponse": {}}, CALL)

    result = trigger.handler(created("arrivals/date=2013-12-31/part-1.json"), context())

    assert result == {"key": "arrivals/date=2013-12-31/part-1.json", "day": "2013-12-31", "started": True}


def test_a_run_that_is_there_already_is_a_success(trigger, airflow, context) -> None:
    refused(airflow, 409)

    assert trigger.handler(created("arrivals/date=2013-12-31/part-2.json"), context())["started"] is False


@pytest.mark.parametrize("status", [400, 403, 404])
def test_any_other_refusal_fails_so_that_the_event_is_not_lost(trigger, airflow, context, status) -> None:
    refused(airflow, status)

    with pytest.raises(RuntimeError, match=f"did not start flights_batch for 2013-12-31: {status} .*because"):
        trigger.handler(created("arrivals/date=2013-12-31/part-1.json"), context())


@pytest.mark.parametrize(
    "key",
    [
        "arrivals/part-1.json",
        "arrivals/date=2013-12-31/",
        "arrivals/date=2013-02-30/part-1.json",
        "flights/year=2013/month=01/day=02/flights-2013-01-02.csv.gz",
    ],
)
def test_a_key_that_announces_no_day_starts_nothing(trigger, airflow, context, key) -> None:
    with pytest.raises(ValueError, match=r"announces no day|day is out of range"):
        trigger.handler(created(key), context())


def refused(airflow: Stubber, status: int) -> None:
    airflow.add_client_error(
        "invoke_rest_api",
        "RestApiClientException",
        modeled_fields={"RestApiStatusCode": status, "RestApiResponse": {"detail": "because"}},
        expected_params=CALL,
    )
