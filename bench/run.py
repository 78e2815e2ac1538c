"""`make bench`: run the benchmarks on an embedded AWS of their own; print the ratios, and keep them."""

from __future__ import annotations

import os

from rich.console import Console
from rich.table import Table

from bench import cost_of_a_day, history, measure, spark, stream, techniques
from local import processes, runtime
from local.layout import gateway_port, home


def run(console: Console) -> int:
    """Run them; the exit code, 1 if something did not hold."""
    os.environ["REFSTACK_HOME"] = str(measure.RESULTS.parent / "local")
    os.environ["REFSTACK_PORT"] = str(processes.free_port(gateway_port()))
    runtime.start(fresh=True)
    try:
        session = spark.session(home())
        try:
            console.print("Building a platform with one year of history, and one with ten ...")
            one, ten = history.make(session)
            console.print("Loading one more day on each, in turn ...")
            comparisons = cost_of_a_day.compare(session, one, ten)
            show(comparisons, console)
            measure.write(comparisons)
            console.print("Trying Spark's techniques ...")
            tried = techniques.compare(session, one)
            show(tried, console)
            console.print("Streaming a month, a steady rate, and a year of events ...")
            streamed = stream.compare(session, one)
            show(streamed, console)
        finally:
            session.stop()
    finally:
        runtime.stop()
    path = measure.write([*comparisons, *tried, *streamed])
    console.print(f"Results: {path}")
    return 1 if any(each.problems for each in [*comparisons, *streamed]) else 0


def show(comparisons: list[measure.Comparison], console: Console) -> None:
    """Print medians, ratios and what did not hold."""
    table = Table("comparison", "variant", "median s", "ratio", "limit")
    for each in comparisons:
        for name, seconds in each.medians.items():
            ratio = f"{each.ratios[name]:.2f}" if name in each.ratios else "1"
            limit = f"{each.limit}" if each.limit is not None and name in each.ratios else ""
            table.add_row(each.name, name, f"{seconds:.2f}", ratio, limit)
    console.print(table)
    for each in comparisons:
        for variant, counts in each.counts.items():
            console.print(f"{variant}: {', '.join(f'{count:,} {name}' for name, count in counts.items())}")
        for problem in each.problems:
            console.print(f"[red]{problem}[/red]")
