"""Interleaved rounds, medians, ratios, and what does not hold."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench import measure
from bench.measure import Comparison, interleave, write


def test_rounds_are_interleaved_in_alternating_order_after_two_that_do_not_count() -> None:
    order: list[str] = []
    variants = {"a": lambda: order.append("a"), "b": lambda: order.append("b")}

    seconds = interleave(variants, 3)

    assert "".join(order) == "baab" + "baabba"
    assert {name: len(rounds) for name, rounds in seconds.items()} == {"a": 3, "b": 3}


def test_each_round_is_compared_with_the_first_variant_s_of_the_same_round() -> None:
    slow_machine_in_the_second_round = {"one": [1.0, 9.0, 2.0], "ten": [1.1, 9.9, 2.6]}

    compared = Comparison("x", slow_machine_in_the_second_round, limit=1.2)

    assert compared.medians == {"one": 2.0, "ten": 2.6}
    assert compared.ratios == {"ten": pytest.approx(1.1)}
    assert compared.problems == []


def test_a_broken_limit_and_what_else_is_broken_are_sentences() -> None:
    compared = Comparison("x", {"one": [1.0], "ten": [1.5]}, limit=1.2, broken=("More files.",))

    assert compared.problems == ["x: ten took 1.50 × one, more than 1.2.", "More files."]


def test_results_are_kept_with_the_machine_and_the_verdict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measure, "RESULTS", tmp_path / "bench" / "results.json")

    path = write([Comparison("x", {"one": [1.0], "ten": [1.5]}, limit=1.2)])

    kept = json.loads(path.read_text())
    assert kept["ok"] is False
    assert kept["machine"]["cores"] >= 1
    assert kept["comparisons"][0]["ratios"] == {"ten": 1.5}
