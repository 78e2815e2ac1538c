"""The table of the live board: what it knows of flights, and what is to be added to it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

from pg8000.native import Connection

from operational_store.connection import transaction
from streaming.board import COLUMNS, board
from streaming.events import TICK, FlightEvent

TABLE = "board.flights"
_NAMES = ", ".join(COLUMNS)
_NEW = ", ".join(f"{column} = EXCLUDED.{column}" for column in COLUMNS if column != "flight_id")
# The names are this module's own; what events say are parameters.
SELECT = f"SELECT {_NAMES} FROM {TABLE} WHERE flight_id = ANY(:flights)"  # noqa: S608
UPSERT = (
    f"INSERT INTO {TABLE} ({_NAMES}) "  # noqa: S608
    f"SELECT {_NAMES} FROM jsonb_populate_recordset(NULL::{TABLE}, CAST(:rows AS jsonb)) "
    f"ON CONFLICT (flight_id) DO UPDATE SET {_NEW}, updated_at = now()"
)
ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(hashtext(:table))"


def add(connection: Connection, events: Iterable[FlightEvent]) -> int:
    """Add events in one transaction; the number of flights whose row is another than before.

    Writers come one at a time: a row is read, merged and written, and nobody may write it in between.
    """
    told = [event for event in events if event.event_type != TICK]
    if not told:
        return 0
    with transaction(connection):
        connection.run(ONE_AT_A_TIME, table=TABLE)
        flights = sorted({event.flight_id for event in told})
        known = {row["flight_id"]: row for row in _rows(connection, flights)}
        changed = [row for flight, row in board(told, known.values()).items() if row != known.get(flight)]
        if changed:
            connection.run(UPSERT, rows=json.dumps([dict(row) for row in changed], default=_text))
    return len(changed)


def _rows(connection: Connection, flights: list[str]) -> list[dict[str, Any]]:
    found = connection.run(SELECT, flights=flights) or []
    rows = [dict(zip(COLUMNS, values, strict=True)) for values in found]
    for row in rows:
        row["flight_date"] = row["flight_date"].isoformat()
    return rows


def _text(value: object) -> str:
    if isinstance(value, date | datetime):
        return value.isoformat()
    raise TypeError(f"{value!r} is no column's value")
