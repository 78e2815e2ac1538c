"""What became of every event of a replayed day, counted where it lies, and held against the batch."""

from __future__ import annotations

import io
import json
from collections import Counter
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.parquet as parquet

from local import live_board, runtime, stream, summary


def counted(replayed: stream.Replayed) -> dict[str, Any]:
    """What became of every record, counted from what lies on S3 and in the topics."""
    asked = stream.request()
    bucket, _, prefix = stream.argument(asked, "lake").removeprefix("s3://").partition("/")
    events = _table(bucket, f"{prefix}/events/run={replayed.run_key}/")
    windows = _table(bucket, f"{prefix}/windows/run={replayed.run_key}/")
    [accounting] = _texts(bucket, f"{prefix}/accounting/run={replayed.run_key}/")
    fates = Counter(row["outcome"] for row in events)
    accepted = [row["event_id"] for row in events if row["outcome"] == "accepted"]
    tumbling = [row for row in windows if row["tumbling"]]
    real = {row["event_id"]: row for row in events if row["outcome"] in ("accepted", "late")}
    alerts = sum(stream.end_offsets(stream.argument(asked, "alert-topic")).values())
    found = {
        "day": replayed.day.isoformat(),
        "produced": replayed.sent["produced"],
        "windows": sum(row["events"] for row in tumbling),
        "late": fates["late"],
        "duplicates": len(accepted) - len(set(accepted)),
        "dead_letter": fates["dead_letter"],
        "dead_letter_reasons": dict(
            Counter(row["reason"] for row in events if row["outcome"] == "dead_letter")
        ),
        "dropped_by_watermark": json.loads(accounting)["dropped_by_watermark"],
        "alerts": alerts - replayed.alerts_before,
        "airports": _airports(tumbling),
        "batch": _batch(replayed.day),
        "streamed": {
            kind: sum(row["event_type"] == kind for row in real.values())
            for kind in ("scheduled", "departed", "cancelled")
        },
    }
    found["board"] = live_board.statuses(replayed.day, stream.argument(asked, "topic"))
    found["board_rows"] = sum(found["board"].values())
    found["reconciled"] = not problems(found)
    return found


def problems(found: dict[str, Any]) -> list[str]:
    """What does not add up on the stream, a sentence each."""
    wrong = []
    accounted = {name: found[name] for name in ("windows", "late", "duplicates", "dead_letter")}
    if found["produced"] != sum(accounted.values()):
        wrong.append(f"{found['produced']} events were produced, but {json.dumps(accounted)} accounted for.")
    if found["dropped_by_watermark"]:
        wrong.append(f"Spark dropped {found['dropped_by_watermark']} events as behind the watermark.")
    if found["streamed"] != found["batch"]:
        wrong.append(f"The stream saw {found['streamed']} on {found['day']}, the batch {found['batch']}.")
    shown = {"scheduled": found["board_rows"], "cancelled": found["board"].get("cancelled", 0)}
    if any(found["batch"][name] != count for name, count in shown.items()):
        wrong.append(f"The live board shows {found['board']} on {found['day']}, the batch {found['batch']}.")
    return wrong


def sentence(found: dict[str, Any]) -> str:
    """The stream's accounting for a person."""
    return (
        f"Stream of {found['day']}: {found['produced']:,} events = {found['windows']:,} in windows + "
        f"{found['late']:,} late + {found['duplicates']:,} duplicates + {found['dead_letter']:,} unreadable; "
        f"{found['alerts']:,} alerts; {found['board_rows']:,} flights on the live board; "
        f"it {'agrees' if found['reconciled'] else 'does NOT agree'} with the batch."
    )


def _airports(windows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Departures, cancellations and the worst hour of the airports with the most departures."""
    grouped: dict[str, list[dict[str, Any]]] = {}
    for row in windows:
        grouped.setdefault(row["airport"], []).append(row)
    found = [
        {
            "airport": airport,
            "departures": sum(row["departures"] for row in rows),
            "cancellations": sum(row["cancellations"] for row in rows),
            "max_delay_minutes": max((row["max_delay_minutes"] or 0 for row in rows), default=0),
            "worst_hour_mean_minutes": round(max(row["mean_delay_minutes"] or 0 for row in rows), 1),
        }
        for airport, rows in grouped.items()
    ]
    return sorted(found, key=lambda each: -each["departures"])[:3]


def _batch(day: date) -> dict[str, int]:
    """The same day as the batch curated it."""
    rows = _table(
        summary.deployment()["buckets"]["curated"], f"flights/year={day:%Y}/month={day:%m}/day={day:%d}/"
    )
    return {
        "scheduled": len(rows),
        "departed": sum(not row["cancelled"] and row["dep_delay_minutes"] is not None for row in rows),
        "cancelled": sum(bool(row["cancelled"]) for row in rows),
    }


def _table(bucket: str, prefix: str) -> list[dict[str, Any]]:
    s3 = runtime.client("s3")
    tables = [
        parquet.ParquetFile(io.BytesIO(s3.get_object(Bucket=bucket, Key=key)["Body"].read())).read()
        for key in summary.keys(bucket, prefix)
        if key.endswith(".parquet")
    ]
    rows: list[dict[str, Any]] = pa.concat_tables(tables).to_pylist() if tables else []
    return rows


def _texts(bucket: str, prefix: str) -> list[str]:
    s3 = runtime.client("s3")
    bodies = [s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in summary.keys(bucket, prefix)]
    return [line for body in bodies for line in body.decode().splitlines()]
