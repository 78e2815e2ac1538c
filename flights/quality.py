"""What is kept of every quality rule that was evaluated: one table for the gates of lake and warehouse."""

from __future__ import annotations

from flights.tables import Column, Table

QUALITY_RESULTS = Table(
    "quality_results",
    "what one rule of one gate found in one run",
    ("run_key", "gate", "table", "rule"),
    (
        Column("run_key", "string", "Key of the DAG run.", 250, required=True),
        Column("gate", "string", "Where the rule stands, such as curated_flights or dbt.", 64, required=True),
        Column("table", "string", "The table that was evaluated.", 128, required=True),
        Column("rule", "string", "The rule in its own language.", 2048, required=True),
        Column("outcome", "string", "passed, failed, or error: it could not be evaluated.", 8, required=True),
        Column("observed", "string", "What was measured, as text.", 2048),
        Column("message", "string", "Why the rule did not pass.", 2048),
        Column("evaluated_at", "string", "When, ISO 8601 in UTC.", 32, required=True),
    ),
)
"""JSON lines, a file a gate and run: `quality/run=<run_key>/<gate>.jsonl` in the curated bucket."""
