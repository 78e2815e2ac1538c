"""The report: self-contained, and every chart drawn from the numbers it is given."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local import charts, report
from local.charts import Bar

SVG = "{http://www.w3.org/2000/svg}"
AMOUNTS = st.floats(min_value=0, max_value=1e9, allow_nan=False)
ANSWERS: dict[str, list[dict[str, Any]]] = {
    report.BY_MONTH: [{"month": 1, "name": "January", "flights": 27004, "delay": 10.0, "cancelled": 521}],
    report.BY_AIRLINE: [{"name": "Fly & <b>Sons", "flights": 10, "delay": -1.5, "late": 20.0}],
    report.BY_AIRPORT: [{"airport": "BOS", "name": "Logan", "flights": 10, "delay": 2.0}],
    report.BY_HOUR: [{"weekday": 1, "hour": 5, "delay": 0.5}, {"weekday": 7, "hour": 21, "delay": 24.0}],
    report.BY_MODEL: [
        {"manufacturer": "BOEING", "model": "737", "aircraft": 3, "flights": 90, "hours": 120.5}
    ],
    report.BY_WEATHER: [
        {
            "measure": "wind_speed_kmh",
            "number": 1,
            "band": "calm",
            "flights": "10",
            "delay": "9",
            "cancelled": 1,
        }
    ],
}
FOUND = {
    "ok": True,
    "problems": [],
    "rows": {"raw_flights": 5, "curated_flights": 4, "fact_flight": 4},
    "rejects": {"duplicate": 1},
    "stacks": [{"name": "refstack-dev-lake", "status": "CREATE_COMPLETE", "resources": 11}],
    "dag_runs": [
        {
            "dag_id": "flights_batch",
            "run_id": "2013-12-31",
            "logical_date": "2013-12-31T00:00:00Z",
            "state": "success",
        }
    ],
    "seconds": {"deploy": 40.5},
    "quality": {
        "rules": 2,
        "passed": 5,
        "failed": 1,
        "results": [
            {"gate": "curated_flights", "table": "flights", "rule": "RowCount > 0", "passed": 3, "failed": 0},
            {"gate": "dbt", "table": "mart", "rule": "unique <key>", "passed": 2, "failed": 1},
        ],
    },
    "dbt": {"models": 7, "tests": 50, "passed": 57, "failed": 0},
    "iam": {"would_deny": 3},
    "stream": {
        "day": "2013-07-10",
        "produced": 1210,
        "windows": 1000,
        "late": 100,
        "duplicates": 70,
        "dead_letter": 40,
        "alerts": 9,
        "airports": [{"airport": "EWR", "departures": 321, "cancelled": 2, "worst": 95, "mean": 31.5}],
        "streamed": {"scheduled": 500, "departed": 480, "cancelled": 20},
        "batch": {"scheduled": 500, "departed": 480, "cancelled": 20},
        "board": {"arrived": 480, "cancelled": 20},
        "board_rows": 500,
        "reconciled": True,
    },
}


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(report, "query", ANSWERS.__getitem__)
    return report.write(FOUND, tmp_path).read_text()


def test_the_page_asks_the_network_for_nothing(page: str) -> None:
    assert not re.search(r"""(src|href)\s*=|@import|url\(|https?://""", page)
    assert "<script" not in page


def test_the_page_shows_what_became_of_the_stream_and_the_live_board(page: str) -> None:
    assert "Stream and batch agree on the day." in page
    assert "The live board has 500 flights: 480 arrived, 20 cancelled." in page
    assert "<td>streamed</td><td>500</td><td>480</td><td>20</td>" in page
    assert "<td>EWR</td><td>321</td>" in page


def test_the_page_shows_the_accounting_and_the_verdict(page: str) -> None:
    assert "Every row is accounted for." in page
    assert "1 rejected with a reason" in page
    assert "would have denied: 3" in page
    assert "27,004 flights" in page


def test_the_page_shows_the_quality_gates_and_the_marts(page: str) -> None:
    assert "1 rules, 1 checks failed" in page
    assert "unique &lt;key&gt;" in page
    assert "7 models and 50 tests, 0 failed" in page
    assert "Wind: calm" in page
    assert "BOEING 737" in page


def test_names_from_the_data_are_escaped(page: str) -> None:
    assert "Fly &amp; &lt;b&gt;Sons" in page


def test_problems_are_told_instead_of_the_verdict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "query", ANSWERS.__getitem__)
    wrong = {**FOUND, "ok": False, "problems": ["5 raw flights are not 4 curated and 0 rejected ones."]}
    page = report.write(wrong, tmp_path).read_text()
    assert "5 raw flights are not 4 curated" in page
    assert "Every row is accounted for." not in page


@given(st.lists(AMOUNTS, min_size=1, max_size=24))
def test_a_bar_is_as_tall_as_its_value(values: list[float]) -> None:
    chart = ElementTree.fromstring(
        charts.columns([Bar(str(i), value) for i, value in enumerate(values)], value_unit="flights").replace(
            "<svg ", '<svg xmlns="http://www.w3.org/2000/svg" '
        )
    )
    heights = [float(bar.attrib["height"]) for bar in chart.iter(f"{SVG}rect")]
    assert len(heights) == len(values)
    tallest, largest = max(heights), max(values)
    for height, value in zip(heights, values, strict=True):
        expected = tallest * value / largest if largest else 0
        assert abs(height - expected) <= 0.2


@given(AMOUNTS)
def test_axes_end_on_a_round_number_that_holds_the_largest_value(largest: float) -> None:
    assert charts._nice(largest) >= largest
