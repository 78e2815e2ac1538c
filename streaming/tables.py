"""Tables that the streaming job leaves on S3, a file a batch, as Athena sees them.

The files have two columns more: `key` and `value`, a record's bytes. Nothing is partitioned: whoever asks
names the run, and a run's files lie together.
"""

from __future__ import annotations

from flights.tables import Column, Table

WRITTEN_BY = (
    Column("run_key", "string", "The run of the job; `live` is the one that goes on.", 64, required=True),
    Column("batch", "int", "The batch of the run.", required=True),
)

STREAM_EVENTS = Table(
    "stream_events",
    "one record of the topic of flight events, and what became of it",
    ("run_key", "partition", "offset"),
    (
        Column("partition", "int", "Partition of the topic.", required=True),
        Column("offset", "bigint", "Offset in the partition.", required=True),
        Column("published_at", "timestamp", "When it was published, UTC.", required=True),
        Column("event_id", "string", "The same for every delivery of one event.", 64),
        Column("event_type", "string", "scheduled, departed, arrived or cancelled.", 16),
        Column("flight_id", "string", "Flight date, carrier, number and origin.", 48),
        Column("flight_date", "string", "Scheduled day of departure, ISO, local to the origin.", 10),
        Column("carrier", "string", "Airline code.", 8),
        Column("flight_number", "int", "Flight number."),
        Column("origin", "string", "Airport of departure.", 3),
        Column("destination", "string", "Airport of arrival.", 3),
        Column("event_time", "timestamp", "When it happened, UTC."),
        Column("scheduled_time", "timestamp", "When it should have, UTC."),
        Column("delay_minutes", "int", "Delay of a departure or an arrival; negative if early."),
        Column("tail_number", "string", "Registration of the aircraft.", 8),
        Column("reason", "string", "Why a dead letter could not be read.", 16),
        Column("outcome", "string", "accepted, late or dead_letter.", 16, required=True),
        Column("airport", "string", "The airport where it happened.", 3),
        *WRITTEN_BY,
    ),
)

STREAM_WINDOWS = Table(
    "stream_windows",
    "what happened at an airport in one hour",
    ("run_key", "airport", "window_start"),
    (
        Column("airport", "string", "The airport.", 3, required=True),
        Column("window_start", "timestamp", "First moment of the hour, UTC.", required=True),
        Column("window_end", "timestamp", "First moment after it, UTC.", required=True),
        Column("tumbling", "boolean", "Begins on the hour: each event is in one such window.", required=True),
        Column("events", "bigint", "Accepted events, each once.", required=True),
        Column("departures", "bigint", "Departures among them.", required=True),
        Column("arrivals", "bigint", "Arrivals.", required=True),
        Column("cancellations", "bigint", "Cancelled flights.", required=True),
        Column("mean_delay_minutes", "double", "Mean delay of the departures."),
        Column("max_delay_minutes", "int", "Greatest delay of a departure."),
        *WRITTEN_BY,
    ),
)
