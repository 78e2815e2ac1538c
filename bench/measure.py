"""Interleaved runs of variants of one thing, their medians, and the ratios to a baseline."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from local.layout import ROOT

WARM_UP = 2
RESULTS = ROOT / "build" / "bench" / "results.json"


@dataclass(frozen=True)
class Comparison:
    """Seconds of each round by variant, the first variant being the baseline.

    `limit` is the greatest ratio to the baseline that passes, None where there is nothing to hold; `counts`
    are what a variant did, such as files read; `broken` what else did not hold, a sentence each.
    """

    name: str
    seconds: Mapping[str, list[float]]
    limit: float | None = None
    counts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    broken: tuple[str, ...] = ()

    @property
    def baseline(self) -> str:
        """The variant that the others are compared with."""
        return next(iter(self.seconds))

    @property
    def medians(self) -> dict[str, float]:
        """Median seconds by variant."""
        return {name: median(rounds) for name, rounds in self.seconds.items()}

    @property
    def ratios(self) -> dict[str, float]:
        """Median over the rounds of a variant's seconds in units of the baseline's, for all others.

        What slows the machine down for a while slows both of a round: it is in the medians, not in the ratio.
        """
        baseline = self.seconds[self.baseline]
        return {
            name: median(one / other for one, other in zip(rounds, baseline, strict=True))
            for name, rounds in self.seconds.items()
            if name != self.baseline
        }

    @property
    def problems(self) -> list[str]:
        """What did not hold, a sentence each."""
        slow = [
            f"{self.name}: {name} took {ratio:.2f} × {self.baseline}, more than {self.limit}."
            for name, ratio in self.ratios.items()
            if self.limit is not None and ratio > self.limit
        ]
        return [*slow, *self.broken]

    def to_dict(self) -> dict[str, Any]:
        """Everything, for results.json."""
        return {
            "name": self.name,
            "baseline": self.baseline,
            "seconds": {name: [round(one, 3) for one in rounds] for name, rounds in self.seconds.items()},
            "medians": {name: round(value, 3) for name, value in self.medians.items()},
            "ratios": {name: round(value, 3) for name, value in self.ratios.items()},
            "limit": self.limit,
            "counts": self.counts,
            "problems": self.problems,
        }


def interleave(variants: dict[str, Callable[[], None]], rounds: int) -> dict[str, list[float]]:
    """Seconds of each variant in each round, after two rounds that do not count.

    Each round runs all of them, in turn forwards and backwards, so that what drifts on the machine meets all
    alike.
    """
    seconds: dict[str, list[float]] = {name: [] for name in variants}
    for number in range(-WARM_UP, rounds):
        order = list(variants) if number % 2 else list(reversed(variants))
        for name in order:
            started = time.perf_counter()
            variants[name]()
            if number >= 0:
                seconds[name].append(time.perf_counter() - started)
    return seconds


def write(comparisons: list[Comparison]) -> Path:
    """Keep the results, and what they were measured on, as JSON."""
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    document = {
        "ok": not any(each.problems for each in comparisons),
        "machine": {
            "cores": os.cpu_count(),
            "system": platform.platform(),
            "python": platform.python_version(),
        },
        "comparisons": [each.to_dict() for each in comparisons],
    }
    RESULTS.write_text(json.dumps(document, indent=2) + "\n")
    return RESULTS
