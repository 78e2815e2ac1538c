"""Charts as inline SVG: no script, no network, a tooltip on every mark."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH = 640
WIDE = 1060
"""Widths of a chart in half of the page and across it, so that both have text of one size."""
LABEL_HEIGHT = 22
TOP = 16
STEPS = 4


@dataclass(frozen=True)
class Bar:
    """One bar: its label, its value, and a second measure shown as a dot on the right-hand axis."""

    label: str
    value: float
    dot: float | None = None
    tooltip: str = ""


def columns(bars: Sequence[Bar], *, value_unit: str, dot_unit: str = "", height: int = 260) -> str:
    """Upright bars from zero, with an optional dotted line of the second measure.

    `value_unit` and `dot_unit` label the left and the right axis.
    """
    left, right = 56, 56 if dot_unit else 12
    plot_width, plot_height = WIDE - left - right, height - TOP - LABEL_HEIGHT - 14
    top_value = _nice(max((bar.value for bar in bars), default=0))
    dots = [bar.dot for bar in bars if bar.dot is not None]
    top_dot = _nice(max(dots, default=0))
    parts = [_axis(left, plot_width, plot_height, top_value, value_unit, on_right=False)]
    if dot_unit:
        parts.append(_axis(left, plot_width, plot_height, top_dot, dot_unit, on_right=True))
    slot = plot_width / max(len(bars), 1)
    line = []
    for index, bar in enumerate(bars):
        x = left + index * slot
        tall = plot_height * bar.value / top_value
        middle = x + slot / 2
        parts.append(
            f"<g><title>{escape(bar.tooltip or bar.label)}</title>"
            f'<rect class="bar" x="{x + slot * 0.12:.1f}" y="{TOP + plot_height - tall:.1f}" '
            f'width="{slot * 0.76:.1f}" height="{max(tall, 0):.1f}" rx="2"/>'
            f'<text class="tick" x="{middle:.1f}" y="{TOP + plot_height + 16}" text-anchor="middle">'
            f"{escape(bar.label)}</text></g>"
        )
        if bar.dot is not None:
            line.append((middle, TOP + plot_height - plot_height * max(bar.dot, 0) / top_dot, bar))
    if line:
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y, _ in line)
        parts.append(f'<polyline class="line" points="{path}"/>')
        parts += [
            f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="3.5">'
            f"<title>{escape(bar.tooltip)}</title></circle>"
            for x, y, bar in line
        ]
    return _svg(parts, WIDE, height)


def rows(bars: Sequence[Bar], *, unit: str) -> str:
    """Lying bars, one line each, the value written at its end."""
    left, line_height = 190, 24
    top_value = _nice(max((abs(bar.value) for bar in bars), default=0))
    parts = []
    for index, bar in enumerate(bars):
        y = 4 + index * line_height
        wide = (WIDTH - left - 80) * max(bar.value, 0) / top_value
        parts.append(
            f"<g><title>{escape(bar.tooltip or bar.label)}</title>"
            f'<text class="label" x="{left - 8}" y="{y + 14}" text-anchor="end">{escape(bar.label)}</text>'
            f'<rect class="bar" x="{left}" y="{y + 2}" width="{max(wide, 1):.1f}" height="16" rx="2"/>'
            f'<text class="tick" x="{left + wide + 6:.1f}" y="{y + 14}">'
            f"{bar.value:,.1f} {escape(unit)}</text></g>"
        )
    return _svg(parts, WIDTH, 8 + len(bars) * line_height)


def heatmap(
    row_labels: Sequence[str],
    column_labels: Sequence[str],
    cells: Sequence[Sequence[float | None]],
    *,
    unit: str,
) -> str:
    """A grid of values, darker for more; an empty cell where there is none."""
    left, line_height = 46, 24
    slot = (WIDE - left - 8) / max(len(column_labels), 1)
    known = [value for line in cells for value in line if value is not None]
    low, high = min(known, default=0.0), max(known, default=1.0)
    parts = []
    for row, (label, line) in enumerate(zip(row_labels, cells, strict=True)):
        y = row * line_height
        parts.append(
            f'<text class="label" x="{left - 8}" y="{y + 16}" text-anchor="end">{escape(label)}</text>'
        )
        for column, value in enumerate(line):
            if value is None:
                continue
            share = (value - low) / (high - low) if high > low else 0.0
            parts.append(
                f'<rect class="cell" x="{left + column * slot:.1f}" y="{y}" width="{slot - 2:.1f}" '
                f'height="22" rx="2" fill-opacity="{0.08 + 0.92 * share:.2f}"><title>{escape(label)} '
                f"{escape(column_labels[column])}: {value:,.1f} {escape(unit)}</title></rect>"
            )
    bottom = len(row_labels) * line_height
    parts += [
        f'<text class="tick" x="{left + (column + 0.5) * slot:.1f}" y="{bottom + 14}" text-anchor="middle">'
        f"{escape(label)}</text>"
        for column, label in enumerate(column_labels)
    ]
    return _svg(parts, WIDE, bottom + 22)


def _axis(left: int, wide: int, tall: int, top: float, unit: str, *, on_right: bool) -> str:
    x, anchor = (left + wide + 8, "start") if on_right else (left - 8, "end")
    edge, inwards = (left + wide, "end") if on_right else (left, "start")
    parts = [f'<text class="unit" x="{edge}" y="{TOP - 6}" text-anchor="{inwards}">{escape(unit)}</text>']
    for step in range(STEPS + 1):
        y = TOP + tall - tall * step / STEPS
        if not on_right:
            parts.append(f'<line class="grid" x1="{left}" x2="{left + wide}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(
            f'<text class="tick" x="{x}" y="{y + 4:.1f}" text-anchor="{anchor}">'
            f"{_short(top * step / STEPS)}</text>"
        )
    return "".join(parts)


def _nice(largest: float) -> float:
    """The smallest of 1, 2, 2.5, 5 × 10ⁿ … that is at least `largest`, so that axes end on round numbers."""
    if largest <= 0:
        return 1.0
    power = 10 ** math.floor(math.log10(largest))
    steps = (step * power for step in (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10))
    return float(next((step for step in steps if step >= largest), largest))


def _short(value: float) -> str:
    return f"{value / 1000:g}k" if value >= 1000 else f"{value:g}"


def _svg(parts: Sequence[str], width: int, height: int) -> str:
    return f'<svg viewBox="0 0 {width} {height}" role="img">{"".join(parts)}</svg>'
